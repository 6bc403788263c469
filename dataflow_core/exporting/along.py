"""What goes along with the files of an export: told which records they hold, then asked for files of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from dataflow_core.exporters.base import Content
from dataflow_core.exporting.plan import ExportFile, ExportPlan, Preflight
from dataflow_core.storage.contents import Snapshot


class Along(Protocol):
    def sees(self, state: Snapshot) -> None:
        """The state of the workspace that all that follows is of, until the files are written; called once, first."""

    def took(self, generator: str, split: str, contents: Sequence[Content]) -> None:
        """These records were written to the file of this generator and split, after those told of before."""

    def files(
        self, folder: Path, name: str, plan: ExportPlan, preflight: Preflight, written: Sequence[ExportFile]
    ) -> Sequence[ExportFile]:
        """Write further files into the folder, which is a hidden one until all are there, and say which."""

"""What goes along with an export, and only listens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataflow_core.exporters.base import Content
from dataflow_core.exporting.plan import ExportFile, ExportPlan, Preflight
from dataflow_core.storage.contents import Snapshot


class Told:
    """`splits` holds the split of each record, by its id."""

    def __init__(self) -> None:
        self.splits: dict[str, str] = {}

    def sees(self, state: Snapshot) -> None:
        pass

    def took(self, generator: str, split: str, contents: Sequence[Content]) -> None:
        self.splits |= {content.id: split for content in contents}

    def files(
        self, folder: Path, name: str, plan: ExportPlan, preflight: Preflight, written: Sequence[ExportFile]
    ) -> Sequence[ExportFile]:
        return []

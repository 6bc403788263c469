"""What the environment says. Holds names of keys' variables, never keys."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: As pyproject.toml has them; the app runs from a folder in which nothing is installed.
PROGRAM, VERSION = "dataflow-studio", "0.1.0"


@dataclass(frozen=True, slots=True)
class Settings:
    """`home` is the folder whose subfolders are the workspaces."""

    home: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """`DATAFLOW_HOME`, else `~/dataflow-studio`."""
        home = environ.get("DATAFLOW_HOME", "").strip()
        return cls(home=Path(home).expanduser() if home else Path.home() / "dataflow-studio")

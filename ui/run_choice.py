"""Runs and imports together, for choosing whose records are meant."""

from __future__ import annotations

from dataflow_core.models import Run, RunKind
from dataflow_core.workspace import Workspace
from ui.names import run_label


def runs_and_imports(workspace: Workspace) -> dict[str, Run]:
    """By id, the newest first."""
    return {run.id: run for run in workspace.runs.with_records()}


def source_label(run: Run) -> str:
    """What it is called among the others. Not escaped."""
    return f"Import: {run_label(run)}" if run.kind is RunKind.IMPORT else run_label(run)

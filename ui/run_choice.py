"""Runs and imports together, for choosing whose records are meant."""

from __future__ import annotations

from dataflow_core.models import Run, RunKind
from dataflow_core.workspace import Workspace
from ui.names import run_label


def runs_and_imports(workspace: Workspace) -> dict[str, Run]:
    """By id, the newest first."""
    found = [*workspace.runs.all(), *workspace.runs.all(kind=RunKind.IMPORT)]
    return {run.id: run for run in sorted(found, key=lambda run: run.created_at, reverse=True)}


def source_label(run: Run) -> str:
    """What it is called among the others. Not escaped."""
    return f"Import: {run_label(run)}" if run.kind is RunKind.IMPORT else run_label(run)

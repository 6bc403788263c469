"""Starting a run with the key of the address that it will call."""

from __future__ import annotations

from dataflow_core.models import Endpoint, Run
from dataflow_core.workspace import Workspace
from ui.session import pasted_key


def start_run(workspace: Workspace, run: Run, *, limit: int | None = None) -> None:
    """Start or resume the run; its key is the one pasted for the very address it will call. Raises `DataflowError`."""
    workspace.start(run.id, limit=limit, key=pasted_key(_called(workspace, run)))


def _called(workspace: Workspace, run: Run) -> Endpoint:
    """Its endpoint as it stands, while that is still the same model: what `Workspace.enqueue` decides, too."""
    for endpoint in workspace.endpoints.all():
        if (endpoint.name, endpoint.kind, endpoint.model) == (run.endpoint.name, run.endpoint.kind, run.endpoint.model):
            return endpoint
    return run.endpoint

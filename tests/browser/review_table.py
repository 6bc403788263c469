"""Review's table as tests fill it and read it: tasks added by hand, and what was edited in them."""

from __future__ import annotations

from pathlib import Path

from dataflow_core.models import Fields
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

TASK, PARALLEL = 3, 4  # columns, after a tick, the status and a button


def fill(folder: Path, count: int) -> Workspace:
    workspace = Workspace(folder, create=True)
    for number in range(count):
        fields: Fields = {"atom_task": f"Task {number}.", "parallel_task": "p", "subsequent_task": "s"}
        workspace.review.add(fields, generator="ParaSeqTaskGenerator", author="Ada")
    return workspace


def parallel_tasks(workspace: Workspace) -> dict[str, str]:
    records = workspace.records.stream(Query())
    return {record.fields["atom_task"]: record.fields["parallel_task"] for record in records if record.is_edited}

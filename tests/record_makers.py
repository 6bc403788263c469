"""Many records at once, as a run leaves them, without the run."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ulid import ULID

from dataflow_core.checks.digest import digest_of
from dataflow_core.models import Fields, Record, ReviewStatus, RevisionKind
from dataflow_core.storage.queries import Query
from dataflow_core.storage.writing import NewRecord, add_records
from dataflow_core.workspace import Workspace

TASKS = "ParaSeqTaskGenerator"
DIALOGUES = "ConsistentChatGenerator"


def task_fields(number: int | str) -> Fields:
    return {
        "atom_task": f"Count the apples in basket {number}.",
        "parallel_task": f"Weigh the pears in basket {number}.",
        "subsequent_task": f"Divide both results of basket {number} among the guests.",
        "composition_task": f"Count apples, weigh pears in basket {number} and divide both among the guests.",
    }


def make_records(workspace: Workspace, contents: Sequence[Fields], *, generator: str = TASKS) -> list[int]:
    """Store records that look generated, unreviewed; returns their numbers."""
    before = len(workspace.records.numbers(Query(statuses=tuple(ReviewStatus))))
    made = [NewRecord(str(ULID()), one, model="m", digest=digest_of(generator, one, {})) for one in contents]
    with workspace.database.write() as connection:
        add_records(
            connection,
            made,
            generator=generator,
            kind=RevisionKind.GENERATED,
            author=generator,
            status=ReviewStatus.UNREVIEWED,
            now=time.time(),
        )
    return list(range(before + 1, before + len(made) + 1))


def make_tasks(workspace: Workspace, count: int) -> list[int]:
    return make_records(workspace, [task_fields(number) for number in range(1, count + 1)])


def record_at(workspace: Workspace, number: int) -> Record:
    (record,) = workspace.records.page([number])
    return record

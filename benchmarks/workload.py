"""What the runs that are measured have to do, planned as the app and the command line plan it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Table, insert, update
from ulid import ULID

from benchmarks.endpoint import SENTENCE
from dataflow_core.models import Endpoint, Input, InputState, ReviewStatus, RevisionKind, Run
from dataflow_core.readers import read_table, select_inputs
from dataflow_core.storage import schema
from dataflow_core.storage.ledger import Ledger
from dataflow_core.workspace import Workspace

_THINGS = ("a table for four", "two seats by the window", "a room with a desk", "a guided tour", "a first lesson")
_CITIES = ("Chicago", "Lisbon", "Kyoto", "Accra", "Porto", "Riga", "Hobart", "Quito")
_CHUNK = 5_000


def tasks(count: int) -> Iterator[str]:
    """Atomic tasks, all different, of the length that people write."""
    for number in range(count):
        thing, city = _THINGS[number % len(_THINGS)], _CITIES[number % len(_CITIES)]
        yield f"Book {thing} in {city} for guest {number:06d} on Saturday at 7 pm, and ask for a receipt."


def plan_tasks(workspace: Workspace, endpoint: Endpoint, count: int) -> Run:
    lines = "\n".join(json.dumps({"atom_task": task}) for task in tasks(count))
    table = read_table(lines.encode(), "tasks.jsonl")
    selection = select_inputs(table, "atom_task")
    return workspace.plan_tasks(table, selection, endpoint=endpoint, input_task_key="atom_task")


def plan_dialogues(workspace: Workspace, endpoint: Endpoint, count: int) -> Run:
    """Plan as many dialogues as that over all built-in intents, each with its own cell of the plan."""
    intents = workspace.intents.all()
    each, more = divmod(count, len(intents))
    counts = {intent.name: each + (number < more) for number, intent in enumerate(intents)}
    return workspace.plan_dialogues(intents, endpoint=endpoint, num_dialogs_per_intent=counts)


def plan_nearly_done(workspace: Workspace, endpoint: Endpoint, count: int, *, pending: int) -> Run:
    """Plan a run of tasks of which all but the last `pending` are done, with their calls and records.

    Written in bulk: what matters is what a process finds that takes the run up again.
    """
    run = plan_tasks(workspace, endpoint, count)
    ledger = Ledger(workspace.database, run.id, run.generator)
    after, done = -1, count - pending
    while after + 1 < done:
        items = ledger.pending(after=after, count=_CHUNK, below=done)
        _write_done(workspace, run, items)
        after = items[-1].position
    return run


def _write_done(workspace: Workspace, run: Run, items: Sequence[Input]) -> None:
    rows = [_rows(run, item) for item in items]
    with workspace.database.write() as connection:
        for table in (schema.calls, schema.records, schema.revisions):
            connection.execute(insert(table), [row[table] for row in rows])
        first, last = items[0].position, items[-1].position
        written = (schema.inputs.c.run_id == run.id) & schema.inputs.c.position.between(first, last)
        connection.execute(update(schema.inputs).where(written).values(state=InputState.DONE))


def _rows(run: Run, item: Input) -> dict[Table, dict[str, Any]]:
    now, record_id, text = time.time(), str(ULID()), f"{SENTENCE}."
    relations = dict.fromkeys(("parallel_task", "subsequent_task", "composition_task"), text)
    fields = item.fields | relations
    call = {
        "run_id": run.id,
        "input_id": item.id,
        "attempt": 0,
        "step": "relations",
        "is_valid": True,
        "prompt_hash": item.id[-16:],
        "prompt_version": run.prompt_version,
        "sampling": {},
        "model": run.endpoint.model,
        "texts": [json.dumps(relations)],
        "finish_reason": "stop",
        "prompt_tokens": 400,
        "completion_tokens": 75,
        "seconds": 0.02,
        "at": now,
    }
    record = {
        "id": record_id,
        "run_id": run.id,
        "input_id": item.id,
        "position": item.position,
        "generator": run.generator,
        "fields": fields,
        "search_text": "\n".join(fields.values()).casefold(),
        "status": ReviewStatus.UNREVIEWED,
        "revision": 1,
        "is_edited": False,
        "created_at": now,
        "updated_at": now,
    }
    revision = {
        "record_id": record_id,
        "number": 1,
        "kind": RevisionKind.GENERATED,
        "fields": fields,
        "author": run.generator,
        "at": now,
    }
    return {schema.calls: call, schema.records: record, schema.revisions: revision}

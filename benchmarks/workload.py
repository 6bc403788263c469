"""What the runs that are measured have to do, planned as the app and the command line plan it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from benchmarks.endpoint import SENTENCE
from dataflow_core.models import Completion, Endpoint, Input, Message, Prompt, Run, Usage
from dataflow_core.readers import read_table, select_inputs
from dataflow_core.storage.ledger import Call, Done, Event, Ledger
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
    text = f"{SENTENCE}."
    relations = dict.fromkeys(("parallel_task", "subsequent_task", "composition_task"), text)
    prompt = Prompt(run.prompt_version, (Message("user", SENTENCE),))
    completion = Completion((json.dumps(relations),), run.endpoint.model, usage=Usage(400, 75), seconds=0.02)
    events: list[Event] = []
    for item in items:
        events.append(Call(item, "relations", prompt, item.id[-16:], completion, is_valid=True))
        events.append(Done(item, item.fields | relations, model=run.endpoint.model))
    Ledger(workspace.database, run.id, run.generator).write(events)

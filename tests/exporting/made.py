"""Workspaces with records to be exported, and exports of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dataflow_core.exporting.plan import ExportPlan, WrittenExport
from dataflow_core.models import Fields
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.record_makers import DIALOGUES, TASKS, make_records, record_at, task_fields

OWN = "GeneratorTask"


def dialogue_fields(number: int, **more: Any) -> Fields:
    """Of four turns, which are like those of no other number."""
    said = [f"What of {number}?", f"Of {number} much is said.", f"And {number * 7919}?", f"Less of {number * 104729}."]
    turns = [{"role": ("user", "assistant")[place % 2], "value": text} for place, text in enumerate(said)]
    fields: Fields = {"category": "Travel", "intent": "Travel", "flow": "f", "topic": f"t{number}"}
    return fields | {"conversation": turns} | more


def own_fields(number: int) -> Fields:
    return {"question": f"How many are {number}?", "context": "", "answer": f"There are {number}."}


def make_all_kinds(workspace: Workspace, count: int = 10) -> None:
    """So many tasks, dialogues and records of one's own, each edited once, so that it makes a preference pair."""
    for number in range(count):
        _edited(workspace, TASKS, task_fields(number), composition_task=f"All of {number}.")
        fields = dialogue_fields(number, **({"system": "Be brief."} if number % 3 == 0 else {}))
        turns = [*fields["conversation"][:-1], {"role": "assistant", "value": f"Better: {number}."}]
        _edited(workspace, DIALOGUES, fields, conversation=turns)
        _edited(workspace, OWN, own_fields(number), answer=f"Better, {number}.")


def export_of(workspace: Workspace, folder: Path, name: str = "ex", **plan: Any) -> WrittenExport:
    return workspace.bundles.write(ExportPlan(**{"query": Query(), **plan}), folder, name)


def rows_of(path: Path) -> list[Fields]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _edited(workspace: Workspace, generator: str, fields: Fields, **changes: Any) -> None:
    (number,) = make_records(workspace, [fields], generator=generator)
    workspace.review.edit(record_at(workspace, number).id, changes, base_revision=1, author="Ada")

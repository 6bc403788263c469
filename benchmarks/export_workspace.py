"""A workspace of very many accepted records of one kind, to be exported."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from benchmarks.review_workspace import DIALOGUES, INTENTS, TASKS, dialogue, sentence
from dataflow_core.models import Endpoint, Fields, ReviewStatus, RevisionKind
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.schema import records, revisions
from dataflow_core.workspace import Workspace

GENERATORS = {"tasks": TASKS, "dialogues": DIALOGUES}
_CHUNK = 20_000


def make(folder: Path, kind: str, count: int, *, seed: int = 0) -> Workspace:
    """`kind` is "tasks" or "dialogues"."""
    workspace = Workspace(folder, create=True)
    plan = RunPlan(
        name="Run",
        generator=GENERATORS[kind],
        params={},
        endpoint=Endpoint("bench", model="bench"),
        prompt_version="1",
        inputs=({},),
        source={"name": "bench", "lines": 0, "skipped": 0},
    )
    run = workspace.runs.create(plan).id
    for start in range(0, count, _CHUNK):
        numbers = range(start + 1, min(start + _CHUNK, count) + 1)
        with workspace.database.write() as connection:
            connection.execute(insert(records), list(_records(numbers, run, kind, seed)))
            connection.execute(insert(revisions), list(_revisions(numbers, kind, seed)))
    return workspace


def _records(numbers: range, run: str, kind: str, seed: int) -> Iterator[dict[str, Any]]:
    now = time.time()
    for number in numbers:
        yield {
            "number": number,
            "id": f"01BENCH{number:019d}",
            "run_id": run,
            "position": number,
            "generator": GENERATORS[kind],
            "model": "bench",
            "intent": INTENTS[number % len(INTENTS)],
            "status": ReviewStatus.ACCEPTED.value,
            "revision": 1,
            "is_edited": False,
            "created_at": now,
            "revised_at": now,
            "updated_at": now,
        }


def _revisions(numbers: range, kind: str, seed: int) -> Iterator[dict[str, Any]]:
    for number in numbers:
        chance = random.Random(seed + number)  # noqa: S311
        yield {
            "record": number,
            "number": 1,
            "kind": RevisionKind.GENERATED.value,
            "author": GENERATORS[kind],
            "reason": "",
            "at": 0.0,
            "fields": _task(chance, number) if kind == "tasks" else dialogue(chance),
        }


def _task(chance: random.Random, number: int) -> Fields:
    """As a run over a file of three columns makes them."""
    names = ("atom_task", "parallel_task", "subsequent_task", "composition_task")
    texts = {name: sentence(chance, words) for name, words in zip(names, (14, 16, 16, 40), strict=True)}
    return {"id": number, "source": INTENTS[number % len(INTENTS)], **texts}

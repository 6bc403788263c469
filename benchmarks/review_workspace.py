"""A workspace of very many records, as they would be after several runs and some days of review."""

from __future__ import annotations

import random
import time
from pathlib import Path

from dataflow_core.digest import digest_of
from dataflow_core.models import Endpoint, Fields, ReviewStatus, RevisionKind
from dataflow_core.storage.runs import RunPlan
from dataflow_core.storage.writing import NewRecord, add_records
from dataflow_core.workspace import Workspace

TASKS, DIALOGUES = "ParaSeqTaskGenerator", "ConsistentChatGenerator"
RUNS, MODELS = 20, ("mistral-small", "qwen3-32b", "gpt-4o-mini")
INTENTS = ("Planning", "Buying advice", "Troubleshooting", "Small talk", "Learning", "Booking", "Complaint")
_CHUNK = 5_000
_STATUSES = [ReviewStatus.UNREVIEWED] * 7 + [ReviewStatus.ACCEPTED] * 2 + [ReviewStatus.REJECTED]
_WORDS = [
    "plan",
    "book",
    "compare",
    "write",
    "find",
    "list",
    "weekly",
    "budget",
    "report",
    "invoice",
    "garden",
    "travel",
    "train",
    "hotel",
    "recipe",
    "dinner",
    "lesson",
    "course",
    "exam",
    "workout",
    "customer",
    "order",
    "refund",
    "warranty",
    "address",
    "schedule",
    "meeting",
    "summary",
    "email",
    "letter",
    "friend",
    "parents",
    "children",
    "city",
    "museum",
    "ticket",
    "price",
    "quality",
    "battery",
    "laptop",
    "phone",
    "camera",
    "repair",
    "paint",
    "kitchen",
    "window",
    "river",
    "mountain",
]


def make(folder: Path, count: int, *, seed: int = 0) -> Workspace:
    """Make the workspace: a third of its records are dialogues. One in a hundred says "the silver kettle"."""
    workspace = Workspace(folder, create=True)
    chance = random.Random(seed)
    ids = [_run(workspace, number) for number in range(RUNS)]
    made = 0
    for start in range(0, count, _CHUNK):
        many = min(_CHUNK, count - start)
        status = _STATUSES[(start // _CHUNK) % len(_STATUSES)]
        run = (start * RUNS) // count
        generator = _generator(run)
        records = [
            _record(chance, ids[run], generator, start + place, MODELS[run % len(MODELS)]) for place in range(many)
        ]
        with workspace.database.write() as connection:
            add_records(
                connection,
                records,
                generator=generator,
                kind=RevisionKind.GENERATED,
                author=generator,
                status=status,
                now=time.time(),
            )
        made += many
    return workspace


def _generator(run: int) -> str:
    return DIALOGUES if run % 3 == 0 else TASKS


def _run(workspace: Workspace, number: int) -> str:
    endpoint = Endpoint("bench", model=MODELS[number % len(MODELS)])
    plan = RunPlan(
        name=f"Run {number}",
        generator=_generator(number),
        params={},
        endpoint=endpoint,
        prompt_version="1",
        inputs=({},),
        source={"name": "bench", "lines": 0, "skipped": 0},
    )
    return workspace.runs.create(plan).id


def _record(chance: random.Random, run_id: str, generator: str, number: int, model: str) -> NewRecord:
    fields = _dialogue(chance) if generator == DIALOGUES else _task(chance)
    record_id = f"01BENCH{number:019d}"
    digest = digest_of(generator, fields, {})
    return NewRecord(record_id, fields, run_id, None, number, model=model, digest=digest)


def _task(chance: random.Random) -> Fields:
    names = ("atom_task", "parallel_task", "subsequent_task", "composition_task")
    return {name: _sentence(chance, 12) for name in names}


def _dialogue(chance: random.Random) -> Fields:
    intent = chance.choice(INTENTS)
    turns = [
        {"role": role, "value": _sentence(chance, words)}
        for _ in range(3)
        for role, words in (("user", 12), ("assistant", 30))
    ]
    return {
        "category": intent,
        "intent": intent,
        "flow": "Ask, refine",
        "topic": _sentence(chance, 3),
        "conversation": turns,
    }


def _sentence(chance: random.Random, words: int) -> str:
    text = " ".join(chance.choices(_WORDS, k=words)).capitalize()
    return text + (" with the silver kettle." if chance.random() < 0.0025 else ".")

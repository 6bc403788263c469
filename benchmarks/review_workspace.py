"""A workspace of very many records, as they would be after several runs and some days of review."""

from __future__ import annotations

import random
import time
from pathlib import Path

from sqlalchemy import update

from dataflow_core.checks.digest import digest_of
from dataflow_core.models import Endpoint, Fields, ReviewStatus, RevisionKind
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.schema import records
from dataflow_core.storage.writing import NewRecord, add_records
from dataflow_core.workspace import Workspace

TASKS, DIALOGUES = "ParaSeqTaskGenerator", "ConsistentChatGenerator"
RUNS, MODELS = 20, ("mistral-small", "qwen3-32b", "gpt-4o-mini")
INTENTS = ("Planning", "Buying advice", "Troubleshooting", "Small talk", "Learning", "Booking", "Complaint")
REVIEWERS = ("Ana", "Ben", "Chris", "Dilek")
REASONS = ("Off topic", "Too vague", "Badly written")
TAG = "look again"
_CHUNK = 5_000
_WORDS = [
    "plan", "book", "compare", "write", "find", "list", "weekly", "budget", "report", "invoice", "garden", "travel",
    "train", "hotel", "recipe", "dinner", "lesson", "course", "exam", "workout", "customer", "order", "refund",
    "warranty", "address", "schedule", "meeting", "summary", "email", "letter", "friend", "parents", "children",
    "city", "museum", "ticket", "price", "quality", "battery", "laptop", "phone", "camera", "repair", "paint",
    "kitchen", "window", "river", "mountain",
]  # fmt: skip


def make(folder: Path, count: int, *, seed: int = 0) -> Workspace:
    """Make the workspace: a third of its records are dialogues. One in a hundred says "the silver kettle", one in two
    hundred the same as another.
    """
    workspace = Workspace(folder, create=True)
    ids = [_run(workspace, number) for number in range(RUNS)]
    chunk = min(_CHUNK, max(1, count // RUNS))
    for start in range(0, count, chunk):
        many = min(chunk, count - start)
        run = (start * RUNS) // count
        generator = _generator(run)
        made_now = [
            _record(seed, ids[run], generator, start + place, MODELS[run % len(MODELS)]) for place in range(many)
        ]
        with workspace.database.write() as connection:
            add_records(
                connection,
                made_now,
                generator=generator,
                kind=RevisionKind.GENERATED,
                author=generator,
                status=ReviewStatus.UNREVIEWED,
                now=time.time(),
            )
    _review(workspace, count)
    return workspace


def _review(workspace: Workspace, count: int) -> None:
    """What people leave behind: decisions on three in ten, fifty in a row; some edits, and a tag on one in fifty."""
    place = records.c.number // 50 % 10
    accepted, rejected = place.in_((7, 8)), place == 9
    with workspace.database.write() as connection:
        for which, status, reasons in (
            (accepted, ReviewStatus.ACCEPTED, ("",)),
            (rejected, ReviewStatus.REJECTED, REASONS),
        ):
            for number, reviewer in enumerate(REVIEWERS):
                one = update(records).where(which, records.c.number % len(REVIEWERS) == number)
                reason = reasons[number % len(reasons)]
                connection.execute(one.values(status=status.value, reviewer=reviewer, reason=reason))
        connection.execute(update(records).where(records.c.number % 25 == 0).values(is_edited=True))
    every_fiftieth = range(1, count + 1, 50)
    workspace.bulk.execute(workspace.bulk.tag(every_fiftieth, TAG, author=REVIEWERS[0]).number)


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


def _record(seed: int, run_id: str, generator: str, number: int, model: str) -> NewRecord:
    is_repeated = number % 200 == 199
    chance = random.Random(seed + number - is_repeated)  # noqa: S311
    fields = dialogue(chance) if generator == DIALOGUES else task(chance)
    record_id = f"01BENCH{number:019d}"
    digest = digest_of(generator, fields, {})
    return NewRecord(record_id, fields, run_id, None, number, model=model, digest=digest)


def task(chance: random.Random) -> Fields:
    names = ("atom_task", "parallel_task", "subsequent_task", "composition_task")
    return {name: sentence(chance, 12) for name in names}


def dialogue(chance: random.Random) -> Fields:
    intent = chance.choice(INTENTS)
    turns = [
        {"role": role, "value": sentence(chance, words)}
        for _ in range(3)
        for role, words in (("user", 12), ("assistant", 30))
    ]
    return {
        "category": intent,
        "intent": intent,
        "flow": "Ask, refine",
        "topic": sentence(chance, 3),
        "conversation": turns,
    }


def sentence(chance: random.Random, words: int) -> str:
    text = " ".join(chance.choices(_WORDS, k=words)).capitalize()
    return text + (" with the silver kettle." if chance.random() < 0.0025 else ".")

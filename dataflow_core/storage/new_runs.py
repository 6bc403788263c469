"""How a new run and its inputs are stored."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert
from ulid import ULID

from dataflow_core.errors import UsageError
from dataflow_core.models import Endpoint, Example, Fields, InputState, RunKind, RunState, SourceLine
from dataflow_core.storage.database import storable
from dataflow_core.storage.examples import store_examples
from dataflow_core.storage.schema import inputs, runs, source_lines

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a new run is made of. `skipped` are lines of the source that did not become inputs.

    `record` is the number of the one record that a person asked to have written again. `examples` are shown to the
    model with the inputs: those of the first one, of the second one, and so on.
    """

    name: str
    generator: str
    params: Fields
    endpoint: Endpoint
    prompt_version: str
    inputs: Iterable[Fields]
    source: Fields
    skipped: Sequence[SourceLine] = ()
    kind: RunKind = RunKind.GENERATE
    record: int | None = None
    examples: Sequence[Sequence[Example]] | None = None


def insert_run(connection: Connection, run_id: str, plan: RunPlan) -> None:
    """Raises `UsageError` when there are no inputs."""
    connection.execute(
        insert(runs).values(
            id=run_id,
            name=plan.name,
            generator=plan.generator,
            params=plan.params,
            endpoint=asdict(plan.endpoint),
            prompt_version=plan.prompt_version,
            state=RunState.PAUSED,
            reason="Not started yet.",
            source=plan.source,
            created_at=time.time(),
            kind=plan.kind,
            record=plan.record,
        )
    )
    if not insert_inputs(connection, run_id, plan.inputs, examples=plan.examples):
        raise UsageError("There is nothing to run: not one input is left.")
    skipped = [asdict(line) | {"run_id": run_id, "text": storable(line.text)} for line in plan.skipped]
    for start in range(0, len(skipped), _CHUNK):
        connection.execute(insert(source_lines), skipped[start : start + _CHUNK])


def insert_inputs(
    connection: Connection,
    run_id: str,
    plan: Iterable[Fields],
    *,
    first: int = 0,
    examples: Sequence[Sequence[Example]] | None = None,
) -> int:
    """Store inputs of the run, pending, from this position on, with those examples; returns how many."""
    count = 0
    digests = store_examples(connection, examples) if examples is not None else None
    chunk: list[Fields] = []
    for count, fields in enumerate(plan, start=1):
        chunk.append(
            {
                "id": str(ULID()),
                "run_id": run_id,
                "position": first + count - 1,
                "fields": fields,
                "state": InputState.PENDING,
                "attempt": 0,
                **({} if digests is None else {"examples": digests[count - 1]}),
            }
        )
        if len(chunk) == _CHUNK:
            connection.execute(insert(inputs), chunk)
            chunk = []
    if chunk:
        connection.execute(insert(inputs), chunk)
    return count

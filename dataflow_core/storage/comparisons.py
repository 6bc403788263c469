"""What two runs over the same inputs are compared by: their inputs, what these took, what was made of them at first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, func, select

from dataflow_core.models import Fields, InputState, Record, ReviewStatus, RevisionKind, Usage
from dataflow_core.storage.records import page
from dataflow_core.storage.schema import calls, failures, inputs, records, revisions

T = TypeVar("T")
_CHUNK = 500
_BY_A_MODEL = (RevisionKind.GENERATED.value, RevisionKind.REGENERATED.value)


@dataclass(frozen=True, slots=True)
class InputEnd:
    """An input, where it stands, and why it failed if it did."""

    id: str
    position: int
    fields: Fields
    state: InputState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What calls have taken in all."""

    calls: int
    usage: Usage
    seconds: float  # of waiting for answers, one call after the other


def inputs_of(connection: Connection, run_id: str, *, most: int | None = None) -> list[InputEnd]:
    """The run's inputs, or the first of them, in order."""
    stands = (failures.c.input_id == inputs.c.id) & (failures.c.attempt == inputs.c.attempt)
    query = select(inputs.c.id, inputs.c.position, inputs.c.fields, inputs.c.state, failures.c.reason)
    query = query.join_from(inputs, failures, stands, isouter=True).where(inputs.c.run_id == run_id)
    if most is not None:
        query = query.where(inputs.c.position < most)
    ends: dict[str, InputEnd] = {}
    for row in connection.execute(query.order_by(inputs.c.position, failures.c.number)):
        failed = row.state == InputState.FAILED
        ends[row.id] = InputEnd(row.id, row.position, row.fields, InputState(row.state), row.reason if failed else "")
    return list(ends.values())


def taken_by(connection: Connection, input_ids: Sequence[str]) -> Taken:
    """What the calls for these inputs have taken, those that brought nothing usable included."""
    total = Taken(0, Usage(), 0.0)
    sums = [func.sum(column) for column in (calls.c.prompt_tokens, calls.c.completion_tokens, calls.c.seconds)]
    for ids in _chunks(input_ids):
        count, sent, got, seconds = connection.execute(
            select(func.count(), *sums).where(calls.c.input_id.in_(ids))
        ).one()
        total = Taken(total.calls + count, total.usage + Usage(sent or 0, got or 0), total.seconds + (seconds or 0.0))
    return total


def made_of(connection: Connection, run_id: str, input_ids: Sequence[str]) -> dict[str, tuple[Record, Fields]]:
    """By input of the run: the record, and what a model gave it at first; without deleted ones, and a person's own."""
    found: dict[str, tuple[Record, Fields]] = {}
    for ids in _chunks(input_ids):
        first = (revisions.c.record == records.c.number) & (revisions.c.number == 1)
        query = select(records.c.number, revisions.c.fields).join(revisions, first)
        query = query.where(
            records.c.run_id == run_id,
            records.c.input_id.in_(ids),
            records.c.status != ReviewStatus.DELETED.value,
            revisions.c.kind.in_(_BY_A_MODEL),
        )
        given = {row.number: row.fields for row in connection.execute(query.order_by(records.c.number))}
        for record in page(connection, list(given)):
            found[record.input_id or ""] = record, given[record.number]
    return found


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))

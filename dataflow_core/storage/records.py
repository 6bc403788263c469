"""Records and their revisions: reading them by page or as a stream, and adding to them."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, insert, select, true, update

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, InputState, Record, ReviewStatus, Revision, RevisionKind
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.rows import record_of, revision_of
from dataflow_core.storage.schema import decisions, inputs, records, revisions, runs

Sort = Literal["oldest", "newest", "recently changed"]
_ORDER = {
    "oldest": (records.c.run_id.nulls_last(), records.c.position, records.c.number),  # a run's in its inputs' order
    "newest": (records.c.number.desc(),),
    "recently changed": (records.c.updated_at.desc(), records.c.number),
}
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Query:
    """Which records, in which order. An empty tuple or text does not restrict."""

    runs: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    statuses: tuple[ReviewStatus, ...] = ()
    text: str = ""
    sort: Sort = "oldest"


class RecordStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def numbers(self, query: Query) -> array[int]:
        """The numbers of all matching records, in order: 8 bytes each. Pages cut from it do not shift under edits."""
        statement = select(records.c.number).where(_matches(query)).order_by(*_ORDER[query.sort])
        with self._database.read() as connection:
            return array("q", connection.scalars(statement))

    def count(self, query: Query) -> int:
        with self._database.read() as connection:
            return connection.scalar(select(func.count()).select_from(records).where(_matches(query))) or 0

    def count_by_status(self, query: Query) -> dict[ReviewStatus, int]:
        """Counts over the query without its own restriction to statuses."""
        anywhere = Query(query.runs, query.generators, (), query.text)
        statement = select(records.c.status, func.count()).where(_matches(anywhere)).group_by(records.c.status)
        with self._database.read() as connection:
            counts = {ReviewStatus(status): count for status, count in connection.execute(statement)}
        return {status: counts.get(status, 0) for status in ReviewStatus}

    def count_by_generator(self, query: Query) -> dict[str, int]:
        statement = select(records.c.generator, func.count()).where(_matches(query)).group_by(records.c.generator)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def page(self, numbers: Sequence[int]) -> list[Record]:
        """The records with these numbers, in this order."""
        found: dict[int, Record] = {}
        with self._database.read() as connection:
            for start in range(0, len(numbers), _CHUNK):
                statement = select(records).where(records.c.number.in_(list(numbers[start : start + _CHUNK])))
                found.update((row["number"], record_of(row)) for row in connection.execute(statement).mappings())
        return [found[number] for number in numbers if number in found]

    def stream(self, query: Query) -> Iterator[Record]:
        """All matching records, a chunk in memory at a time."""
        numbers = self.numbers(query)
        for start in range(0, len(numbers), _CHUNK):
            yield from self.page(numbers[start : start + _CHUNK])

    def get(self, record_id: str) -> Record | None:
        with self._database.read() as connection:
            row = connection.execute(select(records).where(records.c.id == record_id)).mappings().first()
        return record_of(row) if row else None

    def history(self, record_id: str) -> list[Revision]:
        """Newest first."""
        statement = select(revisions).where(revisions.c.record_id == record_id).order_by(revisions.c.number.desc())
        with self._database.read() as connection:
            return [revision_of(row) for row in connection.execute(statement).mappings()]


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to be stored; the ids and the place of what it was made from are None where it is made from nothing."""

    id: str
    fields: Fields
    run_id: str | None = None
    input_id: str | None = None
    position: int | None = None
    repairs: tuple[str, ...] = ()


def add_records(
    connection: Connection,
    made: Sequence[NewRecord],
    *,
    generator: str,
    kind: RevisionKind,
    author: str,
    status: ReviewStatus,
    now: float,
) -> None:
    """Store records, each with its first revision."""
    new_records: list[Fields] = []
    first_revisions: list[Fields] = []
    # Every column is given: a default would be worked out again for each record.
    shared: Fields = {"generator": generator, "status": status.value, "reason": "", "reviewer": ""}
    shared |= {"revision": 1, "is_edited": False, "created_at": now, "updated_at": now}
    for record in made:
        fields = _storable_fields(record.fields)
        own: Fields = {
            "id": record.id,
            "run_id": record.run_id,
            "input_id": record.input_id,
            "position": record.position,
        }
        own |= {"fields": fields, "search_text": _search_text(fields), "repairs": list(record.repairs)}
        new_records.append(shared | own)
        first_revisions.append(_revision(record.id, 1, kind, fields, author, "", now))
    if made:
        connection.execute(insert(records), new_records)
        connection.execute(insert(revisions), first_revisions)


def add_written(connection: Connection, written: NewRecord, *, generator: str, author: str) -> None:
    """Store a record that a person has written, as accepted: whoever wrote it has judged it."""
    add_records(
        connection,
        [written],
        generator=generator,
        kind=RevisionKind.WRITTEN,
        author=author,
        status=ReviewStatus.ACCEPTED,
        now=time.time(),
    )


def make_good(connection: Connection, input_id: str) -> RowMapping | None:
    """Count a failed input as done; returns its run's id and generator, its position and fields. None if not failed."""
    is_failed = (inputs.c.id == input_id) & (inputs.c.state == InputState.FAILED.value)
    query = select(inputs.c.run_id, inputs.c.position, inputs.c.fields, runs.c.generator).join_from(inputs, runs)
    found = connection.execute(query.where(is_failed)).mappings().first()
    if found is not None:
        connection.execute(update(inputs).where(is_failed).values(state=InputState.DONE.value))
    return found


def revise(
    connection: Connection, record: Record, fields: Fields, *, kind: RevisionKind, author: str, reason: str = ""
) -> None:
    """Add a revision by a person. It keeps the decision that stands on the record."""
    now = time.time()
    fields = _storable_fields(fields)
    revision = _revision(record.id, record.revision + 1, kind, fields, author, reason, now)
    connection.execute(insert(revisions), revision)
    connection.execute(
        update(records)
        .where(records.c.id == record.id)
        .values(
            fields=fields,
            search_text=_search_text(fields),
            revision=record.revision + 1,
            is_edited=True,
            updated_at=now,
        )
    )


def decide(connection: Connection, record: Record, status: ReviewStatus, *, reviewer: str, reason: str) -> None:
    now = time.time()
    connection.execute(
        insert(decisions).values(
            record_id=record.id, revision=record.revision, status=status, reason=reason, reviewer=reviewer, at=now
        )
    )
    connection.execute(
        update(records)
        .where(records.c.id == record.id)
        .values(status=status, reason=reason, reviewer=reviewer, updated_at=now)
    )


def current(connection: Connection, record_id: str) -> Record | None:
    row = connection.execute(select(records).where(records.c.id == record_id)).mappings().first()
    return record_of(row) if row else None


def fields_at(connection: Connection, record_id: str, revision: int) -> Fields:
    """The record's fields at that revision. Raises `UsageError` where it has none of that number."""
    found = connection.scalar(
        select(revisions.c.fields).where(revisions.c.record_id == record_id, revisions.c.number == revision)
    )
    if found is None:
        raise UsageError(f"The record has no revision {revision}.")
    fields: Fields = found
    return fields


def _revision(
    record_id: str, number: int, kind: RevisionKind, fields: Fields, author: str, reason: str, at: float
) -> Fields:
    return {
        "record_id": record_id,
        "number": number,
        "kind": kind.value,
        "fields": fields,
        "author": author,
        "reason": reason,
        "at": at,
    }


def _matches(query: Query) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if query.runs:
        conditions.append(records.c.run_id.in_(query.runs))
    if query.generators:
        conditions.append(records.c.generator.in_(query.generators))
    if query.statuses:
        conditions.append(records.c.status.in_(query.statuses))
    if query.text.strip():
        conditions.append(records.c.search_text.contains(query.text.strip().casefold(), autoescape=True))
    return and_(*conditions)


def _search_text(fields: Fields) -> str:
    return "\n".join(_texts(fields)).casefold()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif value is not None:
        yield str(value)


def _storable_fields(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): _storable_fields(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_storable_fields(part) for part in value]
    return value

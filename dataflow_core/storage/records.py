"""Reading records: by page or as a stream, counted, each with its history."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, func, select

from dataflow_core.models import Comment, Decision, Fields, Finding, Record, ReviewStatus, Revision
from dataflow_core.storage.database import Database
from dataflow_core.storage.queries import Query, matches
from dataflow_core.storage.rows import comment_of, decision_of, record_of, revision_of
from dataflow_core.storage.schema import comments, decisions, findings, record_tags, records, revisions, runs

if TYPE_CHECKING:
    from dataflow_core.storage.listing import Listing

_CHUNK = 500
_WITH_VALUES = {
    "models": records.c.model,
    "intents": records.c.intent,
    "reviewers": records.c.reviewer,
    "reasons": records.c.reason,
    "tags": record_tags.c.tag,
}
_WITH_FIELDS = select(records, revisions.c.fields).join(
    revisions, (revisions.c.record == records.c.number) & (revisions.c.number == records.c.revision)
)


class RecordStore:
    def __init__(self, database: Database) -> None:
        self.database = database

    def numbers(self, query: Query) -> array[int]:
        """The numbers of all matching records, in order: 8 bytes each. Pages cut from it do not shift under edits."""
        return self._listing.numbers(query)

    def count(self, query: Query) -> int:
        return self._listing.count(query)

    def count_after(self, number: int, query: Query) -> int:
        """How many of the query's records, whatever their status, were made after the one of this number."""
        newer = matches(replace(query, statuses=())) & (records.c.number > number)
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(records).where(newer)) or 0

    def next_unreviewed(self, numbers: Sequence[int]) -> int | None:
        """The first of these records that nobody has decided yet."""
        waiting = records.c.status == ReviewStatus.UNREVIEWED.value
        with self.database.read() as connection:
            for start in range(0, len(numbers), _CHUNK):
                chunk = list(numbers[start : start + _CHUNK])
                found = set(connection.scalars(select(records.c.number).where(records.c.number.in_(chunk), waiting)))
                if found:
                    return next(number for number in chunk if number in found)
        return None

    def count_by_status(self, query: Query) -> dict[ReviewStatus, int]:
        """Counts over the query without its own restriction to statuses."""
        return self._listing.count_by_status(query)

    def count_by_generator(self, query: Query) -> dict[str, int]:
        return self.count_by("generators", query)

    def count_by(self, facet: str, query: Query) -> dict[str, int]:
        """How many of the query's records have which run, generator, model, intent, reviewer or reason.

        `facet` is the query's own name for it. What the query itself demands of it is left aside.
        """
        free: dict[str, Any] = {facet: ()}
        return self._listing.count_by(facet, replace(query, **free))

    def count_by_tag(self, query: Query) -> dict[str, int]:
        return self._listing.count_by_tag(replace(query, tags=()))

    def values(self, facet: str) -> list[str]:
        """Which models, intents, reviewers, reasons or tags there are, in order; `facet` is the query's name for it."""
        column, found = _WITH_VALUES[facet], [""]
        with self.database.read() as connection:
            # From one to the next along the index: a count would go through all records.
            while (following := connection.scalar(select(func.min(column)).where(column > found[-1]))) is not None:
                found.append(following)
        return found[1:]

    def count_by_finding(self, query: Query) -> dict[str, int]:
        """How many of the query's records each check has found something about, and how many say the same as others."""
        return self._listing.count_by_finding(replace(query, findings=()))

    def page(self, numbers: Sequence[int]) -> list[Record]:
        """The records with these numbers, in this order."""
        with self.database.read() as connection:
            return page(connection, numbers)

    def stream(self, query: Query) -> Iterator[Record]:
        """All matching records, a chunk in memory at a time."""
        numbers = self.numbers(query)
        for start in range(0, len(numbers), _CHUNK):
            yield from self.page(numbers[start : start + _CHUNK])

    def get(self, record_id: str) -> Record | None:
        with self.database.read() as connection:
            return find(connection, records.c.id == record_id)

    def history(self, record_id: str) -> list[Revision]:
        """Newest first."""
        return [revision_of(row) for row in self._about(record_id, revisions, revisions.c.number.desc())]

    def decisions(self, record_id: str) -> list[Decision]:
        """Newest first."""
        return [decision_of(row) for row in self._about(record_id, decisions, decisions.c.number.desc())]

    def comments(self, record_id: str) -> list[Comment]:
        """Oldest first, as a conversation is read."""
        return [comment_of(row) for row in self._about(record_id, comments, comments.c.number)]

    def tags(self, record_id: str) -> list[str]:
        return [row["tag"] for row in self._about(record_id, record_tags, record_tags.c.tag)]

    def findings(self, record_id: str) -> list[Finding]:
        rows = self._about(record_id, findings, findings.c.check)
        return [Finding(row["check"], row["field"], row["message"]) for row in rows]

    def same_as(self, record_id: str, *, most: int = 10) -> list[int]:
        """The numbers of other records that say the same, deleted ones aside."""
        own = select(records.c.number, records.c.fingerprint).where(records.c.id == record_id).subquery()
        others = select(records.c.number).join(own, own.c.fingerprint == records.c.fingerprint)
        others = others.where(records.c.number != own.c.number, records.c.status != ReviewStatus.DELETED.value)
        with self.database.read() as connection:
            return list(connection.scalars(others.order_by(records.c.number).limit(most)))

    def params_of(self, record: Record) -> Fields:
        """The params of the run that it was made by; {} where it was written by hand."""
        with self.database.read() as connection:
            return params_of(connection, record)

    def version(self) -> tuple[int, float, int]:
        """Another value whenever records have been added or changed, or the last one was indexed and checked."""
        with self.database.read() as connection:
            newest = select(func.max(records.c.number)).scalar_subquery()
            changed = select(func.max(records.c.updated_at)).scalar_subquery()  # each apart is read off its index
            checked = select(func.min(records.c.checked)).scalar_subquery()
            number, at, least = connection.execute(select(newest, changed, checked)).one()
        return number or 0, at or 0.0, least or 0

    def _about(self, record_id: str, table: Any, *order: Any) -> list[Any]:
        statement = select(table).join(records, records.c.number == table.c.record).where(records.c.id == record_id)
        with self.database.read() as connection:
            return list(connection.execute(statement.order_by(*order)).mappings())

    @cached_property
    def _listing(self) -> Listing:
        from dataflow_core.storage.listing import Listing  # only here: numpy takes longer to load than most commands do

        return Listing(self.database)


def page(connection: Connection, numbers: Sequence[int]) -> list[Record]:
    """The records with these numbers, in this order."""
    found: dict[int, Record] = {}
    for start in range(0, len(numbers), _CHUNK):
        statement = _WITH_FIELDS.where(records.c.number.in_(list(numbers[start : start + _CHUNK])))
        found.update((row["number"], record_of(row)) for row in connection.execute(statement).mappings())
    return [found[number] for number in numbers if number in found]


def find(connection: Connection, condition: ColumnElement[bool]) -> Record | None:
    row = connection.execute(_WITH_FIELDS.where(condition)).mappings().first()
    return record_of(row) if row else None


def params_of(connection: Connection, record: Record) -> Fields:
    params: Fields | None = None
    if record.run_id is not None:
        params = connection.scalar(select(runs.c.params).where(runs.c.id == record.run_id))
    return params or {}

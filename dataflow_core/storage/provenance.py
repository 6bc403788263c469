"""Where a record came from, call by call, and what people have done with it since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, Table, func, select

from dataflow_core.models import (
    Comment,
    Decision,
    Fields,
    ProposalState,
    Record,
    Revision,
    RevisionKind,
    Sampling,
    Usage,
)
from dataflow_core.storage.database import Database
from dataflow_core.storage.rows import comment_of, decision_of, revision_of
from dataflow_core.storage.schema import (
    actions,
    calls,
    comments,
    decisions,
    inputs,
    proposals,
    record_tags,
    records,
    revisions,
    taggings,
)
from dataflow_core.storage.undoing import UNDO


@dataclass(frozen=True, slots=True)
class ModelCall:
    """An answered call. One that is not `is_valid` could not be used, and was made again."""

    step: str
    attempt: int  # of the input, from 0: a retry by a person is the next one
    model: str
    prompt_version: str
    sampling: Sampling
    usage: Usage
    cost: float | None  # None without a price
    seconds: float
    finish_reason: str
    is_valid: bool
    texts: tuple[str, ...]  # as the model gave them, one for each choice
    at: datetime


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a generated record was made from: an input of a run, by these calls, oldest first."""

    run_id: str
    position: int  # of the input in its run, from 0
    fields: Fields  # of the input
    calls: tuple[ModelCall, ...]

    @property
    def usage(self) -> Usage:
        return sum((call.usage for call in self.calls), Usage())

    @property
    def cost(self) -> float | None:
        """Of the calls that had a price; None where none had."""
        costs = [call.cost for call in self.calls if call.cost is not None]
        return sum(costs) if costs else None

    @property
    def seconds(self) -> float:
        return sum(call.seconds for call in self.calls)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The calls by which a model wrote the record again, as a person had asked for it and then accepted it."""

    note: str
    author: str  # who asked
    model: str
    at: datetime
    calls: tuple[ModelCall, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A person kept the text that there was, rather than what a model proposed as the note had asked for."""

    note: str
    model: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Tagging:
    """A tag was added to a record, or taken away."""

    tag: str
    is_added: bool
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a record. `records` counts those that the same action changed.

    `taken_by` is who accepted a model's proposal by that.
    """

    what: Revision | Decision | Tagging | Comment | Refusal
    author: str
    at: datetime
    is_undo: bool = False
    records: int = 1
    taken_by: str = ""


#: Actions by which a model's text becomes a record's.
_TAKEN = ("accept-proposal", "accept-proposals", "regenerate")


class ProvenanceReader:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, record: Record) -> Provenance | None:
        """None for a record that a person has written."""
        first = select(revisions.c.kind).join(records, records.c.number == revisions.c.record)
        first = first.where(records.c.id == record.id, revisions.c.number == 1)
        source = select(inputs.c.run_id, inputs.c.position, inputs.c.fields)
        made = select(calls).where(calls.c.input_id == record.input_id).order_by(calls.c.number)
        with self._database.read() as connection:
            if record.input_id is None or connection.scalar(first) == RevisionKind.WRITTEN.value:
                return None
            found = connection.execute(source.where(inputs.c.id == record.input_id)).one()
            answered = connection.execute(made).mappings()
            return Provenance(*found, tuple(_call_of(row) for row in answered))

    def rewrites(self, record: Record) -> list[Rewrite]:
        """How models have written it again, newest first; only what a person has accepted."""
        taken = (proposals.c.record == record.number) & (proposals.c.state == ProposalState.ACCEPTED.value)
        accepted = select(proposals).where(taken).order_by(proposals.c.decided_at.desc(), proposals.c.number.desc())
        made = select(calls).join(proposals, proposals.c.input_id == calls.c.input_id).where(taken)
        with self._database.read() as connection:
            rows = connection.execute(accepted).mappings().all()
            answered = connection.execute(made.order_by(calls.c.number)).mappings().all() if rows else []
        return [
            Rewrite(
                row["note"],
                row["author"],
                row["model"],
                _time(row["at"]),
                tuple(_call_of(call) for call in answered if call["input_id"] == row["input_id"]),
            )
            for row in rows
        ]

    def events(self, record: Record) -> list[Event]:
        """All that has happened to the record, oldest first."""
        found: list[Event] = []
        with self._database.read() as connection:
            for table, order, read in _HAPPENINGS:
                rows = connection.execute(_with_actions(table, record).order_by(order)).mappings()
                found += [_event(read(row), row) for row in rows]
            said = select(comments).where(comments.c.record == record.number).order_by(comments.c.number)
            written = [comment_of(row) for row in connection.execute(said).mappings()]
            refused = [_refusal(row) for row in connection.execute(_refusals(record)).mappings()]
        found += refused
        found += [Event(comment, comment.author, comment.at) for comment in written]
        return sorted(found, key=lambda event: event.at)

    def known_tags(self) -> list[str]:
        """The tags that any record has, in order. The index is jumped through, however many records have each."""
        least = select(func.min(record_tags.c.tag).label("tag")).cte("known", recursive=True)
        following = select(func.min(record_tags.c.tag)).where(record_tags.c.tag > least.c.tag).scalar_subquery()
        known = least.union_all(select(following).where(least.c.tag.is_not(None)))
        with self._database.read() as connection:
            return list(connection.scalars(select(known.c.tag).where(known.c.tag.is_not(None))))


def _tagging_of(row: RowMapping) -> Tagging:
    return Tagging(row["tag"], row["is_added"], row["author"], _time(row["at"]))


_HAPPENINGS: tuple[tuple[Table, ColumnElement[int], Callable[[RowMapping], Revision | Decision | Tagging]], ...] = (
    (revisions, revisions.c.number, revision_of),
    (decisions, decisions.c.number, decision_of),
    (taggings, taggings.c.number, _tagging_of),
)


def _with_actions(table: Table, record: Record) -> Select[Any]:
    action = (
        actions.c.kind.label("done_as"),
        actions.c.author.label("done_by"),
        actions.c.record.label("only_record"),
        actions.c.touched,
    )
    done_in = select(table, *action).join_from(table, actions, actions.c.number == table.c.action, isouter=True)
    return done_in.where(table.c.record == record.number)


def _refusals(record: Record) -> Select[Any]:
    columns = (proposals.c.note, proposals.c.model, proposals.c.decided_at)
    action = (actions.c.author, actions.c.record.label("only_record"), actions.c.touched)
    refused = (proposals.c.record == record.number) & (proposals.c.state == ProposalState.REFUSED.value)
    return select(*columns, *action).join(actions, actions.c.number == proposals.c.action).where(refused)


def _refusal(row: RowMapping) -> Event:
    what = Refusal(row["note"], row["model"], row["author"], _time(row["decided_at"]))
    return Event(what, what.author, what.at, records=1 if row["only_record"] is not None else max(1, row["touched"]))


def _event(what: Revision | Decision | Tagging, row: RowMapping) -> Event:
    author = what.reviewer if isinstance(what, Decision) else what.author
    is_of_many = row["done_as"] is not None and row["only_record"] is None
    return Event(
        what,
        author,
        what.at,
        row["done_as"] == UNDO,
        max(1, row["touched"]) if is_of_many else 1,
        row["done_by"] if row["done_as"] in _TAKEN else "",
    )


def _call_of(row: RowMapping) -> ModelCall:
    settings = row["sampling"]
    return ModelCall(
        step=row["step"],
        attempt=row["attempt"],
        model=row["model"],
        prompt_version=row["prompt_version"],
        sampling=Sampling(**(settings | {"stop": tuple(settings.get("stop", ()))})),
        usage=Usage(row["prompt_tokens"], row["completion_tokens"]),
        cost=row["cost"],
        seconds=row["seconds"],
        finish_reason=row["finish_reason"],
        is_valid=row["is_valid"],
        texts=tuple(row["texts"]),
        at=_time(row["at"]),
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

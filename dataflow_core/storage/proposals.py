"""What models propose records to say instead, and what people made of it."""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, update

from dataflow_core.models import ActionState, Fields, Proposal, ProposalState, RevisionKind
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.rows import proposal_of
from dataflow_core.storage.schema import IS_OPEN, actions, proposals, records, revisions, runs

_MOST = 500  # numbers in one statement
#: What a person has written. It is never written over without one having looked.
_A_PERSONS = (RevisionKind.EDITED.value, RevisionKind.WRITTEN.value)
_BASE, _PRESENT = revisions.alias(), revisions.alias()
_WITH_FIELDS = (
    select(proposals, _BASE.c.fields.label("before"), _PRESENT.c.fields.label("present"))
    .join(records, records.c.number == proposals.c.record)
    .join(_BASE, (_BASE.c.record == proposals.c.record) & (_BASE.c.number == proposals.c.base_revision))
    .join(_PRESENT, (_PRESENT.c.record == proposals.c.record) & (_PRESENT.c.number == records.c.revision))
)


@dataclass(frozen=True, slots=True)
class NewProposal:
    """`record` is the record's number."""

    run_id: str
    input_id: str
    record: int
    base_revision: int
    fields: Fields
    note: str
    author: str
    model: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """How many proposals wait for a person: those that may all be taken together, those for records that people have
    edited, and those that cannot be taken, for their records have been changed since.
    """

    free: int
    edited: int
    outdated: int

    @property
    def total(self) -> int:
        return self.free + self.edited + self.outdated


class ProposalStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, number: int) -> Proposal | None:
        with self._database.read() as connection:
            return find(connection, number)

    def open_for(self, record: int) -> list[Proposal]:
        """Those for the record with this number that wait for a person, outdated ones among them; newest first."""
        query = _WITH_FIELDS.where(proposals.c.record == record, IS_OPEN)
        return self._read(query.order_by(proposals.c.number.desc()))

    def count(self, run_id: str) -> dict[ProposalState, int]:
        """How many proposals of the run are in which state."""
        changed = select(func.count()).select_from(_outdated(run_id).subquery())
        with self._database.read() as connection:
            found = _tally(connection, run_id)
            outdated = connection.scalar(changed) or 0
        return found | {
            ProposalState.OPEN: found[ProposalState.OPEN] - outdated,
            ProposalState.OUTDATED: outdated,
        }

    def count_open(self) -> int:
        """How many wait for a person, outdated ones among them."""
        with self._database.read() as connection:
            return connection.scalar(select(func.count()).select_from(proposals).where(IS_OPEN)) or 0

    def numbers(self, run_id: str, *, only_open: bool = False) -> list[int]:
        """The numbers of the run's proposals, in order. Outdated ones are open, too."""
        query = select(proposals.c.number).where(proposals.c.run_id == run_id)
        if only_open:
            query = query.where(IS_OPEN)
        with self._database.read() as connection:
            return list(connection.scalars(query.order_by(proposals.c.number)))

    def waiting(self, *, most: int = 50) -> dict[str, str]:
        """The rewriting runs that have open proposals, newest first: what each was asked, by its id."""
        open_runs = select(proposals.c.run_id).where(IS_OPEN).distinct()
        query = select(runs.c.id, runs.c.name).where(runs.c.id.in_(open_runs)).order_by(runs.c.id.desc()).limit(most)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def first_open(self, numbers: Sequence[int], run_id: str = "") -> int | None:
        """The first of these records that has an open proposal, of the run where one is named."""
        query = select(proposals.c.record).where(IS_OPEN)
        if run_id:
            query = query.where(proposals.c.run_id == run_id)
        with self._database.read() as connection:
            for start in range(0, len(numbers), _MOST):
                some = list(numbers[start : start + _MOST])
                found = set(connection.scalars(query.where(proposals.c.record.in_(some))))
                if found:
                    return next(number for number in some if number in found)
        return None

    def version(self) -> tuple[int, int, int]:
        """Another value whenever there are new proposals, or people have decided some or taken that back."""
        newest = select(func.max(proposals.c.number)).scalar_subquery()
        last = select(func.max(actions.c.number)).scalar_subquery()
        going_on = select(func.sum(actions.c.done + 1)).where(actions.c.state == ActionState.RUNNING.value)
        with self._database.read() as connection:
            made, action, done = connection.execute(select(newest, last, going_on.scalar_subquery())).one()
        return made or 0, action or 0, done or 0

    def page(self, numbers: Sequence[int]) -> list[Proposal]:
        """The proposals with these numbers, in this order."""
        found: dict[int, Proposal] = {}
        for start in range(0, len(numbers), _MOST):
            some = _WITH_FIELDS.where(proposals.c.number.in_(list(numbers[start : start + _MOST])))
            found.update((proposal.number, proposal) for proposal in self._read(some))
        return [found[number] for number in numbers if number in found]

    def tally(self, run_id: str) -> dict[ProposalState, int]:
        """As `count`, at once however many there are, but with those that are outdated among the open ones."""
        with self._database.read() as connection:
            return _tally(connection, run_id)

    def undecided(self, run_id: str) -> Undecided:
        """The run's open proposals, by what can be done with them together."""
        might_be_edited = (records.c.revision > 1) | (records.c.model == "")
        doubtful = select(proposals.c.record).join(records, records.c.number == proposals.c.record)
        doubtful = doubtful.where(proposals.c.run_id == run_id, IS_OPEN, might_be_edited)
        number = select(func.count()).where(proposals.c.run_id == run_id, IS_OPEN)
        with self._database.read() as connection:
            outdated = set(connection.scalars(_outdated(run_id)))
            edited = edited_by(connection, list(connection.scalars(doubtful))).keys() - outdated
            total = connection.scalar(number) or 0
        return Undecided(total - len(outdated) - len(edited), len(edited), len(outdated))

    def editors(self, record_numbers: Sequence[int]) -> dict[int, str]:
        """Which of these records a person has edited, by number, and who did last."""
        with self._database.read() as connection:
            return edited_by(connection, record_numbers)

    def _read(self, query: Select[Any]) -> list[Proposal]:
        with self._database.read() as connection:
            return [proposal_of(row) for row in connection.execute(query).mappings()]


def _tally(connection: Connection, run_id: str) -> dict[ProposalState, int]:
    stored = select(proposals.c.state, func.count()).where(proposals.c.run_id == run_id).group_by(proposals.c.state)
    counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(stored)}
    return {state: counts.get(state.value, 0) for state in ProposalState}


def add(connection: Connection, made: Sequence[NewProposal]) -> None:
    """Store proposals, open."""
    now = time.time()
    rows = [
        asdict(proposed)
        | {"note": storable(proposed.note), "model": storable(proposed.model)}
        | {"state": ProposalState.OPEN.value, "at": now}
        for proposed in made
    ]
    if rows:
        connection.execute(insert(proposals), rows)


def find(connection: Connection, number: int) -> Proposal | None:
    row = connection.execute(_WITH_FIELDS.where(proposals.c.number == number)).mappings().first()
    return proposal_of(row) if row else None


def open_of(connection: Connection, run_id: str, record_numbers: Sequence[int]) -> list[Proposal]:
    """The run's open proposals for these records, outdated ones among them."""
    query = _WITH_FIELDS.where(proposals.c.run_id == run_id, proposals.c.record.in_(record_numbers), IS_OPEN)
    return [proposal_of(row) for row in connection.execute(query.order_by(proposals.c.number)).mappings()]


def open_records(connection: Connection, run_id: str) -> list[int]:
    """The numbers of the records for which the run has an open proposal."""
    query = select(proposals.c.record).where(proposals.c.run_id == run_id, IS_OPEN)
    return list(connection.scalars(query.order_by(proposals.c.record)))


def edited_by(connection: Connection, record_numbers: Sequence[int]) -> dict[int, str]:
    """Which of these records a person has edited or written, by number, and who did last. Undone edits do not count."""
    found: dict[int, str] = {}
    for start in range(0, len(record_numbers), _MOST):
        some = list(record_numbers[start : start + _MOST])
        query = select(revisions.c.record, revisions.c.author)
        query = query.outerjoin(actions, actions.c.number == revisions.c.action)
        query = query.where(
            revisions.c.record.in_(some), revisions.c.kind.in_(_A_PERSONS), actions.c.undone_by.is_(None)
        )
        found.update((row[0], row[1]) for row in connection.execute(query.order_by(revisions.c.number)))
    return found


def _outdated(run_id: str) -> Select[int]:
    """The records for which the run has an open proposal that is based on another text than they have."""
    is_other = (records.c.number == proposals.c.record) & (records.c.revision != proposals.c.base_revision)
    changed = select(proposals.c.record).join(records, is_other)
    changed = changed.join(_BASE, (_BASE.c.record == records.c.number) & (_BASE.c.number == proposals.c.base_revision))
    changed = changed.join(
        _PRESENT, (_PRESENT.c.record == records.c.number) & (_PRESENT.c.number == records.c.revision)
    )
    return changed.where(proposals.c.run_id == run_id, IS_OPEN, _BASE.c.fields != _PRESENT.c.fields)


def settle(connection: Connection, number: int, state: ProposalState, *, action: int) -> None:
    """Note what a person decided about it."""
    values = {"state": state.value, "decided_at": time.time(), "action": action}
    connection.execute(update(proposals).where(proposals.c.number == number).values(values))


def reopen(
    connection: Connection, action: int, restored: Set[int], *, undo: int, among: list[int] | None = None
) -> set[int]:
    """Open again what the action refused, and what it accepted for the records that are `restored`.

    Returns the numbers of their records. They remember the undoing, for `settle_again`.
    """
    own = select(proposals.c.number, proposals.c.record, proposals.c.state)
    again = [
        (number, record)
        for number, record, state in connection.execute(own.where(_is_of(action, among), ~IS_OPEN))
        if state == ProposalState.REFUSED.value or record in restored
    ]
    if again:
        values = {"state": ProposalState.OPEN.value, "decided_at": None, "action": undo}
        chosen = proposals.c.number.in_([number for number, _ in again])
        connection.execute(update(proposals).where(chosen).values(values))
    return {record for _, record in again}


def settle_again(
    connection: Connection,
    undone: int,
    restored: Set[int],
    state: ProposalState,
    *,
    redo: int,
    among: list[int] | None = None,
) -> set[int]:
    """Where an undoing is undone, settle what it had opened as before: the accepted ones where they are `restored`."""
    own = select(proposals.c.number, proposals.c.record).where(_is_of(undone, among), IS_OPEN)
    again = [
        (number, record)
        for number, record in connection.execute(own)
        if state is ProposalState.REFUSED or record in restored
    ]
    for number, _ in again:
        settle(connection, number, state, action=redo)
    return {record for _, record in again}


def _is_of(action: int, among: list[int] | None) -> ColumnElement[bool]:
    own: ColumnElement[bool] = proposals.c.action == action
    return own if among is None else own & proposals.c.record.in_(among)

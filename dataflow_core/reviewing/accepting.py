"""How what a model proposes becomes a record's text, within a transaction of the caller's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, Proposal, ProposalState, Record, ReviewStatus, RevisionKind, Run
from dataflow_core.reviewing.review import revise
from dataflow_core.storage import proposals, writing
from dataflow_core.storage.database import Database
from dataflow_core.storage.ledger import Done, Ledger
from dataflow_core.storage.records import page
from dataflow_core.storage.schema import records


class RewriteLedger(Ledger):
    """That of a rewriting run: what comes of an input is a proposal for its record.

    With the run's `takes_over` it becomes the record's text at once, as an action of whoever asked for it, if the
    record says what it did and nobody has edited it.
    """

    def __init__(self, database: Database, run: Run) -> None:
        super().__init__(database, run.id, run.generator)
        self._run = run

    def _store_made(self, connection: Connection, done: Sequence[Done], now: float) -> None:
        author = str(self._run.params.get("author", ""))
        ids = [end.item.fields["record"] for end in done]
        by_id = connection.execute(select(records.c.id, records.c.number).where(records.c.id.in_(ids)))
        numbers: dict[str, int] = {row[0]: row[1] for row in by_id}
        made = [
            proposals.NewProposal(
                run_id=self._run.id,
                input_id=end.item.id,
                record=numbers[end.item.fields["record"]],
                base_revision=end.item.fields["revision"],
                fields=writing.storable_fields(end.fields),
                note=end.item.fields["note"],
                author=author,
                model=end.model,
            )
            for end in done
        ]
        proposals.add(connection, made)
        if self._run.params.get("takes_over"):
            for proposal in proposals.open_of(connection, self._run.id, list(numbers.values())):
                _take_over(connection, proposal, author)


def problem(proposal: Proposal, record: Record) -> str:
    """Why the proposal cannot be accepted, in a sentence; "" where it can."""
    match proposal.state:
        case ProposalState.OUTDATED:
            return (
                "The record was changed after this was asked for, and accepting it would overwrite that. "
                "Refuse it, or ask for another."
            )
        case ProposalState.ACCEPTED | ProposalState.REFUSED:
            return f"This proposal was {proposal.state.value} already."
        case ProposalState.OPEN if record.status is ReviewStatus.DELETED:
            return "The record was deleted, so nothing can be accepted for it. Bring it back first."
        case ProposalState.OPEN:
            return ""


def accept(connection: Connection, proposal: Proposal, *, author: str, action: int) -> None:
    """Make the proposal its record's text, by the model's name; nobody has reviewed that yet.

    Raises `UsageError` where it cannot be accepted.
    """
    (record,) = page(connection, [proposal.record])
    if sentence := problem(proposal, record):
        raise UsageError(sentence)
    _apply(connection, proposal, record, author, action)


def accept_many(
    connection: Connection, run_id: str, numbers: Sequence[int], *, author: str, action: int
) -> tuple[int, dict[str, int]]:
    """Accept the run's proposals for the records with these numbers; returns how many, and how many were left why.

    Nothing is written over what a person has written: these are for somebody to look at one by one.
    """
    found = {record.number: record for record in page(connection, numbers)}
    edited = proposals.edited_by(connection, numbers)
    accepted, left = 0, Counter[str]()
    for proposal in proposals.open_of(connection, run_id, numbers):
        record = found[proposal.record]
        if problem(proposal, record):
            left["changed" if proposal.state is ProposalState.OUTDATED else "deleted"] += 1
        elif proposal.record in edited:
            left["edited"] += 1
        else:
            _apply(connection, proposal, record, author, action)
            accepted += 1
    return accepted, dict(left)


def refuse_many(connection: Connection, run_id: str, numbers: Sequence[int], *, action: int) -> int:
    found = proposals.open_of(connection, run_id, numbers)
    for proposal in found:
        proposals.settle(connection, proposal.number, ProposalState.REFUSED, action=action)
    return len(found)


def _take_over(connection: Connection, proposal: Proposal, author: str) -> None:
    (record,) = page(connection, [proposal.record])
    if not proposals.edited_by(connection, [record.number]) and not problem(proposal, record):
        params: Fields = {"proposal": proposal.number}
        action = writing.begin_action(connection, "regenerate", author, record=record.number, params=params)
        _apply(connection, proposal, record, author, action)


def _apply(connection: Connection, proposal: Proposal, record: Record, author: str, action: int) -> None:
    kind = RevisionKind.REGENERATED
    by = proposal.model or "model"
    revise(connection, record, proposal.fields, kind=kind, author=by, action=action, reason=proposal.note)
    if record.status is not ReviewStatus.UNREVIEWED:
        revised = replace(record, revision=record.revision + 1)
        writing.decide(connection, revised, ReviewStatus.UNREVIEWED, reviewer=author, reason="", action=action)
    proposals.settle(connection, proposal.number, ProposalState.ACCEPTED, action=action)

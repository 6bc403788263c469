"""Proposals as they are stored and read: by record, by run, in pages; what is outdated is worked out, not stored."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from dataflow_core.models import Proposal, ProposalState, Record
from dataflow_core.storage import proposals
from dataflow_core.storage.proposals import NewProposal
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import proposals as table
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, answer_relations, execute, plan_tasks

N = 12


@pytest.fixture
def records(workspace: Workspace) -> list[Record]:
    execute(workspace, plan_tasks(workspace, [f"Task {number}." for number in range(N)]), answer_relations)
    return list(workspace.records.stream(Query()))


def propose(workspace: Workspace, records: list[Record], text: str = "New.") -> list[Proposal]:
    run = workspace.rewriting.plan([one.id for one in records], "Do.", endpoint=ENDPOINT, author="Ada")
    answer = {"parallel_task": text, "subsequent_task": "After.", "composition_task": "All."}
    execute(workspace, run, lambda _: json.dumps(answer))
    return workspace.proposals.page(workspace.proposals.numbers(run.id))


def test_pages_come_in_the_order_asked_for_without_what_is_not_there(
    workspace: Workspace, records: list[Record]
) -> None:
    found = propose(workspace, records)
    assert {one.record for one in found} == {one.number for one in records}
    wanted = [found[5].number, 999, found[0].number]
    assert workspace.proposals.page(wanted) == [found[5], found[0]]
    assert workspace.proposals.page([]) == []
    assert workspace.proposals.get(999) is None


def test_a_record_shows_its_own_newest_first(workspace: Workspace, records: list[Record]) -> None:
    (older,) = propose(workspace, records[:1], "Older.")
    (newer,) = propose(workspace, records[:1], "Newer.")
    assert workspace.proposals.open_for(records[0].number) == [newer, older]
    assert workspace.proposals.open_for(records[1].number) == []
    workspace.rewriting.accept(newer.number, author="Ada")
    (left,) = workspace.proposals.open_for(records[0].number)
    assert (left.number, left.state) == (older.number, ProposalState.OUTDATED)


def test_counts_are_those_of_what_is_shown(workspace: Workspace, records: list[Record]) -> None:
    found = propose(workspace, records)
    for one in found[:3]:
        workspace.rewriting.accept(one.number, author="Ada")
    for one in found[3:5]:
        workspace.rewriting.refuse(one.number, author="Ada")
    edited = next(record for record in records if record.number == found[5].record)
    workspace.review.edit(edited.id, {"parallel_task": "Mine."}, base_revision=1, author="Bob")
    counts = workspace.proposals.count(found[0].run_id)
    shown = [one.state for one in workspace.proposals.page(workspace.proposals.numbers(found[0].run_id))]
    assert counts == {state: shown.count(state) for state in ProposalState}
    assert counts[ProposalState.OUTDATED] == 1
    assert len(workspace.proposals.numbers(found[0].run_id, only_open=True)) == N - 5


def test_what_a_database_cannot_hold_is_replaced(workspace: Workspace, records: list[Record]) -> None:
    (found,) = propose(workspace, records[:1])
    with workspace.database.write() as connection:
        proposed = NewProposal(found.run_id, found.input_id, records[0].number, 1, {}, "a\ud800b", "Ada", "m\0")
        proposals.add(connection, [proposed])
    stored = workspace.proposals.open_for(records[0].number)[0]
    assert (stored.note, stored.model) == ("a\ufffdb", "m\ufffd")


def test_a_proposal_is_stored_once_however_often_its_input_ends(workspace: Workspace, records: list[Record]) -> None:
    (found,) = propose(workspace, records[:1])
    run = workspace.runs.get(found.run_id)
    workspace.runs.enqueue(run.id, limit=None)
    execute_again = workspace.ledger_of(run).pending(after=-1, count=9)
    assert execute_again == []
    with workspace.database.read() as connection:
        assert len(connection.execute(table.select()).all()) == 1


def test_whatever_is_proposed_or_decided_is_a_new_version(workspace: Workspace, records: list[Record]) -> None:
    versions = [workspace.proposals.version()]
    found = propose(workspace, records[:3])
    changes: list[Callable[[], object]] = [
        lambda: workspace.rewriting.accept(found[0].number, author="Ada"),
        lambda: workspace.rewriting.refuse(found[1].number, author="Ada"),
        lambda: workspace.review.undo_last("Ada"),
        lambda: workspace.carry_out(workspace.rewriting.refuse_all(found[0].run_id, author="Ada")),
    ]
    versions.append(workspace.proposals.version())
    for change in changes:
        change()
        versions.append(workspace.proposals.version())
    assert len(set(versions)) == len(versions)


def test_runs_with_open_proposals_are_told_newest_first(workspace: Workspace, records: list[Record]) -> None:
    (first,), (second,) = propose(workspace, records[:1]), propose(workspace, records[:1])
    assert workspace.proposals.count_open() == 2
    assert list(workspace.proposals.waiting().items()) == [(second.run_id, "Do."), (first.run_id, "Do.")]
    workspace.rewriting.refuse(second.number, author="Ada")
    assert list(workspace.proposals.waiting(most=1)) == [first.run_id]

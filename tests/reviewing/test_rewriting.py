"""Records written again by a model: proposals until a person accepts them, never over a person's own work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from dataflow_core.errors import UsageError
from dataflow_core.generators.rewrite import Scope
from dataflow_core.models import (
    Action,
    Fields,
    InputState,
    Prompt,
    Proposal,
    ProposalState,
    Record,
    ReviewStatus,
    RevisionKind,
    Run,
    RunKind,
    RunState,
    Stage,
)
from dataflow_core.reviewing import rewriting
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, INTENTS, answer_relations, execute, plan_tasks

OPEN, ACCEPTED, REFUSED, OUTDATED = ProposalState


def present(workspace: Workspace) -> list[Record]:
    return workspace.records.page(workspace.records.numbers(Query()))


@pytest.fixture
def records(workspace: Workspace) -> list[Record]:
    execute(workspace, plan_tasks(workspace, ["One.", "Two.", "Three.", "Four."]), answer_relations)
    return present(workspace)


def material_of(prompt: Prompt) -> Fields:
    shown: Fields = json.loads(prompt.messages[1].content.partition("\n\n")[0])
    return shown


def another_parallel_task(prompt: Prompt) -> str:
    shown = material_of(prompt)
    return json.dumps({name: shown[name] for name in shown if name.endswith("_task")} | {"parallel_task": "Better."})


def rewrite(
    workspace: Workspace,
    which: list[str] | list[int],
    *,
    author: str = "Ada",
    takes_over: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
) -> Run:
    run = workspace.rewriting.plan(which, "Better!", endpoint=ENDPOINT, author=author, takes_over=takes_over)
    meanwhile()
    execute(workspace, run, another_parallel_task)
    return run


def proposals_of(workspace: Workspace, run: Run) -> list[Proposal]:
    return workspace.proposals.page(workspace.proposals.numbers(run.id))


def by_id(workspace: Workspace, record: Record) -> Record:
    found = workspace.records.get(record.id)
    assert found is not None
    return found


def carry_out(workspace: Workspace, action: Action) -> Action:
    return workspace.carry_out(action)


def test_what_a_model_writes_is_a_proposal_and_the_record_stays(workspace: Workspace, records: list[Record]) -> None:
    run = rewrite(workspace, [records[1].id])
    assert present(workspace) == records
    (proposal,) = workspace.proposals.open_for(records[1].number)
    assert proposal.before == records[1].fields
    assert proposal.fields == records[1].fields | {"parallel_task": "Better."}
    assert (proposal.author, proposal.note, proposal.model) == ("Ada", "Better!", "scripted")
    assert (proposal.state, proposal.base_revision, proposal.run_id) == (OPEN, 1, run.id)
    assert workspace.proposals.get(proposal.number) == proposal
    assert workspace.runs.get(run.id).state is RunState.FINISHED


def test_rewriting_runs_are_not_among_the_runs_unless_asked_for(workspace: Workspace, records: list[Record]) -> None:
    (made_by,) = workspace.runs.all()
    before = workspace.runs.count_inputs()
    run = rewrite(workspace, [records[0].id, records[1].id])
    assert [one.id for one in workspace.runs.all()] == [made_by.id]
    assert [one.id for one in workspace.runs.all(kind=RunKind.REWRITE)] == [run.id]
    assert workspace.runs.count_inputs() == before
    workspace.runs.enqueue(run.id, limit=None)
    assert workspace.runs.live() == []
    assert [one.id for one in workspace.runs.live(kinds=list(RunKind))] == [run.id]
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.calls) == (2, 2)
    assert progress.recent_per_second > 0


def test_an_accepted_proposal_is_a_revision_by_the_model_which_nobody_has_reviewed(
    workspace: Workspace, records: list[Record]
) -> None:
    workspace.review.decide({records[0].id: 1}, ReviewStatus.ACCEPTED, reviewer="Bob", reason="good")
    (proposal,) = proposals_of(workspace, rewrite(workspace, [records[0].id]))
    accepted = workspace.rewriting.accept(proposal.number, author="Ada")
    assert accepted.fields["parallel_task"] == "Better."
    assert (accepted.status, accepted.revision) == (ReviewStatus.UNREVIEWED, 2)
    newest = workspace.records.history(accepted.id)[0]
    assert (newest.kind, newest.author, newest.reason) == (RevisionKind.REGENERATED, "scripted", "Better!")
    assert [one.state for one in proposals_of(workspace, workspace.runs.get(proposal.run_id))] == [ACCEPTED]
    with pytest.raises(UsageError, match="accepted already"):
        workspace.rewriting.accept(proposal.number, author="Ada")


def test_accepting_is_undone_with_the_decision_that_stood_before(workspace: Workspace, records: list[Record]) -> None:
    workspace.review.decide({records[0].id: 1}, ReviewStatus.ACCEPTED, reviewer="Bob", reason="good")
    run = rewrite(workspace, [records[0].id])
    (number,) = workspace.proposals.numbers(run.id)
    workspace.rewriting.accept(number, author="Ada")
    undone = workspace.review.undo_last("Ada")
    assert undone is not None
    assert undone.kind == "accept-proposal"
    assert undone.record.fields == records[0].fields
    assert (undone.record.status, undone.record.reason) == (ReviewStatus.ACCEPTED, "good")
    assert [one.state for one in proposals_of(workspace, run)] == [OPEN]
    assert workspace.rewriting.accept(number, author="Ada").fields["parallel_task"] == "Better."


@pytest.mark.parametrize("is_bulk", [False, True])
def test_a_text_that_was_edited_after_accepting_it_does_not_get_the_decision_on_the_one_before(
    workspace: Workspace, records: list[Record], is_bulk: bool
) -> None:
    record = records[0]
    workspace.review.decide({record.id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    run = rewrite(workspace, [record.id])
    if is_bulk:
        accepting = carry_out(workspace, workspace.rewriting.accept_all(run.id, author="Ada"))
    else:
        workspace.rewriting.accept(workspace.proposals.numbers(run.id)[0], author="Ada")
    workspace.review.edit(record.id, {"parallel_task": "By Bob."}, base_revision=2, author="Bob")
    if is_bulk:
        assert carry_out(workspace, workspace.bulk.undo(accepting.number, author="Ada")).touched == 0
    else:
        with pytest.raises(UsageError, match="changed again since"):
            workspace.review.undo_last("Ada")
    now = by_id(workspace, record)
    assert (now.fields["parallel_task"], now.status) == ("By Bob.", ReviewStatus.UNREVIEWED)
    assert [one.state for one in proposals_of(workspace, run)] == [ACCEPTED]


@pytest.mark.parametrize("before", [ReviewStatus.REJECTED, ReviewStatus.UNREVIEWED])
def test_a_text_that_was_judged_after_accepting_it_is_not_taken_back_from_under_the_decision(
    workspace: Workspace, records: list[Record], before: ReviewStatus
) -> None:
    record = records[0]
    workspace.review.decide({record.id: 1}, before, reviewer="Ada")
    run = rewrite(workspace, [record.id])
    workspace.rewriting.accept(workspace.proposals.numbers(run.id)[0], author="Ada")
    workspace.review.decide({record.id: 2}, ReviewStatus.ACCEPTED, reviewer="Bob")
    with pytest.raises(UsageError, match="changed again since"):
        workspace.review.undo_last("Ada")
    now = by_id(workspace, record)
    assert (now.fields["parallel_task"], now.status, now.reviewer) == ("Better.", ReviewStatus.ACCEPTED, "Bob")


def test_a_decision_that_was_taken_away_does_not_come_back_to_a_text_that_a_model_has_written_since(
    workspace: Workspace, records: list[Record]
) -> None:
    record = records[0]
    workspace.review.decide({record.id: 1}, ReviewStatus.ACCEPTED, reviewer="Bob")
    workspace.review.decide({record.id: 1}, ReviewStatus.UNREVIEWED, reviewer="Ada")
    rewrite(workspace, [record.id], author="Bob", takes_over=True)
    with pytest.raises(UsageError, match="changed again since"):
        workspace.review.undo_last("Ada")
    assert by_id(workspace, record).status is ReviewStatus.UNREVIEWED
    workspace.review.decide({record.id: 2}, ReviewStatus.UNREVIEWED, reviewer="Ada", reason="Look again")
    assert workspace.review.undo_last("Ada") is not None


def test_redoing_leaves_alone_what_was_judged_since_it_was_undone(workspace: Workspace, records: list[Record]) -> None:
    run = rewrite(workspace, [record.id for record in records])
    accepting = carry_out(workspace, workspace.rewriting.accept_all(run.id, author="Ada"))
    undoing = carry_out(workspace, workspace.bulk.undo(accepting.number, author="Ada"))
    workspace.review.decide({records[0].id: 3}, ReviewStatus.ACCEPTED, reviewer="Bob")
    assert carry_out(workspace, workspace.bulk.undo(undoing.number, author="Ada")).touched == 3
    assert by_id(workspace, records[0]).fields == records[0].fields
    assert by_id(workspace, records[1]).fields["parallel_task"] == "Better."


def test_a_refused_proposal_changes_nothing_and_refusing_is_undone(workspace: Workspace, records: list[Record]) -> None:
    run = rewrite(workspace, [records[0].id])
    (number,) = workspace.proposals.numbers(run.id)
    workspace.rewriting.refuse(number, author="Ada")
    assert present(workspace) == records
    assert workspace.proposals.open_for(records[0].number) == []
    with pytest.raises(UsageError, match="refused already"):
        workspace.rewriting.refuse(number, author="Ada")
    with pytest.raises(UsageError, match="refused already"):
        workspace.rewriting.accept(number, author="Ada")
    undone = workspace.review.undo_last("Ada")
    assert undone is not None
    assert [one.state for one in proposals_of(workspace, run)] == [OPEN]


def test_a_proposal_for_a_record_changed_since_is_shown_and_cannot_be_accepted(
    workspace: Workspace, records: list[Record]
) -> None:
    record = records[0]
    run = rewrite(workspace, [record.id])
    (number,) = workspace.proposals.numbers(run.id)
    workspace.review.edit(record.id, {"subsequent_task": "Mine."}, base_revision=1, author="Bob")
    (proposal,) = workspace.proposals.open_for(record.number)
    assert proposal.state is OUTDATED
    assert workspace.proposals.count(run.id) == {OPEN: 0, ACCEPTED: 0, REFUSED: 0, OUTDATED: 1}
    with pytest.raises(UsageError, match="changed after this was asked for"):
        workspace.rewriting.accept(number, author="Ada")
    assert by_id(workspace, record).fields["subsequent_task"] == "Mine."
    workspace.review.restore(record.id, 1, author="Bob")
    assert [one.state for one in workspace.proposals.open_for(record.number)] == [OPEN]
    assert workspace.proposals.count(run.id)[OPEN] == 1


def test_nothing_is_accepted_for_a_deleted_record(workspace: Workspace, records: list[Record]) -> None:
    run = rewrite(workspace, [records[0].id])
    workspace.review.decide({records[0].id: 1}, ReviewStatus.DELETED, reviewer="Bob")
    with pytest.raises(UsageError, match="deleted"):
        workspace.rewriting.accept(workspace.proposals.numbers(run.id)[0], author="Ada")
    assert by_id(workspace, records[0]).status is ReviewStatus.DELETED


def test_a_single_one_is_taken_over_at_once_where_nobody_has_edited_the_record(
    workspace: Workspace, records: list[Record]
) -> None:
    record = records[2]
    workspace.review.decide({record.id: 1}, ReviewStatus.REJECTED, reviewer="Ada", reason="too long")
    run = rewrite(workspace, [record.id], takes_over=True)
    changed = by_id(workspace, record)
    assert changed.fields == record.fields | {"parallel_task": "Better."}
    assert (changed.status, changed.revision, changed.is_edited) == (ReviewStatus.UNREVIEWED, 2, False)
    assert [one.state for one in proposals_of(workspace, run)] == [ACCEPTED]
    undone = workspace.review.undo_last("Ada")
    assert undone is not None
    assert (undone.kind, undone.record.fields) == ("regenerate", record.fields)
    assert (undone.record.status, undone.record.reason) == (ReviewStatus.REJECTED, "too long")


def test_a_persons_edit_is_never_written_over_at_once(workspace: Workspace, records: list[Record]) -> None:
    edited, meanwhile, by_hand = records[0], records[1], None
    workspace.review.edit(edited.id, {"composition_task": "Mine."}, base_revision=1, author="Bob")
    run = rewrite(workspace, [edited.id], takes_over=True)
    assert by_id(workspace, edited).revision == 2
    assert [one.state for one in proposals_of(workspace, run)] == [OPEN]

    def edit() -> None:
        workspace.review.edit(meanwhile.id, {"composition_task": "Mine."}, base_revision=1, author="Bob")

    run = rewrite(workspace, [meanwhile.id], takes_over=True, meanwhile=edit)
    assert by_id(workspace, meanwhile).fields["composition_task"] == "Mine."
    assert [one.state for one in proposals_of(workspace, run)] == [OUTDATED]

    by_hand = workspace.review.add(dict(records[3].fields), generator=records[3].generator, author="Bob")
    run = rewrite(workspace, [by_hand.id], takes_over=True)
    assert by_id(workspace, by_hand).fields == by_hand.fields
    assert [one.state for one in proposals_of(workspace, run)] == [OPEN]


def test_an_accepted_text_over_a_persons_edit_does_not_open_the_way_for_the_next(
    workspace: Workspace, records: list[Record]
) -> None:
    workspace.review.edit(records[0].id, {"composition_task": "Mine."}, base_revision=1, author="Bob")
    (proposal,) = proposals_of(workspace, rewrite(workspace, [records[0].id]))
    workspace.rewriting.accept(proposal.number, author="Ada")
    run = workspace.rewriting.plan([records[0].id], "Shorter!", endpoint=ENDPOINT, author="Ada", takes_over=True)
    execute(workspace, run, lambda _: json.dumps(dict.fromkeys(list(records[0].fields)[2:], "Short.")))
    assert by_id(workspace, records[0]).fields["composition_task"] == "Mine."


def test_one_instruction_is_tried_on_some_records_and_then_on_all(workspace: Workspace, records: list[Record]) -> None:
    run = workspace.rewriting.plan([record.number for record in records], "Better!", endpoint=ENDPOINT, author="Ada")
    execute(workspace, run, another_parallel_task, limit=2)
    assert workspace.runs.get(run.id).stopped_by == "limit"
    assert [one.record for one in proposals_of(workspace, run)] == [record.number for record in records[:2]]
    execute(workspace, run, another_parallel_task)
    assert workspace.proposals.count(run.id)[OPEN] == 4
    assert workspace.runs.progress(run.id).calls == 4


def test_all_proposals_of_a_run_are_accepted_and_undone_as_one(workspace: Workspace, records: list[Record]) -> None:
    workspace.review.decide({records[0].id: 1}, ReviewStatus.ACCEPTED, reviewer="Bob")
    run = rewrite(workspace, [record.id for record in records])
    workspace.review.edit(records[1].id, {"composition_task": "Mine."}, base_revision=1, author="Bob")
    edited = by_id(workspace, records[1])
    done = carry_out(workspace, workspace.rewriting.accept_all(run.id, author="Ada"))
    assert (done.kind, done.total, done.touched) == ("accept-proposals", 4, 3)
    assert by_id(workspace, records[1]) == edited
    texts = [record.fields["parallel_task"] for record in present(workspace)]
    assert texts == ["Better.", "Beside: Two.", "Better.", "Better."]
    assert {record.status for record in present(workspace)} == {ReviewStatus.UNREVIEWED}
    assert workspace.proposals.count(run.id) == {OPEN: 0, ACCEPTED: 3, REFUSED: 0, OUTDATED: 1}
    undone = carry_out(workspace, workspace.bulk.undo(done.number, author="Ada"))
    assert undone.touched == 3
    assert [record.fields["parallel_task"] for record in present(workspace)] == [
        f"Beside: {task}" for task in ("One.", "Two.", "Three.", "Four.")
    ]
    assert by_id(workspace, records[0]).status is ReviewStatus.ACCEPTED
    assert workspace.proposals.count(run.id) == {OPEN: 3, ACCEPTED: 0, REFUSED: 0, OUTDATED: 1}


def test_all_proposals_of_a_run_are_refused_and_undone_as_one(workspace: Workspace, records: list[Record]) -> None:
    run = rewrite(workspace, [record.id for record in records])
    workspace.rewriting.accept(workspace.proposals.numbers(run.id)[0], author="Ada")
    done = carry_out(workspace, workspace.rewriting.refuse_all(run.id, author="Ada"))
    assert done.touched == 3
    assert workspace.proposals.count(run.id) == {OPEN: 0, ACCEPTED: 1, REFUSED: 3, OUTDATED: 0}
    assert workspace.proposals.numbers(run.id, only_open=True) == []
    with pytest.raises(UsageError, match="No proposal"):
        workspace.rewriting.accept_all(run.id, author="Ada")
    carry_out(workspace, workspace.bulk.undo(done.number, author="Ada"))
    assert workspace.proposals.count(run.id) == {OPEN: 3, ACCEPTED: 1, REFUSED: 0, OUTDATED: 0}


def test_a_turn_of_a_dialogue_is_written_again(workspace: Workspace) -> None:
    def answer(prompt: Prompt) -> str:
        shown = prompt.messages[0].content
        if "key turns" in shown:
            return json.dumps({"turns": [f"New {number}." for number in material_of(prompt)["rewrite"]]})
        return json.dumps({"questions": ["A?", "B?"]} if "questions" in shown else {"answers": ["a.", "b."]})

    planned = workspace.plan_dialogues(INTENTS, endpoint=ENDPOINT, num_dialogs_per_intent=1, num_turns_per_dialog=4)
    execute(workspace, planned, answer)
    record = present(workspace)[0]
    for scope, expected in (
        (Scope("turn", 2), ["A?", "a.", "New 3.", "b."]),
        (Scope("after", 0), ["A?", "New 2.", "New 3.", "New 4."]),
        (Scope(), ["A?", "New 2.", "B?", "New 4."]),
    ):
        run = workspace.rewriting.plan([record.id], "", endpoint=ENDPOINT, author="Ada", scope=scope)
        execute(workspace, run, answer)
        (proposal,) = proposals_of(workspace, run)
        assert [turn["value"] for turn in proposal.fields["conversation"]] == expected
    (_, asked) = workspace.runs.all(kind=RunKind.REWRITE)[0], run.params
    assert (asked["author"], asked["takes_over"], asked["scope"]) == ("Ada", False, {"kind": "record"})


def test_a_text_that_stays_as_it_was_is_a_failure_with_what_the_model_said(
    workspace: Workspace, records: list[Record]
) -> None:
    run = workspace.rewriting.plan([records[0].id], "Better!", endpoint=ENDPOINT, author="Ada")
    same = json.dumps({name: records[0].fields[name] for name in records[0].fields if name.endswith("l_task")})
    same = json.dumps({name: records[0].fields[name] for name in list(records[0].fields)[2:]})
    execute(workspace, run, lambda _: same)
    (failure,) = workspace.runs.failures(run.id)
    assert (failure.stage, failure.raw_text) == (Stage.PARSE, same)
    assert "nothing was changed" in failure.reason
    assert proposals_of(workspace, run) == []
    with pytest.raises(UsageError, match="no longer failed"):
        workspace.review.write_for_failed(failure.input_id, records[0].fields, author="Ada")
    assert workspace.retry(run.id) == 1
    execute(workspace, run, another_parallel_task)
    assert len(proposals_of(workspace, run)) == 1


def test_what_cannot_be_written_again_is_said_at_once_for_one_and_a_failure_among_many(
    workspace: Workspace, records: list[Record]
) -> None:
    odd = workspace.review.add({"atom_task": "Do."}, generator=records[0].generator, author="Bob")
    with pytest.raises(UsageError, match="'parallel_task'"):
        workspace.rewriting.plan([odd.id], "", endpoint=ENDPOINT, author="Ada")
    run = rewrite(workspace, [odd.id, records[0].id])
    assert [failure.stage for failure in workspace.runs.failures(run.id)] == [Stage.INPUT]
    assert len(proposals_of(workspace, run)) == 1


def test_what_is_not_there_or_too_much_is_refused(workspace: Workspace, records: list[Record]) -> None:
    def plan(which: list[str] | list[int], takes_over: bool = False) -> None:
        workspace.rewriting.plan(which, "", endpoint=ENDPOINT, author="Ada", takes_over=takes_over)

    with pytest.raises(UsageError, match="no longer in the workspace"):
        plan(["01NOBODY"])
    with pytest.raises(UsageError, match="no longer in the workspace"):
        plan([records[0].number, 999])
    with pytest.raises(UsageError, match="Only a single record"):
        plan([records[0].number, records[1].number], takes_over=True)
    with pytest.raises(UsageError, match="not one input"):
        plan([])
    with pytest.raises(UsageError, match="no proposal 7"):
        workspace.rewriting.accept(7, author="Ada")
    assert workspace.runs.all(kind=RunKind.REWRITE) == []


def test_a_record_named_twice_is_written_again_once(workspace: Workspace, records: list[Record]) -> None:
    run = rewrite(workspace, [records[0].id, records[0].id], takes_over=True)
    assert workspace.runs.progress(run.id).total == 1
    assert sum(workspace.runs.count_inputs()[state] for state in InputState) == 4


# ---- Selections: an instruction tried on some and then written for all, people's own work aside


def edit(workspace: Workspace, record: Record, author: str = "Bob") -> None:
    present_one = by_id(workspace, record)
    changes = {"composition_task": f"{author}'s own."}
    workspace.review.edit(record.id, changes, base_revision=present_one.revision, author=author)


def test_taking_all_leaves_what_people_have_edited_before_for_somebody_to_look_at(
    workspace: Workspace, records: list[Record]
) -> None:
    edit(workspace, records[0])
    written = workspace.review.add(dict(records[3].fields), generator=records[3].generator, author="Cem")
    run = rewrite(workspace, [*(record.id for record in records), written.id])
    edit(workspace, records[1])
    workspace.review.decide({records[2].id: 1}, ReviewStatus.DELETED, reviewer="Bob")
    waiting = workspace.proposals.undecided(run.id)
    assert (waiting.free, waiting.edited, waiting.outdated, waiting.total) == (2, 2, 1, 5)
    assert workspace.proposals.editors([record.number for record in present(workspace)]) == {
        records[0].number: "Bob",
        records[1].number: "Bob",
        written.number: "Cem",
    }
    done = carry_out(workspace, workspace.rewriting.accept_all(run.id, author="Ada"))
    assert (done.touched, done.params["left"]) == (1, {"edited": 2, "changed": 1, "deleted": 1})
    assert by_id(workspace, records[0]).fields["composition_task"] == "Bob's own."
    assert by_id(workspace, written).revision == 1
    looked_at = next(one for one in proposals_of(workspace, run) if one.record == records[0].number)
    assert workspace.rewriting.accept(looked_at.number, author="Ada").fields["parallel_task"] == "Better."


def test_an_edit_that_was_undone_keeps_nothing_from_being_taken(workspace: Workspace, records: list[Record]) -> None:
    edit(workspace, records[0])
    workspace.review.undo_last("Bob")
    run = rewrite(workspace, [records[0].id])
    assert workspace.proposals.undecided(run.id).free == 1
    assert carry_out(workspace, workspace.rewriting.accept_all(run.id, author="Ada")).touched == 1


@pytest.mark.parametrize("is_accepted", [True, False])
def test_what_was_taken_or_refused_is_undone_and_done_again(
    workspace: Workspace, records: list[Record], is_accepted: bool
) -> None:
    run = rewrite(workspace, [record.id for record in records])
    plan = workspace.rewriting.accept_all if is_accepted else workspace.rewriting.refuse_all
    last = carry_out(workspace, plan(run.id, author="Ada"))
    settled = workspace.proposals.count(run.id)
    texts = [record.fields for record in present(workspace)]
    assert last.params["note"] == "Better!"
    for _ in range(2):
        last = carry_out(workspace, workspace.bulk.undo(last.number, author="Ada"))
        assert (last.touched, workspace.proposals.count(run.id)[OPEN]) == (4, 4)
        assert present(workspace)[0].fields == records[0].fields
        last = carry_out(workspace, workspace.bulk.undo(last.number, author="Ada"))
        assert (last.touched, workspace.proposals.count(run.id)) == (4, settled)
        assert [record.fields for record in present(workspace)] == texts


@pytest.fixture
def few_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "FIRST", 2)


def test_of_a_selection_only_the_first_are_planned_until_all_are_wanted(
    workspace: Workspace, records: list[Record], few_first: None
) -> None:
    numbers = [record.number for record in reversed(records)]
    run = workspace.rewriting.plan_selection(numbers, " Better! ", endpoint=ENDPOINT, author="Ada")
    assert [one.id for one in workspace.rewriting.selections()] == [run.id]
    assert (workspace.runs.progress(run.id).total, run.source["lines"], run.params["note"]) == (2, 4, "Better!")
    assert sorted(workspace.rewriting.selection_of(run.id)) == sorted(numbers)
    rest = workspace.rewriting.rest_of(run.id)
    assert rest is not None
    assert (workspace.bulk.running(), workspace.bulk.recent(), workspace.bulk.latest("Ada")) == ([], [], None)
    execute(workspace, run, another_parallel_task, limit=1)
    edit(workspace, records[0])
    assert workspace.carry_out(rest).touched == 2
    assert workspace.rewriting.rest_of(run.id) is None
    assert sorted(workspace.rewriting.selection_of(run.id)) == sorted(numbers)
    with pytest.raises(UsageError, match="nothing to undo"):
        workspace.bulk.undo(rest.number, author="Ada")
    execute(workspace, run, another_parallel_task)
    assert workspace.runs.get(run.id).state is RunState.FINISHED
    waiting = workspace.proposals.undecided(run.id)
    assert (waiting.free, waiting.edited, waiting.outdated) == (3, 1, 0)


def test_a_run_given_up_writes_nothing_more_and_waits_for_nobody(
    workspace: Workspace, records: list[Record], few_first: None
) -> None:
    numbers = [record.number for record in records]
    run = workspace.rewriting.plan_selection(numbers, "Better!", endpoint=ENDPOINT, author="Ada")
    execute(workspace, run, another_parallel_task, limit=1)
    workspace.rewriting.give_up(run.id, author="Ada")
    assert workspace.rewriting.rest_of(run.id) is None
    assert workspace.runs.get(run.id).state is RunState.CANCELLED
    assert workspace.proposals.count(run.id) == {OPEN: 0, ACCEPTED: 0, REFUSED: 1, OUTDATED: 0}
    assert present(workspace) == records


def test_a_selection_of_which_nothing_can_be_written_again_is_refused(
    workspace: Workspace, records: list[Record]
) -> None:
    odd = [workspace.review.add({"atom_task": f"{n}."}, generator=records[0].generator, author="B") for n in range(2)]
    with pytest.raises(UsageError, match="'parallel_task'"):
        workspace.rewriting.plan_selection([one.number for one in odd], "", endpoint=ENDPOINT, author="Ada")
    with pytest.raises(UsageError, match="not one input"):
        workspace.rewriting.plan_selection([], "", endpoint=ENDPOINT, author="Ada")
    numbers = [odd[0].number, records[0].number]
    assert workspace.rewriting.plan_selection(numbers, "", endpoint=ENDPOINT, author="Ada").name == "Written again"


def test_a_run_that_outruns_the_planning_of_its_selection_is_taken_up_again(
    workspace: Workspace, records: list[Record], few_first: None
) -> None:
    numbers = [record.number for record in records]
    run = workspace.rewriting.plan_selection(numbers, "Better!", endpoint=ENDPOINT, author="Ada")
    execute(workspace, run, another_parallel_task)
    rest = workspace.rewriting.rest_of(run.id)
    assert rest is not None
    assert not workspace.rewriting.has_outrun(workspace.runs.get(run.id))
    workspace.execute_action(rest.number)
    assert workspace.runs.get(run.id).state is RunState.QUEUED
    run_again = ScriptedServing(another_parallel_task, max_workers=2)
    asyncio.run(workspace.execute(run.id, serving=run_again))
    assert workspace.proposals.count(run.id)[OPEN] == 4
    workspace.runs.ask(run.id, "cancel")
    assert not workspace.rewriting.has_outrun(workspace.runs.get(run.id))

"""The gate between a dialogue's two stages: questions wait for a person, and only accepted ones get their answers."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dataflow_core.errors import AnswerError, RunIsLiveError, UsageError
from dataflow_core.exporting.engine import exported_lines, left_out, write_export
from dataflow_core.models import (
    EMBEDDED,
    SKELETON,
    Completion,
    Endpoint,
    InputState,
    Prompt,
    Record,
    ReviewStatus,
    RevisionKind,
    Run,
    RunState,
    Stage,
)
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import inputs, records
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, INTENTS, execute

ACCEPTED, REJECTED, UNREVIEWED = ReviewStatus.ACCEPTED, ReviewStatus.REJECTED, ReviewStatus.UNREVIEWED


def plan(workspace: Workspace, *, each: int = 2, turns: int = 4, endpoint: Endpoint = ENDPOINT) -> Run:
    """Dialogues of both intents; `each` of them."""
    return workspace.plan_dialogues(
        INTENTS, endpoint=endpoint, num_dialogs_per_intent=each, num_turns_per_dialog=turns, review_skeletons=True
    )


def is_for_answers(prompt: Prompt) -> bool:
    return "list of exactly" in prompt.messages[0].content and "key answers" in prompt.messages[0].content


def questions_in(prompt: Prompt) -> list[str]:
    return list(json.loads(prompt.messages[-1].content)["messages"])


_numbers = itertools.count()


def reply(prompt: Prompt) -> str:
    if is_for_answers(prompt):
        return json.dumps({"answers": [f"This is what I say to {question}" for question in questions_in(prompt)]})
    number = next(_numbers)
    return json.dumps({"questions": [f"What about {part} of {number}?" for part in ("one", "two")]})


def gated(workspace: Workspace, **settings: Any) -> Run:
    """A run that has come to its gate."""
    run = plan(workspace, **settings)
    execute(workspace, run, reply)
    return workspace.runs.get(run.id)


def skeletons(workspace: Workspace, run: Run) -> list[Record]:
    return list(workspace.records.stream(Query(runs=(run.id,), stages=(SKELETON,), statuses=tuple(ReviewStatus))))


def decide(workspace: Workspace, record: Record, status: ReviewStatus) -> None:
    assert not workspace.review.decide({record.id: record.revision}, status, reviewer="Ada")


def edit(workspace: Workspace, record: Record, questions: list[str]) -> Record:
    turns = [{"role": "user", "value": question} for question in questions]
    edited = workspace.review.edit(record.id, {"conversation": turns}, base_revision=record.revision, author="Ada")
    return edited.record


def present(workspace: Workspace, record: Record) -> Record:
    found = workspace.records.get(record.id)
    assert found is not None
    return found


def turns_of(record: Record, role: str) -> list[str]:
    return [turn["value"] for turn in record.fields["conversation"] if turn["role"] == role]


def state_of(workspace: Workspace, record: Record) -> InputState:
    with workspace.database.read() as connection:
        return InputState(str(connection.scalar(select(inputs.c.state).where(inputs.c.id == record.input_id))))


def check_states(workspace: Workspace, run: Run) -> None:
    """Each input is in one state, and its records say the same."""
    progress = workspace.runs.progress(run.id)
    assert progress.pending + progress.done + progress.failed + progress.waiting == progress.total == 4
    with workspace.database.read() as connection:
        states: dict[str, str] = {row[0]: row[1] for row in connection.execute(select(inputs.c.id, inputs.c.state))}
        made = connection.execute(select(records.c.input_id, records.c.stage)).all()
    stages: dict[str, list[str]] = {}
    for input_id, stage in made:
        stages.setdefault(input_id, []).append(stage)
    for input_id, state in states.items():
        match InputState(state):
            case InputState.DONE:
                assert stages[input_id] == [""]
            case InputState.WAITING:
                assert stages[input_id] == [SKELETON]
            case _:
                assert stages.get(input_id, [SKELETON]) == [SKELETON]


def test_a_run_stops_with_its_questions_and_everything_waits(workspace: Workspace) -> None:
    run = gated(workspace)
    assert (run.state, run.reviews_skeletons) == (RunState.FINISHED, True)
    progress = workspace.runs.progress(run.id)
    assert (progress.waiting, progress.pending, progress.done, progress.calls) == (4, 0, 0, 4)
    for record in skeletons(workspace, run):
        assert (record.stage, record.status, record.model) == (SKELETON, UNREVIEWED, "scripted")
        assert [turn["role"] for turn in record.fields["conversation"]] == ["user", "user"]
        assert workspace.records.findings(record.id) == []
    check_states(workspace, run)


def test_without_the_gate_nothing_waits(workspace: Workspace) -> None:
    run = workspace.plan_dialogues(INTENTS, endpoint=ENDPOINT, num_dialogs_per_intent=1, num_turns_per_dialog=4)
    execute(workspace, run, reply)
    assert not run.reviews_skeletons
    assert [record.stage for record in workspace.records.stream(Query())] == ["", ""]
    assert workspace.answer_accepted(run.id) == 0


def test_only_accepted_questions_are_answered_and_their_call_is_not_made_again(workspace: Workspace) -> None:
    run = gated(workspace)
    first, second, third, fourth = skeletons(workspace, run)
    decide(workspace, first, ACCEPTED)
    decide(workspace, second, REJECTED)
    decide(workspace, third, ReviewStatus.DELETED)
    assert workspace.runs.waiting_by_status(run.id) == {
        ACCEPTED: 1, REJECTED: 1, ReviewStatus.DELETED: 1, UNREVIEWED: 1,
    }  # fmt: skip
    assert workspace.answer_accepted(run.id) == 1
    check_states(workspace, run)
    serving = ScriptedServing(reply)
    assert execute(workspace, run, serving).state is RunState.FINISHED
    assert [questions_in(prompt) for prompt in serving.prompts] == [turns_of(first, "user")]
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.waiting) == (1, 3)
    answered = present(workspace, first)
    assert [turn["role"] for turn in answered.fields["conversation"]] == ["user", "assistant"] * 2
    assert (answered.stage, answered.status, answered.revision, answered.is_edited) == ("", UNREVIEWED, 2, False)
    assert (answered.reviewer, answered.reason) == ("", "")
    newest, oldest = workspace.records.history(first.id)
    assert (newest.kind, newest.author, oldest.kind) == (
        RevisionKind.ANSWERED, "ConsistentChatGenerator", RevisionKind.GENERATED,
    )  # fmt: skip
    assert [(one.status, one.revision) for one in workspace.records.decisions(first.id)] == [
        (UNREVIEWED, 2), (ACCEPTED, 1),
    ]  # fmt: skip
    assert [present(workspace, one).stage for one in (second, third, fourth)] == [SKELETON] * 3
    check_states(workspace, run)


def test_questions_are_answered_as_they_were_edited_whatever_their_number(workspace: Workspace) -> None:
    run = gated(workspace)
    first, second, *_ = skeletons(workspace, run)
    edited = edit(workspace, first, ["How do I boil an egg?", "And a soft one?", "Which salt?"])
    workspace.review.edit(first.id, {"topic": "eggs"}, base_revision=edited.revision, author="Ada")
    decide(workspace, present(workspace, first), ACCEPTED)
    decide(workspace, edit(workspace, second, ["Only this one?"]), ACCEPTED)
    assert workspace.answer_accepted(run.id) == 2
    serving = ScriptedServing(reply)
    execute(workspace, run, serving)
    answered = present(workspace, first)
    assert turns_of(answered, "user") == ["How do I boil an egg?", "And a soft one?", "Which salt?"]
    assert len(turns_of(answered, "assistant")) == 3
    assert (answered.is_edited, answered.fields["topic"]) == (True, "eggs")
    assert '"topic": "eggs"' in "".join(prompt.messages[-1].content for prompt in serving.prompts)
    assert turns_of(present(workspace, second), "user") == ["Only this one?"]
    changed = workspace.review.edit(
        answered.id, {"topic": "other"}, base_revision=answered.revision, author="Bo"
    ).record
    assert workspace.review.restore(changed.id, answered.revision, author="Bo").is_edited


def test_the_small_recipe_stops_and_goes_on_alike(workspace: Workspace) -> None:
    def small(prompt: Prompt) -> Any:
        if "Write the questions" in prompt.messages[0].content:
            number = next(_numbers)
            texts = (f"What is thing number {number} made of?", f"Where can somebody buy {number} of them cheaply?")
            return Completion((json.dumps({"questions": texts}),), "small")
        return Completion((f"It is said that {prompt.messages[-1].content[:20]} is so.",), "small")

    run = plan(workspace, each=1, endpoint=EMBEDDED)
    execute(workspace, run, small)
    first, second = skeletons(workspace, run)
    decide(workspace, edit(workspace, first, [*turns_of(first, "user"), "Who sells the best of them?"]), ACCEPTED)
    assert workspace.answer_accepted(run.id) == 1
    execute(workspace, run, small)
    assert len(turns_of(present(workspace, first), "assistant")) == 3
    assert present(workspace, second).stage == SKELETON


def test_a_live_run_takes_no_accepted_questions_up(workspace: Workspace) -> None:
    run = gated(workspace)
    workspace.runs.enqueue(run.id, limit=None)
    with pytest.raises(RunIsLiveError, match="when it has ended"):
        workspace.answer_accepted(run.id)


Change = Callable[[Workspace, Record], object]
CHANGES: dict[str, Change] = {
    "its text is edited": lambda workspace, record: edit(workspace, present(workspace, record), ["Another one?"]),
    "it is rejected": lambda workspace, record: decide(workspace, present(workspace, record), REJECTED),
    "it is deleted": lambda workspace, record: decide(workspace, present(workspace, record), ReviewStatus.DELETED),
    "its acceptance is undone": lambda workspace, record: workspace.review.undo_last("Ada"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_while_the_answers_are_written_is_not_written_over(workspace: Workspace, what: str) -> None:
    run = gated(workspace, each=1)
    record = skeletons(workspace, run)[0]
    decide(workspace, record, ACCEPTED)
    workspace.answer_accepted(run.id)

    def meanwhile(prompt: Prompt) -> str:
        CHANGES[what](workspace, record)
        return reply(prompt)

    assert execute(workspace, run, meanwhile).state is RunState.FINISHED
    now = present(workspace, record)
    assert (now.stage, state_of(workspace, record)) == (SKELETON, InputState.WAITING)
    assert turns_of(now, "assistant") == []
    assert now.status is not UNREVIEWED or "undone" in what
    assert all(one.kind is not RevisionKind.ANSWERED for one in workspace.records.history(record.id))


@pytest.mark.parametrize("what", [name for name in CHANGES if "edited" not in name])
def test_an_acceptance_withdrawn_before_the_turn_costs_no_call(workspace: Workspace, what: str) -> None:
    run = gated(workspace, each=1)
    record = skeletons(workspace, run)[0]
    decide(workspace, record, ACCEPTED)
    assert workspace.answer_accepted(run.id) == 1
    CHANGES[what](workspace, record)
    serving = ScriptedServing(reply)
    assert execute(workspace, run, serving).state is RunState.FINISHED
    assert serving.prompts == []
    assert state_of(workspace, record) is InputState.WAITING


def test_an_edit_of_queued_questions_keeps_their_acceptance_and_is_what_gets_answered(workspace: Workspace) -> None:
    run = gated(workspace, each=1)
    record = skeletons(workspace, run)[0]
    decide(workspace, record, ACCEPTED)
    workspace.answer_accepted(run.id)
    edit(workspace, record, ["A better question?"])
    execute(workspace, run, reply)
    assert turns_of(present(workspace, record), "user") == ["A better question?"]
    assert present(workspace, record).stage == ""


def test_answers_to_questions_that_were_changed_and_changed_back_are_not_paid_again(workspace: Workspace) -> None:
    run = gated(workspace, each=1)
    record = skeletons(workspace, run)[0]
    decide(workspace, record, ACCEPTED)
    workspace.answer_accepted(run.id)

    def meanwhile(prompt: Prompt) -> str:
        edit(workspace, record, ["Another one?"])
        return reply(prompt)

    execute(workspace, run, meanwhile)
    workspace.review.restore(record.id, 1, author="Ada")
    assert workspace.answer_accepted(run.id) == 1
    serving = ScriptedServing(reply)
    execute(workspace, run, serving)
    assert serving.prompts == []
    assert (present(workspace, record).stage, present(workspace, record).is_edited) == ("", False)


def test_a_failed_answer_is_a_failure_that_leaves_the_questions_and_can_be_retried(workspace: Workspace) -> None:
    run = gated(workspace, each=1)
    first, second = skeletons(workspace, run)
    decide(workspace, first, ACCEPTED)
    decide(workspace, second, ACCEPTED)
    workspace.answer_accepted(run.id)
    execute(workspace, run, lambda prompt: AnswerError("No.", raw_text="Sorry."))
    failures = workspace.runs.failures(run.id)
    assert [(failure.stage, failure.raw_text) for failure in failures] == [(Stage.PARSE, "Sorry.")] * 2
    assert [record.id for record in skeletons(workspace, run)] == [first.id, second.id]
    assert workspace.answer_accepted(run.id) == 0
    decide(workspace, present(workspace, second), REJECTED)
    assert workspace.runs.retry_failed(run.id) == 2
    serving = ScriptedServing(reply)
    execute(workspace, run, serving)
    assert [questions_in(prompt) for prompt in serving.prompts] == [turns_of(first, "user")]
    assert (present(workspace, first).stage, state_of(workspace, second)) == ("", InputState.WAITING)


def test_questions_that_cannot_be_answered_say_what_to_do(workspace: Workspace) -> None:
    run = gated(workspace, each=1)
    first, second = skeletons(workspace, run)
    decide(workspace, edit(workspace, first, ["One?", "  "]), ACCEPTED)
    decide(workspace, edit(workspace, second, []), ACCEPTED)
    workspace.answer_accepted(run.id)
    execute(workspace, run, reply)
    empty, none = workspace.runs.failures(run.id)
    assert (empty.stage, none.stage) == (Stage.INPUT, Stage.INPUT)
    assert "Question 2" in empty.reason
    assert "no questions" in none.reason


def test_answers_can_be_written_by_hand_into_the_record_of_the_questions(workspace: Workspace) -> None:
    run = gated(workspace, each=1)
    record = skeletons(workspace, run)[0]
    decide(workspace, edit(workspace, record, ["Mine?"]), ACCEPTED)
    workspace.answer_accepted(run.id)
    execute(workspace, run, lambda prompt: AnswerError("No.", raw_text=""))
    (failure,) = workspace.runs.failures(run.id)
    blank = workspace.blank(run, failure)
    assert blank["conversation"] == [{"role": "user", "value": "Mine?"}, {"role": "assistant", "value": ""}]
    blank["conversation"][1]["value"] = "Yours."
    written = workspace.review.write_for_failed(failure.input_id, blank, author="Bo")
    assert (written.id, written.stage, written.status, written.reviewer) == (record.id, "", ACCEPTED, "Bo")
    assert workspace.records.history(record.id)[0].kind is RevisionKind.WRITTEN
    assert state_of(workspace, record) is InputState.DONE


def test_cancelling_ends_those_that_wait_as_the_pending_ones_and_they_can_be_gone_on_with(workspace: Workspace) -> None:
    run = gated(workspace)
    first, *_ = skeletons(workspace, run)
    decide(workspace, first, ACCEPTED)
    workspace.answer_accepted(run.id)
    workspace.runs.ask(run.id, "cancel")
    progress = workspace.runs.progress(run.id)
    assert (progress.failed, progress.waiting, progress.pending) == (4, 0, 0)
    assert workspace.runs.failures_by_stage(run.id) == {Stage.CANCELLED: 4}
    check_states(workspace, run)
    assert workspace.runs.retry_failed(run.id) == 4
    serving = ScriptedServing(reply)
    execute(workspace, run, serving)
    assert len(serving.prompts) == 1
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.waiting) == (1, 3)


def test_a_run_killed_in_either_stage_goes_on_without_paying_twice(workspace: Workspace) -> None:
    class KilledError(Exception):
        pass

    def killing(after: int) -> Callable[[Prompt], str]:
        calls = itertools.count(1)

        def answer(prompt: Prompt) -> str:
            if next(calls) > after:
                raise KilledError
            return reply(prompt)

        return answer

    run = plan(workspace)
    with pytest.raises(KilledError):
        execute(workspace, run, ScriptedServing(killing(2), max_workers=1))
    check_states(workspace, run)
    assert workspace.runs.progress(run.id).waiting == 2
    serving = ScriptedServing(reply)
    execute(workspace, run, serving)
    assert len(serving.prompts) == 2
    for record in skeletons(workspace, run):
        decide(workspace, record, ACCEPTED)
    assert workspace.answer_accepted(run.id) == 4
    with pytest.raises(KilledError):
        execute(workspace, run, ScriptedServing(killing(1), max_workers=1))
    check_states(workspace, run)
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.pending) == (1, 3)
    serving = ScriptedServing(reply)
    execute(workspace, run, serving)
    assert len(serving.prompts) == 3
    assert workspace.runs.progress(run.id).done == 4
    check_states(workspace, run)


def test_a_trial_stays_one_when_its_questions_are_answered(workspace: Workspace) -> None:
    run = plan(workspace)
    assert execute(workspace, run, reply, limit=1).stopped_by == "limit"
    (record,) = skeletons(workspace, run)
    decide(workspace, record, ACCEPTED)
    assert workspace.answer_accepted(run.id) == 1
    assert execute(workspace, run, reply, limit=1).stopped_by == "limit"
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.waiting, progress.pending) == (1, 0, 3)


@pytest.mark.parametrize("seed", range(4))
def test_each_input_is_in_one_state_whatever_is_done_in_whichever_order(workspace: Workspace, seed: int) -> None:
    chance = random.Random(seed)
    run = plan(workspace)

    def sometimes(prompt: Prompt) -> Any:
        if chance.random() < 0.3 and (found := skeletons(workspace, run)):
            change(chance.choice(found))
        return AnswerError("No.", raw_text="") if chance.random() < 0.2 else reply(prompt)

    def change(record: Record) -> None:
        match chance.randrange(4):
            case 0:
                edit(workspace, record, [f"Question {chance.random()}?"])
            case 1:
                decide(workspace, record, chance.choice((REJECTED, ReviewStatus.DELETED, UNREVIEWED)))
            case _:
                decide(workspace, record, ACCEPTED)

    def change_all() -> None:
        for record in skeletons(workspace, run):
            change(record)

    acts: tuple[Callable[[], object], ...] = (
        lambda: execute(workspace, run, sometimes),
        lambda: execute(workspace, run, sometimes, limit=chance.randrange(1, 5)),
        lambda: workspace.answer_accepted(run.id),
        lambda: workspace.runs.retry_failed(run.id),
        lambda: workspace.runs.ask(run.id, "cancel") if chance.random() < 0.3 else None,
        change_all,
    )
    for _ in range(12):
        chance.choice(acts)()
        check_states(workspace, run)


def test_nobody_can_undo_an_acceptance_whose_answers_are_there(workspace: Workspace) -> None:
    run = gated(workspace, each=1)
    record = skeletons(workspace, run)[0]
    decide(workspace, record, ACCEPTED)
    workspace.answer_accepted(run.id)
    execute(workspace, run, reply)
    with pytest.raises(UsageError, match="stays as it is"):
        workspace.review.undo_last("Ada")
    assert present(workspace, record).status is UNREVIEWED


@pytest.mark.parametrize("is_by_hand", [False, True])
def test_nobody_goes_back_from_an_answered_dialogue_to_its_questions_alone(
    workspace: Workspace, is_by_hand: bool
) -> None:
    run = gated(workspace, each=1)
    record = edit(workspace, skeletons(workspace, run)[0], ["Why?", "How?"])
    assert workspace.review.restore(record.id, 1, author="Ada").revision == 3
    record = workspace.review.restore(record.id, 2, author="Ada")
    decide(workspace, record, ACCEPTED)
    workspace.answer_accepted(run.id)
    if is_by_hand:
        workspace.runs.ask(run.id, "cancel")
        failure = next(one for one in workspace.runs.failures(run.id) if one.input_id == record.input_id)
        turns = [{"role": role, "value": text} for role, text in (("user", "Why?"), ("assistant", "Because of it."))]
        blank = workspace.blank(workspace.runs.get(run.id), failure)
        workspace.review.write_for_failed(failure.input_id, blank | {"conversation": turns}, author="Ada")
    else:
        execute(workspace, run, reply)
    for revision in (1, 2, 4):
        with pytest.raises(UsageError, match="questions alone"):
            workspace.review.restore(record.id, revision, author="Ada")
    assert turns_of(workspace.review.restore(record.id, 5, author="Ada"), "assistant")
    assert (present(workspace, record).revision, present(workspace, record).stage) == (5, "")


def test_questions_under_review_take_no_answers(workspace: Workspace) -> None:
    run = gated(workspace, each=1)
    record = skeletons(workspace, run)[0]
    turns = [*record.fields["conversation"], {"role": "assistant", "value": "An answer."}]
    with pytest.raises(UsageError, match="Only the questions"):
        workspace.review.edit(record.id, {"conversation": turns}, base_revision=1, author="Ada")


def test_an_export_leaves_dialogues_without_answers_out_and_says_so(workspace: Workspace, tmp_path: Path) -> None:
    run = gated(workspace)
    first, second, *_ = skeletons(workspace, run)
    with pytest.raises(UsageError, match="4 dialogues have no answers yet, and are left out"):
        write_export(workspace.records, Query(), tmp_path / "all.jsonl")
    decide(workspace, first, ACCEPTED)
    workspace.answer_accepted(run.id)
    execute(workspace, run, reply)
    decide(workspace, second, ACCEPTED)
    (file,) = write_export(workspace.records, Query(), tmp_path / "all.jsonl")
    assert (file.records, len(list(exported_lines(workspace.records, Query(), run.generator)))) == (1, 1)
    assert left_out(workspace.records, Query()) == "3 dialogues have no answers yet, and are left out."
    assert left_out(workspace.records, Query(statuses=(ACCEPTED,))).startswith("1 dialogue has no answers yet")


def test_records_are_found_by_their_stage(workspace: Workspace) -> None:
    run = gated(workspace, each=1)
    decide(workspace, skeletons(workspace, run)[0], ACCEPTED)
    workspace.answer_accepted(run.id)
    execute(workspace, run, reply)

    def found(**query: Any) -> int:
        return workspace.records.count(Query(**query))

    assert (found(), found(stages=(SKELETON,)), found(stages=("",)), found(stages=("", SKELETON))) == (2, 1, 1, 2)
    assert len(workspace.records.numbers(Query(stages=(SKELETON,), sort="first text"))) == 1
    assert workspace.records.count_by_status(Query(stages=("",)))[UNREVIEWED] == 1


def test_records_answered_lately_count_for_the_pace(workspace: Workspace) -> None:
    run = gated(workspace, each=1)
    before = workspace.runs.progress(run.id).recent_per_second
    for record in skeletons(workspace, run):
        decide(workspace, record, ACCEPTED)
    workspace.answer_accepted(run.id)
    execute(workspace, run, reply)
    assert before > 0
    assert workspace.runs.progress(run.id).recent_per_second > 0


def test_what_waits_is_counted_without_reading_records(workspace: Workspace) -> None:
    """A run of tasks may have a million of them, and has no skeleton."""
    query = (
        "EXPLAIN QUERY PLAN SELECT status FROM records WHERE stage = 'skeleton' AND run_id = 'one' "
        "AND input_id IN (SELECT id FROM inputs WHERE run_id = 'one' AND state = 'waiting')"
    )
    with workspace.database.read() as connection:
        steps = [str(row[3]) for row in connection.exec_driver_sql(query)]
    assert any("COVERING INDEX records_skeletons" in step for step in steps), steps


def test_questions_written_again_by_a_model_are_questions_to_be_reviewed(workspace: Workspace) -> None:
    run = gated(workspace)
    skeleton = skeletons(workspace, run)[0]
    decide(workspace, skeleton, ACCEPTED)
    again = workspace.rewriting.plan([skeleton.id], "Other ones.", endpoint=ENDPOINT, author="Ada")
    execute(workspace, again, lambda _: json.dumps({"turns": ["Which one?", "And then?"]}))
    (proposal,) = workspace.proposals.open_for(skeleton.number)
    accepted = workspace.rewriting.accept(proposal.number, author="Ada")
    assert [turn["value"] for turn in accepted.fields["conversation"]] == ["Which one?", "And then?"]
    assert (accepted.stage, accepted.status) == (SKELETON, UNREVIEWED)
    assert workspace.answer_accepted(run.id) == 0

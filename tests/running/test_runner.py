"""The runner: how inputs end, what stops a run, what a resumed run does not pay twice."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dataflow_core.errors import (
    ConfigurationError,
    DiskFullError,
    RefusedError,
    RunIsLiveError,
    ServingError,
    TransientError,
    UsageError,
    WorkspaceError,
)
from dataflow_core.models import Budget, Completion, Prompt, RunState, Stage, Usage
from dataflow_core.prompts.para_seq import relations_prompt
from dataflow_core.running.asking import prompt_hash
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.ledger import Call, Ledger
from dataflow_core.storage.queries import Query
from dataflow_core.storage.runs import Orders, RunStore
from dataflow_core.storage.schema import runs
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, INTENTS, Clock, answer_relations, execute, plan_tasks, relations, task_of

TASKS = [f"Do thing {number}." for number in range(10)]


def test_every_input_ends_as_a_record_or_a_failure(workspace: Workspace) -> None:
    replies: dict[str, Any] = {
        TASKS[0]: RefusedError("No.", raw_text="I cannot."),
        TASKS[1]: "no JSON at all",
        TASKS[2]: Completion(('{"parallel_task": "Besi',), "scripted", finish_reason="length"),
        TASKS[3]: ServingError("400: bad"),
    }
    run = plan_tasks(workspace, ["", *TASKS])
    # a blank line is skipped on the way in, so it is not an input of the run
    outcome = execute(workspace, run, lambda prompt: replies.get(task_of(prompt)) or answer_relations(prompt))
    assert outcome.state is RunState.FINISHED
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.failed, progress.pending, progress.total) == (6, 4, 0, 10)
    failures = {f.fields["atom_task"]: f for f in workspace.runs.failures(run.id)}
    assert {task: f.stage for task, f in failures.items()} == {
        TASKS[0]: Stage.REFUSED,
        TASKS[1]: Stage.PARSE,
        TASKS[2]: Stage.TRUNCATED,
        TASKS[3]: Stage.SERVING,
    }
    assert failures[TASKS[0]].raw_text == "I cannot."
    assert failures[TASKS[1]].raw_text == "no JSON at all"
    assert workspace.runs.failures_by_stage(run.id) == dict.fromkeys(
        [Stage.REFUSED, Stage.PARSE, Stage.TRUNCATED, Stage.SERVING], 1
    )


def test_results_belong_to_their_own_inputs_whatever_order_they_arrive_in(workspace: Workspace) -> None:
    class Shuffling(ScriptedServing):
        async def complete(self, prompt: Prompt, **options: Any) -> Completion:
            await asyncio.sleep(0.01 * (hash(task_of(prompt)) % 5))
            return await super().complete(prompt, **options)

    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, Shuffling(answer_relations))
    for record in workspace.records.stream(Query(runs=(run.id,))):
        task = record.fields["atom_task"]
        assert record.fields["parallel_task"] == f"Beside: {task}"
        assert record.fields["line"] == TASKS.index(task)


def test_a_wrong_key_costs_one_call_and_pauses_the_run_with_its_sentence(workspace: Workspace) -> None:
    serving = ScriptedServing(lambda _: ConfigurationError("The key is wrong."))
    run = plan_tasks(workspace, TASKS)
    outcome = execute(workspace, run, serving)
    assert (outcome.state, outcome.reason) == (RunState.PAUSED, "The key is wrong.")
    assert len(serving.prompts) == 1
    assert workspace.runs.get(run.id).reason == "The key is wrong."
    assert workspace.runs.progress(run.id).pending == len(TASKS)


def test_a_run_whose_endpoint_never_answered_pauses_instead_of_failing_every_input(workspace: Workspace) -> None:
    serving = ScriptedServing(lambda _: TransientError("Nothing answers."))
    run = plan_tasks(workspace, TASKS)
    outcome = execute(workspace, run, serving)
    assert outcome.state is RunState.PAUSED
    assert outcome.reason.startswith("Nothing answers.")
    assert workspace.runs.progress(run.id).pending == len(TASKS)


def test_a_passing_fault_is_tried_again_and_retry_after_is_obeyed(workspace: Workspace) -> None:
    clock = Clock()
    faults = iter([TransientError("429", retry_after=12.0), TransientError("500")])
    run = plan_tasks(workspace, TASKS[:1])
    execute(workspace, run, lambda prompt: next(faults, None) or answer_relations(prompt), clock=clock)
    assert workspace.runs.progress(run.id).done == 1
    assert 12.0 <= clock.waits[0] <= 13.2
    assert clock.now > 13.0


def test_an_input_whose_retries_are_used_up_fails_alone(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> Any:
        return TransientError("500") if task_of(prompt) == TASKS[5] else answer_relations(prompt)

    run = plan_tasks(workspace, TASKS)
    assert execute(workspace, run, reply).state is RunState.FINISHED
    (failure,) = workspace.runs.failures(run.id)
    assert (failure.stage, failure.fields["atom_task"]) == (Stage.SERVING, TASKS[5])


def test_an_unusable_answer_is_asked_for_once_more_with_what_was_wrong(workspace: Workspace) -> None:
    replies = iter(['{"parallel_task": "p"}', relations("x")])
    serving = ScriptedServing(lambda _: next(replies))
    run = plan_tasks(workspace, TASKS[:1])
    execute(workspace, run, serving)
    assert workspace.runs.progress(run.id).done == 1
    assert "lacks 'subsequent_task'" in serving.prompts[1].messages[-1].content
    assert serving.prompts[1].messages[-2].content == '{"parallel_task": "p"}'


def test_a_cut_answer_is_asked_for_again_with_more_room(workspace: Workspace) -> None:
    cut = Completion(('{"parallel_task": "Besi',), "scripted", finish_reason="length")
    replies: Iterator[Completion | str] = iter([cut, relations("x")])
    serving = ScriptedServing(lambda _: next(replies))
    run = plan_tasks(workspace, TASKS[:1])
    execute(workspace, run, serving)
    assert workspace.runs.progress(run.id).done == 1
    assert (serving.prompts[1].sampling.max_tokens or 0) >= 4096


def test_trying_on_three_takes_up_three_and_starting_does_the_rest_once(workspace: Workspace) -> None:
    serving = ScriptedServing(answer_relations)
    run = plan_tasks(workspace, TASKS)
    outcome = execute(workspace, run, serving, limit=3)
    assert (outcome.state, outcome.reason) == (RunState.PAUSED, "Tried on 3 of 10 inputs.")
    assert len(serving.prompts) == 3
    assert execute(workspace, run, serving).state is RunState.FINISHED
    assert sorted(task_of(prompt) for prompt in serving.prompts) == sorted(TASKS)


def test_failed_inputs_can_be_retried_and_their_failures_stay_in_the_history(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, lambda prompt: "nonsense" if task_of(prompt) == TASKS[0] else answer_relations(prompt))
    assert workspace.runs.retry_failed(run.id) == 1
    assert workspace.runs.progress(run.id).pending == 1
    execute(workspace, run, answer_relations)
    assert workspace.runs.progress(run.id).done == 10
    assert workspace.runs.failures(run.id) == []
    assert workspace.records.count(Query(runs=(run.id,))) == 10


def test_an_answered_step_is_not_paid_again_after_the_process_was_lost_between_two_stages(workspace: Workspace) -> None:
    class Killed(BaseException):
        pass

    def die_at_the_answers(prompt: Prompt) -> Any:
        if "questions" in prompt.messages[0].content:
            return '{"questions": ["One?", "Two?"]}'
        raise Killed

    run = workspace.plan_dialogues(INTENTS[:1], endpoint=ENDPOINT, num_dialogs_per_intent=1, num_turns_per_dialog=4)
    with pytest.raises(Killed):
        execute(workspace, run, die_at_the_answers)
    assert workspace.runs.progress(run.id).pending == 1
    serving = ScriptedServing(['{"answers": ["Ah.", "Oh."]}'])
    assert execute(workspace, run, serving).state is RunState.FINISHED
    (record,) = workspace.records.stream(Query())
    assert [turn["value"] for turn in record.fields["conversation"]] == ["One?", "Ah.", "Two?", "Oh."]


def test_a_person_can_pause_and_resume(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    answered = itertools.count()

    def reply(prompt: Prompt) -> str:
        if next(answered) == 3:
            workspace.runs.ask(run.id, "pause")
        return answer_relations(prompt)

    outcome = execute(workspace, run, ScriptedServing(reply, delay=0.3, max_workers=1))
    assert (outcome.state, outcome.reason) == (RunState.PAUSED, "Paused.")
    done = workspace.runs.progress(run.id).done
    assert 3 <= done < 10
    assert execute(workspace, run, answer_relations).state is RunState.FINISHED
    assert workspace.records.count(Query(runs=(run.id,))) == 10


def test_cancelling_turns_what_is_left_into_failures_that_can_be_retried(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, answer_relations, limit=4)
    workspace.runs.ask(run.id, "cancel")
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.failed, progress.pending) == (4, 6, 0)
    assert workspace.runs.get(run.id).state is RunState.CANCELLED
    assert set(workspace.runs.failures_by_stage(run.id)) == {Stage.CANCELLED}
    workspace.runs.retry_failed(run.id)
    execute(workspace, run, answer_relations)
    assert workspace.runs.progress(run.id).done == 10


def test_a_live_run_is_not_executed_twice(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    workspace.runs.enqueue(run.id, limit=None)
    workspace.runs.claim(run.id)
    with pytest.raises(RunIsLiveError):
        workspace.runs.claim(run.id)
    with pytest.raises(RunIsLiveError):
        workspace.runs.enqueue(run.id, limit=None)


def test_a_bug_in_a_generator_ends_the_run_loudly_and_keeps_what_was_done(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> Any:
        if task_of(prompt) == TASKS[6]:
            return ZeroDivisionError("bug")
        return answer_relations(prompt)

    run = plan_tasks(workspace, TASKS)
    with pytest.raises(ZeroDivisionError):
        execute(workspace, run, ScriptedServing(reply, max_workers=1))
    stored = workspace.runs.get(run.id)
    assert stored.state is RunState.PAUSED
    assert "ZeroDivisionError" in stored.reason
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.pending) == (1, 9)  # a few from all over come first


def test_a_full_disk_pauses_the_run_with_a_sentence_and_stores_what_was_paid(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first write fails as on a full disk; storage/test_full_disk.py has a disk that is full."""
    write = Ledger.write
    full = iter([False, True])

    def write_on_a_full_disk(self: Ledger, events: Any) -> None:
        if next(full, False):
            raise DiskFullError("The disk is full.")
        write(self, events)

    monkeypatch.setattr(Ledger, "write", write_on_a_full_disk)
    serving = ScriptedServing(answer_relations, delay=0.1, max_workers=2)
    run = plan_tasks(workspace, TASKS)
    outcome = execute(workspace, run, serving)
    assert (outcome.state, outcome.reason) == (RunState.PAUSED, "The disk is full.")
    progress = workspace.runs.progress(run.id)
    assert progress.done == len(serving.prompts) < 10
    assert progress.total == 10
    assert execute(workspace, run, answer_relations).state is RunState.FINISHED


def test_at_every_call_each_done_input_has_its_record_and_each_failed_one_its_failure(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    seen = []

    def reply(prompt: Prompt) -> str:
        progress = workspace.runs.progress(run.id)
        seen.append(progress.ended)
        assert progress.total == 10
        assert workspace.records.count(Query(runs=(run.id,))) >= progress.done
        assert len(workspace.runs.failures(run.id)) >= progress.failed
        return "nonsense" if "3" in task_of(prompt) else answer_relations(prompt)

    execute(workspace, run, ScriptedServing(reply, delay=0.15, max_workers=1))
    assert len(set(seen)) > 3
    assert (workspace.runs.progress(run.id).done, workspace.runs.progress(run.id).failed) == (9, 1)


def test_an_endpoint_that_never_answers_costs_one_inputs_tries_however_many_could_be_in_flight(
    workspace: Workspace,
) -> None:
    serving = ScriptedServing(lambda _: TransientError("Nothing answers."), max_workers=16)
    run = plan_tasks(workspace, TASKS)
    assert execute(workspace, run, serving).stopped_by == "problem"
    assert len(serving.prompts) == 5


def test_one_input_that_is_never_answered_fails_alone_and_does_not_keep_the_run_from_its_end(
    workspace: Workspace,
) -> None:
    clock = Clock()

    def reply(prompt: Prompt) -> Any:
        if task_of(prompt) == TASKS[0]:
            clock.now += 120.0
            return TransientError("No answer within 120 s.")
        return answer_relations(prompt)

    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, answer_relations, limit=1)
    workspace.runs.ask(run.id, "pause")
    poisoned = plan_tasks(workspace, TASKS[::-1])
    outcome = execute(workspace, poisoned, reply, clock=clock)
    assert outcome.state is RunState.FINISHED
    assert workspace.runs.failures_by_stage(poisoned.id) == {Stage.SERVING: 1}


def test_an_endpoint_that_falls_silent_pauses_the_run_after_a_minute_instead_of_failing_every_input(
    workspace: Workspace,
) -> None:
    clock = Clock()
    answered = itertools.count()

    def reply(prompt: Prompt) -> Any:
        return answer_relations(prompt) if next(answered) < 2 else TransientError("500")

    run = plan_tasks(workspace, [f"Task {number}." for number in range(40)])
    outcome = execute(workspace, run, ScriptedServing(reply, max_workers=1), clock=clock)
    assert (outcome.state, outcome.stopped_by) == (RunState.PAUSED, "problem")
    progress = workspace.runs.progress(run.id)
    assert progress.done == 2
    assert (progress.failed, progress.pending) == (0, 38)


def test_trouble_with_the_database_pauses_the_run_and_what_was_answered_is_stored(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats, well = itertools.count(), RunStore.beat

    def beat(self: RunStore, run_id: str) -> Orders:
        if next(beats) > 1:
            raise WorkspaceError("The workspace's database was busy for 30 s. Try again.")
        return well(self, run_id)

    monkeypatch.setattr(RunStore, "beat", beat)
    run = plan_tasks(workspace, TASKS)
    outcome = execute(workspace, run, ScriptedServing(answer_relations, delay=0.4, max_workers=1))
    assert (outcome.state, outcome.stopped_by) == (RunState.PAUSED, "problem")
    assert "busy" in workspace.runs.get(run.id).reason
    assert workspace.runs.progress(run.id).done >= 2


def test_whatever_an_endpoint_says_of_itself_can_be_stored(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> Completion:
        return Completion((answer_relations(prompt),), "m\ud800", "stop\ud800", Usage(2**70, 2**70))

    run = plan_tasks(workspace, TASKS[:2])
    assert execute(workspace, run, reply).state is RunState.FINISHED
    assert workspace.runs.progress(run.id).done == 2


def test_an_answer_on_file_that_is_no_longer_good_enough_is_asked_for_anew(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS[:1])
    ledger = Ledger(workspace.database, run.id, run.generator)
    (item,) = ledger.pending(after=-1, count=1)
    asked = relations_prompt(TASKS[0], temperature=None)
    ledger.write([Call(item, "relations", asked, prompt_hash(asked), Completion(("no JSON",), "m"), is_valid=True)])
    assert execute(workspace, run, answer_relations).state is RunState.FINISHED
    assert workspace.runs.progress(run.id).done == 1


def test_a_run_that_another_process_has_taken_over_stops_and_leaves_it_to_that_one(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    other = {"host": "another machine", "pid": 1, "started": 0.0}

    def reply(prompt: Prompt) -> str:
        with workspace.database.write() as connection:
            connection.execute(runs.update().values(owner=other))
        return answer_relations(prompt)

    outcome = execute(workspace, run, ScriptedServing(reply, delay=0.3, max_workers=1))
    assert "taken this run over" in outcome.reason
    assert workspace.runs.get(run.id).state is RunState.RUNNING


def test_what_was_asked_of_an_earlier_execution_is_not_asked_of_the_next(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    with workspace.database.write() as connection:
        connection.execute(runs.update().values(request="cancel"))
    workspace.runs.claim(run.id)
    assert workspace.runs.beat(run.id).request is None


def test_calls_that_are_refused_as_wrong_from_the_first_pause_the_run_after_three(workspace: Workspace) -> None:
    serving = ScriptedServing(lambda _: ServingError("The endpoint refused this call (400)."), max_workers=8)
    run = plan_tasks(workspace, TASKS)
    outcome = execute(workspace, run, serving)
    assert (outcome.state, outcome.stopped_by) == (RunState.PAUSED, "problem")
    assert outcome.reason == (
        "The endpoint refused this call (400). Nothing was answered so far: correct the settings, then resume."
    )
    assert len(serving.prompts) == 3
    assert workspace.runs.progress(run.id).pending == len(TASKS)
    assert execute(workspace, run, answer_relations).state is RunState.FINISHED


def test_a_first_input_that_is_refused_as_wrong_fails_alone_when_the_next_is_answered(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> Any:
        return ServingError("400: too long") if task_of(prompt) in TASKS[:2] else answer_relations(prompt)

    run = plan_tasks(workspace, TASKS)
    assert execute(workspace, run, reply).state is RunState.FINISHED
    assert {failure.reason for failure in workspace.runs.failures(run.id)} == {"400: too long"}
    assert workspace.runs.progress(run.id).done == 8


def test_a_run_of_one_input_that_is_refused_as_wrong_says_so_and_keeps_it(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS[:1])
    outcome = execute(workspace, run, lambda _: ServingError("400: bad"))
    assert outcome.reason.startswith("400: bad")
    assert workspace.runs.progress(run.id).pending == 1


def test_two_inputs_that_are_never_answered_do_not_keep_the_run_from_its_end(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> Any:
        return TransientError("500") if task_of(prompt) in TASKS[:2] else answer_relations(prompt)

    run = plan_tasks(workspace, TASKS)
    for _ in range(2):
        outcome = execute(workspace, run, reply)
        if outcome.state is RunState.FINISHED:
            break
    assert outcome.state is RunState.FINISHED
    assert workspace.runs.failures_by_stage(run.id) == {Stage.SERVING: 2}


def test_an_endpoint_that_falls_silent_costs_time_and_hardly_an_input(workspace: Workspace) -> None:
    answered = itertools.count()

    def reply(prompt: Prompt) -> Any:
        return answer_relations(prompt) if next(answered) < 20 else TransientError("Connection refused.")

    run = plan_tasks(workspace, [f"Task {number}." for number in range(100)])
    outcome = execute(workspace, run, ScriptedServing(reply, max_workers=16))
    assert outcome.reason == "Connection refused. Nothing was lost: resume when it answers again."
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.failed) == (20, 0)
    assert execute(workspace, run, answer_relations).state is RunState.FINISHED
    assert workspace.runs.progress(run.id).done == 100


def test_a_failure_tells_how_many_calls_were_made(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> Any:
        return TransientError("500") if task_of(prompt) == TASKS[5] else answer_relations(prompt)

    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, reply)
    (failure,) = workspace.runs.failures(run.id)
    assert (failure.calls, failure.attempts) == (5, 1)


def test_a_record_is_marked_with_what_was_mended_in_its_answer_and_others_are_not(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> str:
        answer = answer_relations(prompt)
        return f"```json\n{answer}\n```" if task_of(prompt) == TASKS[3] else answer

    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, reply)
    mended = {record.fields["atom_task"]: record.repairs for record in workspace.records.stream(Query())}
    assert mended.pop(TASKS[3]) == ("a code fence",)
    assert set(mended.values()) == {()}
    assert workspace.runs.repairs(run.id) == {"a code fence": 1}


def test_a_refusal_is_paid_for_and_on_file(workspace: Workspace) -> None:
    refused = Completion(("I will not.",), "m", "content_filter", Usage(30, 3))
    run = plan_tasks(workspace, TASKS[:1])
    execute(workspace, run, lambda _: refused)
    (failure,) = workspace.runs.failures(run.id)
    assert (failure.stage, failure.raw_text) == (Stage.REFUSED, "I will not.")
    assert failure.reason == "m will not answer this prompt. It said: “I will not.”"
    assert workspace.runs.progress(run.id).usage == Usage(30, 3)


def answer_with_usage(prompt: Prompt) -> Completion:
    return Completion((answer_relations(prompt),), "m", usage=Usage(80, 20))


def test_a_budget_stops_the_run_cleanly_and_a_larger_one_goes_on(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, answer_with_usage, limit=1)
    outcome = execute(workspace, run, ScriptedServing(answer_with_usage, max_workers=3), budget=Budget(tokens=550))
    assert (outcome.state, outcome.stopped_by) == (RunState.PAUSED, "budget")
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.pending, progress.usage.total) == (5, 5, 500)
    workspace.runs.set_budget(run.id, Budget())
    assert execute(workspace, run, answer_with_usage).state is RunState.FINISHED
    assert workspace.runs.progress(run.id).usage.total == 1_000


def test_what_a_cancelled_run_had_no_budget_for_fails_as_such(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, answer_with_usage, limit=1)
    execute(workspace, run, answer_with_usage, budget=Budget(tokens=350))
    workspace.runs.ask(run.id, "cancel")
    assert workspace.runs.failures_by_stage(run.id) == {Stage.BUDGET: 7}


def test_the_number_of_calls_at_a_time_can_be_changed_while_a_run_goes_on(workspace: Workspace) -> None:
    at_a_time, seen = 0, list[int]()

    class Counting(ScriptedServing):
        async def complete(self, prompt: Prompt, **options: Any) -> Completion:
            nonlocal at_a_time
            at_a_time += 1
            seen.append(at_a_time)
            if len(seen) == 5:
                workspace.runs.set_workers(run.id, 6)
            try:
                return await super().complete(prompt, **options)
            finally:
                at_a_time -= 1

    run = plan_tasks(workspace, [f"Task {number}." for number in range(60)])
    execute(workspace, run, Counting(answer_relations, delay=0.15, max_workers=1))
    assert max(seen[:5]) == 1
    assert max(seen) == 6


def test_a_failed_input_can_be_retried_alone_with_another_model(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, lambda prompt: "nonsense" if "1" in task_of(prompt) else answer_relations(prompt))
    (failure,) = workspace.runs.failures(run.id)
    other = replace(ENDPOINT, name="other", model="a better one")
    assert workspace.retry(run.id, input_ids=[failure.input_id], endpoint=other) == 1
    execute(workspace, run, ScriptedServing(answer_relations, model_name="a better one"))
    assert workspace.runs.progress(run.id).done == 10
    assert workspace.runs.get(run.id).endpoint.model == "a better one"
    assert workspace.runs.models(run.id)["a better one"] == 1


def test_a_failed_dialogue_is_written_by_hand_from_the_skeleton_that_was_answered(workspace: Workspace) -> None:
    run = workspace.plan_dialogues(INTENTS[:1], endpoint=ENDPOINT, num_dialogs_per_intent=1, num_turns_per_dialog=4)

    def reply(prompt: Prompt) -> str:
        return '{"questions": ["One?", "Two?"]}' if "questions" in prompt.messages[0].content else "nonsense"

    execute(workspace, run, reply)
    (failure,) = workspace.runs.failures(run.id)
    fields = workspace.blank(run, failure)
    assert [turn["value"] for turn in fields["conversation"]] == ["One?", "", "Two?", ""]
    assert fields["category"] == "Cooking"
    fields["conversation"][1]["value"] = fields["conversation"][3]["value"] = "Yes."
    record = workspace.review.write_for_failed(failure.input_id, fields, author="Ada")
    assert record.fields == fields
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.failed) == (1, 0)


def test_two_runs_on_one_endpoint_never_make_more_calls_than_one_may(workspace: Workspace) -> None:
    at_a_time, most = 0, 0

    class Counting(ScriptedServing):
        async def complete(self, prompt: Prompt, **options: Any) -> Completion:
            nonlocal at_a_time, most
            at_a_time += 1
            most = max(most, at_a_time)
            try:
                return await super().complete(prompt, **options)
            finally:
                at_a_time -= 1

    first = plan_tasks(workspace, [f"Task {number}." for number in range(40)])
    second = plan_tasks(workspace, [f"Other {number}." for number in range(10)])
    threads = [
        threading.Thread(target=execute, args=(workspace, run, Counting(answer_relations, delay=0.1, max_workers=4)))
        for run in (first, second)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert workspace.runs.progress(first.id).done == 40
    assert workspace.runs.progress(second.id).done == 10
    assert most == 4


def test_calls_at_a_time_changed_for_a_run_hold_when_it_is_resumed_at_a_saved_endpoint(workspace: Workspace) -> None:
    workspace.endpoints.save(ENDPOINT)
    run = plan_tasks(workspace, TASKS)
    workspace.runs.set_workers(run.id, 2)
    workspace.enqueue(run)
    assert workspace.runs.claim(run.id).endpoint.max_workers == 2


def test_an_endpoint_that_does_not_say_what_calls_take_is_held_to_the_budget_all_the_same(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, answer_relations, limit=2)
    each = workspace.runs.progress(run.id).usage.total // 2
    assert each > 400
    outcome = execute(workspace, run, answer_relations, budget=Budget(tokens=5 * each + 50))
    assert outcome.stopped_by == "budget"
    assert workspace.runs.progress(run.id).done == 5


def test_a_few_percent_of_inputs_that_are_never_answered_hold_up_none_of_the_others(workspace: Workspace) -> None:
    tasks = [f"Task {number}." for number in range(200)]
    poisoned = set(tasks[::10])

    def reply(prompt: Prompt) -> Any:
        if task_of(prompt) in poisoned:
            return TransientError("No answer within 2 s.")
        return answer_relations(prompt)

    run = plan_tasks(workspace, tasks)
    outcome = execute(workspace, run, ScriptedServing(reply, delay=2.0, max_workers=16))
    assert outcome.state is RunState.FINISHED, outcome.reason
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.failed) == (180, 20)


def test_first_inputs_that_are_never_answered_do_not_keep_the_others_from_their_turn(workspace: Workspace) -> None:
    tasks = [f"Task {number}." for number in range(100)]

    def reply(prompt: Prompt) -> Any:
        return TransientError("500") if task_of(prompt) in tasks[:8] else answer_relations(prompt)

    run = plan_tasks(workspace, tasks)
    assert execute(workspace, run, reply).state is RunState.FINISHED
    assert workspace.runs.progress(run.id).done == 92


def test_calls_refused_as_wrong_after_the_model_was_changed_pause_the_run_too(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, answer_relations, limit=3)
    outcome = execute(workspace, run, lambda _: ServingError("400: unknown field"))
    assert (outcome.state, outcome.stopped_by) == (RunState.PAUSED, "problem")
    assert workspace.runs.progress(run.id).pending == 7


def test_a_server_that_asks_to_come_back_at_once_is_not_called_until_all_attempts_are_gone(
    workspace: Workspace,
) -> None:
    calls = itertools.count()

    def reply(prompt: Prompt) -> Any:
        if 5 <= next(calls) < 60:
            return TransientError("429", retry_after=0.0, is_throttle=True)
        return answer_relations(prompt)

    run = plan_tasks(workspace, [f"Task {number}." for number in range(60)])
    execute(workspace, run, ScriptedServing(reply, max_workers=16))
    assert workspace.runs.progress(run.id).failed == 0


def test_calls_under_way_are_answered_and_stored_when_the_quota_is_used_up(workspace: Workspace) -> None:
    numbers = itertools.count()

    class Ending(ScriptedServing):
        async def complete(self, prompt: Prompt, **options: Any) -> Completion:
            if next(numbers) == 6:
                raise ConfigurationError("No credit left.")
            await asyncio.sleep(30.0)
            return await super().complete(prompt, **options)

    serving = Ending(answer_relations, max_workers=4)
    run = plan_tasks(workspace, [f"Task {number}." for number in range(30)])
    outcome = execute(workspace, run, serving)
    assert outcome.reason == "No credit left."
    assert workspace.runs.progress(run.id).done == len(serving.prompts)


def test_a_cancelled_dialogue_that_goes_on_again_uses_the_skeleton_that_was_answered(workspace: Workspace) -> None:
    run = workspace.plan_dialogues(INTENTS[:1], endpoint=ENDPOINT, num_dialogs_per_intent=1, num_turns_per_dialog=4)

    def cancelled_between(prompt: Prompt) -> Any:
        if "questions" in prompt.messages[0].content:
            return '{"questions": ["One?", "Two?"]}'
        return ConfigurationError("No credit left.")

    execute(workspace, run, cancelled_between)
    workspace.runs.ask(run.id, "cancel")
    assert workspace.retry(run.id) == 1
    serving = ScriptedServing(['{"answers": ["Ah.", "Oh."]}'])
    assert execute(workspace, run, serving).state is RunState.FINISHED


def test_what_was_spent_stays_what_it_was_when_the_run_goes_on_with_a_cheaper_model(workspace: Workspace) -> None:
    dear = replace(ENDPOINT, input_price=1_000_000.0, output_price=1_000_000.0)
    run = plan_tasks(workspace, TASKS, endpoint=dear)
    execute(workspace, run, lambda p: "no JSON" if task_of(p) == TASKS[0] else answer_with_usage(p))
    spent = workspace.runs.get(run.id).cost(workspace.runs.progress(run.id))
    assert spent is not None
    assert spent > 900
    workspace.retry(run.id, endpoint=replace(ENDPOINT, name="free", model="free"))
    assert workspace.runs.get(run.id).cost(workspace.runs.progress(run.id)) == spent


def test_a_budget_in_money_is_not_dropped_with_the_prices(workspace: Workspace) -> None:
    priced = replace(ENDPOINT, input_price=1.0, output_price=1.0)
    run = plan_tasks(workspace, TASKS, endpoint=priced)
    workspace.runs.set_budget(run.id, Budget(money=5.0))
    workspace.retry(run.id, endpoint=replace(ENDPOINT, name="other", model="other"))
    with pytest.raises(UsageError, match="the prices of other are not known"):
        workspace.runs.enqueue(run.id, limit=None)


def test_a_run_that_cannot_be_set_up_says_why_and_can_be_started_again(workspace: Workspace) -> None:
    broken = replace(ENDPOINT, base_url="no address")
    run = plan_tasks(workspace, TASKS, endpoint=broken)
    with pytest.raises(UsageError):
        asyncio.run(workspace.execute(run.id))
    stored = workspace.runs.get(run.id)
    assert (stored.state, stored.stopped_by) == (RunState.PAUSED, "problem")
    assert "no address" in stored.reason


def test_a_run_resumed_with_nothing_but_inputs_that_are_never_answered_comes_to_its_end(workspace: Workspace) -> None:
    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, answer_relations, limit=4)
    assert execute(workspace, run, lambda _: TransientError("500")).state is RunState.FINISHED
    assert workspace.runs.failures_by_stage(run.id) == {Stage.SERVING: 6}


def test_a_run_resumed_where_nobody_is_any_more_pauses_and_keeps_its_inputs(workspace: Workspace) -> None:
    def gone(_: Prompt) -> TransientError:
        error = TransientError("Connection refused.")
        error.at = "address"
        return error

    run = plan_tasks(workspace, TASKS)
    execute(workspace, run, answer_relations, limit=4)
    outcome = execute(workspace, run, gone)
    assert (outcome.state, outcome.stopped_by) == (RunState.PAUSED, "problem")
    assert workspace.runs.progress(run.id).pending == 6

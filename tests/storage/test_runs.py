"""Runs as the app and the command line see them: orders to a live one, budgets, retries, figures."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace

import psutil
import pytest
from sqlalchemy import event, select, update

from dataflow_core.errors import RunIsLiveError, UsageError
from dataflow_core.models import Budget, Completion, Failure, Input, Prompt, Run, RunState, Stage, Usage
from dataflow_core.storage.ledger import Call, Done, Failed, Ledger
from dataflow_core.storage.owner import this_process
from dataflow_core.storage.runs import Orders
from dataflow_core.storage.schema import inputs, runs
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, plan_tasks


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return plan_tasks(workspace, [f"Task {number}." for number in range(5)])


def ledger_of(workspace: Workspace, run: Run) -> tuple[Ledger, list[Input]]:
    ledger = Ledger(workspace.database, run.id, run.generator)
    return ledger, ledger.pending(after=-1, count=100)


def answered(item: Input, usage: Usage = Usage(100, 10), *, model: str = "m", step: str = "relations") -> Call:  # noqa: B008
    return Call(item, step, Prompt("v/1"), "hash", Completion(("t",), model, usage=usage), is_valid=True)


def test_a_live_run_is_told_of_pauses_workers_and_budgets(workspace: Workspace, run: Run) -> None:
    workspace.runs.enqueue(run.id, limit=None)
    workspace.runs.claim(run.id)
    assert workspace.runs.beat(run.id) == Orders(None, ENDPOINT.max_workers, Budget())
    workspace.runs.set_workers(run.id, 32)
    workspace.runs.set_budget(run.id, Budget(tokens=1_000, money=2.5))
    workspace.runs.ask(run.id, "pause")
    assert workspace.runs.beat(run.id) == Orders("pause", 32, Budget(1_000, 2.5))
    workspace.runs.set_budget(run.id, Budget(money=3.0))
    assert workspace.runs.beat(run.id).budget == Budget(None, 3.0)


def test_workers_and_budget_of_a_run_that_stands_still_are_kept_for_its_start(workspace: Workspace, run: Run) -> None:
    workspace.runs.set_workers(run.id, 2)
    workspace.runs.set_budget(run.id, Budget(tokens=9))
    workspace.runs.enqueue(run.id, limit=None)
    claimed = workspace.runs.claim(run.id)
    assert (claimed.endpoint, claimed.budget) == (replace(ENDPOINT, max_workers=2), Budget(tokens=9))
    workspace.runs.release(run.id, RunState.PAUSED)
    priced = replace(ENDPOINT, input_price=1.0)
    workspace.runs.enqueue(run.id, limit=None, endpoint=priced, budget=Budget(money=1.0))
    assert workspace.runs.get(run.id).budget == Budget(money=1.0)


def test_a_run_whose_process_is_killed_before_it_has_begun_can_be_taken_up_at_once(
    workspace: Workspace, run: Run
) -> None:
    workspace.runs.enqueue(run.id, limit=None, is_here=True)
    with pytest.raises(RunIsLiveError):
        workspace.runs.enqueue(run.id, limit=None)
    with workspace.database.write() as connection:
        dead = this_process() | {"pid": int(max(psutil.pids())) + 12_345}
        connection.execute(update(runs).where(runs.c.id == run.id).values(owner=dead))
    assert workspace.runs.get(run.id).state is RunState.INTERRUPTED
    workspace.runs.enqueue(run.id, limit=None, is_here=True)
    assert workspace.runs.claim(run.id).state is RunState.RUNNING
    with pytest.raises(RunIsLiveError):
        workspace.runs.claim(run.id)


@pytest.mark.parametrize("workers", [0, -3])
def test_a_run_without_workers_is_refused(workspace: Workspace, run: Run, workers: int) -> None:
    with pytest.raises(UsageError, match=f"at least 1 call at a time; {workers} was given"):
        workspace.runs.set_workers(run.id, workers)


@pytest.mark.parametrize(
    "budget", [Budget(tokens=0), Budget(tokens=-1), Budget(money=0.0), Budget(money=-0.5), Budget(money=math.nan)]
)
def test_a_budget_that_is_no_amount_is_refused_and_nothing_is_started(
    workspace: Workspace, run: Run, budget: Budget
) -> None:
    with pytest.raises(UsageError, match="budget"):
        workspace.runs.set_budget(run.id, budget)
    with pytest.raises(UsageError, match="budget"):
        workspace.runs.enqueue(run.id, limit=None, budget=budget)
    assert workspace.runs.get(run.id).state is RunState.PAUSED


def test_the_endpoint_of_a_run_is_changed_only_while_it_stands_still(workspace: Workspace, run: Run) -> None:
    other = replace(ENDPOINT, name="other", model="another", input_price=1.5)
    workspace.runs.change_endpoint(run.id, other, prompt_version="v/2")
    changed = workspace.runs.get(run.id)
    assert (changed.endpoint, changed.prompt_version) == (other, "v/2")
    workspace.runs.enqueue(run.id, limit=None)
    with pytest.raises(RunIsLiveError):
        workspace.runs.change_endpoint(run.id, ENDPOINT, prompt_version="v/1")
    with pytest.raises(RunIsLiveError):
        workspace.runs.retry_failed(run.id)


@pytest.mark.parametrize(
    ("stopped_by", "stage", "sentence"),
    [("budget", Stage.BUDGET, "Raise the budget"), ("person", Stage.CANCELLED, "was cancelled")],
)
def test_inputs_that_never_had_their_turn_say_whether_the_budget_or_a_person_ended_the_run(
    workspace: Workspace, run: Run, stopped_by: str, stage: Stage, sentence: str
) -> None:
    ledger, (first, second, *_) = ledger_of(workspace, run)
    ledger.write([answered(first), Done(first, first.fields), answered(second, step="skeleton")])
    with workspace.database.write() as connection:
        connection.execute(runs.update().values(stopped_by=stopped_by))
    workspace.runs.ask(run.id, "cancel")
    failures = workspace.runs.failures(run.id)
    assert [failure.position for failure in failures] == [1, 2, 3, 4]
    assert {failure.stage for failure in failures} == {stage}
    assert all(sentence in failure.reason for failure in failures)
    assert [failure.calls for failure in failures] == [1, 0, 0, 0]
    assert workspace.runs.failures_by_stage(run.id) == {stage: 4}
    assert workspace.runs.get(run.id).stopped_by == "person"


def test_only_the_chosen_failures_are_tried_again_and_their_attempts_counted(workspace: Workspace, run: Run) -> None:
    ledger, items = ledger_of(workspace, run)
    stages = [Stage.PARSE, Stage.PARSE, Stage.REFUSED, Stage.REFUSED]
    ledger.write([Failed(i, Failure(i.id, stage, "Because.")) for i, stage in zip(items, stages, strict=False)])
    ids = [items[position].id for position in (1, 2, 4)]
    assert workspace.runs.retry_failed(run.id, stage=Stage.PARSE, input_ids=ids) == 1
    assert workspace.runs.retry_failed(run.id, input_ids=[]) == 0
    assert workspace.runs.retry_failed(run.id, input_ids=[*ids, "not there"]) == 1
    assert {item.position: item.attempt for item in ledger.pending(after=-1, count=9)} == {1: 1, 2: 1, 4: 0}
    assert [failure.position for failure in workspace.runs.failures(run.id)] == [0, 3]


def test_what_inputs_took_is_told_in_their_order_with_all_their_calls(workspace: Workspace, run: Run) -> None:
    ledger, items = ledger_of(workspace, run)
    first, second, third, fourth, _ = items
    ledger.write(
        [
            answered(third, Usage(7, 1)),
            answered(first, Usage(10, 2), step="skeleton"),
            answered(first, Usage(30, 4), step="answers"),
            answered(second, Usage(99, 99)),  # and is still to be ended
            Done(third, third.fields),
            Failed(first, Failure(first.id, Stage.PARSE, "Because.")),
            Failed(fourth, Failure(fourth.id, Stage.SERVING, "No answer.")),
        ]
    )
    assert workspace.runs.usage_per_input(run.id) == [Usage(40, 6), Usage(7, 1)]
    assert workspace.runs.usage_per_input(run.id, most=1) == [Usage(40, 6)]
    workspace.runs.retry_failed(run.id, stage=Stage.PARSE)
    (again, *_) = ledger.pending(after=-1, count=1)
    ledger.write([answered(again, Usage(1, 1)), Done(again, again.fields)])
    assert workspace.runs.usage_per_input(run.id) == [Usage(41, 7), Usage(7, 1)]


def test_the_models_that_answered_are_counted(workspace: Workspace, run: Run) -> None:
    ledger, items = ledger_of(workspace, run)
    other = plan_tasks(workspace, ["Elsewhere."])
    ledger_of(workspace, other)[0].write([answered(ledger_of(workspace, other)[1][0], model="c")])
    ledger.write([answered(item, model=model) for item, model in zip(items, "abbba", strict=True)])
    assert workspace.runs.models(run.id) == {"b": 3, "a": 2}


def test_the_speed_is_that_of_the_last_seconds_of_this_execution(workspace: Workspace, run: Run) -> None:
    ledger, items = ledger_of(workspace, run)
    workspace.runs.enqueue(run.id, limit=None)
    workspace.runs.claim(run.id)
    with workspace.database.write() as connection:
        connection.execute(runs.update().values(started_at=time.time() - 10))
    ledger.write([Done(item, item.fields) for item in items])
    assert workspace.runs.progress(run.id).recent_per_second == pytest.approx(0.5, rel=0.1)


def test_figures_that_are_asked_for_each_second_are_read_from_indexes_alone(workspace: Workspace, run: Run) -> None:
    ledger, items = ledger_of(workspace, run)
    ledger.write([answered(items[0]), Done(items[0], items[0].fields, ("a code fence",))])
    plans = [
        *plans_of(workspace, lambda: workspace.runs.progress(run.id), besides="runs"),
        *plans_of(workspace, lambda: workspace.runs.models(run.id)),
        *plans_of(workspace, ledger.usage_by_step),
    ]
    assert len(plans) == 7
    assert all("SEARCH" in plan and "COVERING INDEX" in plan for plan in plans)
    (repairs,) = plans_of(workspace, lambda: workspace.runs.repairs(run.id))
    assert "INDEX records_repaired" in repairs


def plans_of(workspace: Workspace, ask: object, *, besides: str = "nothing") -> list[str]:
    """How the database goes about each of the queries, which it tells in a sentence."""
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("SELECT") and not re.search(rf"FROM {besides}\b", statement):
            asked.append((statement, parameters))

    engine = workspace.database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert callable(ask)
        ask()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    with workspace.database.read() as connection:
        return [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()[0][3])  # type: ignore[arg-type]
            for statement, parameters in asked
        ]


def test_ids_of_inputs_stay_the_same_whatever_becomes_of_them(workspace: Workspace, run: Run) -> None:
    ledger, items = ledger_of(workspace, run)
    ledger.write([Done(items[0], items[0].fields)])
    workspace.runs.ask(run.id, "cancel")
    workspace.runs.retry_failed(run.id)
    with workspace.database.read() as connection:
        stored = list(connection.scalars(select(inputs.c.id).order_by(inputs.c.position)))
    assert stored == [item.id for item in items]


def test_a_run_that_has_ended_or_stands_still_is_not_turned_into_another_by_asking(
    workspace: Workspace, run: Run
) -> None:
    workspace.runs.ask(run.id, "pause")
    assert workspace.runs.get(run.id).reason == "Not started yet."
    ledger, items = ledger_of(workspace, run)
    ledger.write([Done(item, item.fields) for item in items])
    workspace.runs.enqueue(run.id, limit=None)
    workspace.runs.claim(run.id)
    workspace.runs.release(run.id, RunState.FINISHED)
    for _ in range(2):
        workspace.runs.ask(run.id, "pause")
        workspace.runs.ask(run.id, "cancel")
        assert workspace.runs.get(run.id).state is RunState.FINISHED

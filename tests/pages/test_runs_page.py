"""The Runs page: which run, how far it is, why it stands still, what failed, and what can be done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from dataflow_core.models import (
    Budget,
    Completion,
    Endpoint,
    Failure,
    Input,
    Prompt,
    Run,
    RunState,
    Stage,
    Usage,
)
from dataflow_core.storage.leases import Report
from dataflow_core.storage.ledger import Call, Failed, Ledger
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import inputs, records, runs
from dataflow_core.workspace import Workspace
from tests.pages.conftest import fill_tasks, in_address
from tests.support import ENDPOINT, INTENTS

OpenPage = Callable[..., AppTest]
PRICED = Endpoint("Priced", base_url="http://127.0.0.1:9/v1", model="m", max_workers=16, input_price=1.0)
OTHER = Endpoint("Other", base_url="http://127.0.0.1:9/v1", model="another")


def labels(page: AppTest) -> list[str]:
    return [found.label for found in page.button]


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label.startswith(label))


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def set_state(workspace: Workspace, run: Run, state: RunState, **values: Any) -> None:
    with workspace.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == run.id).values(state=state, **values))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the runs that were started, in place of their processes."""
    ids: list[str] = []
    monkeypatch.setattr(Workspace, "start", lambda self, run_id, **settings: ids.append(run_id))
    return ids


def test_without_runs_the_page_says_how_to_begin(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("runs")
    assert not page.exception
    assert "Make tasks" in labels(page)


def test_the_newest_run_is_shown_unless_the_address_names_one(filled_workspace: Workspace, open_page: OpenPage) -> None:
    assert open_page("runs").subheader[0].value == "Planning dialogues"
    older = filled_workspace.runs.all()[1]
    assert open_page("runs", run=older.id).subheader[0].value == "support\\.csv"
    assert open_page("runs", run=older.id[-6:]).subheader[0].value == "support\\.csv"


def test_counters_add_up_to_the_inputs(workspace: Workspace, open_page: OpenPage) -> None:
    fill_tasks(workspace, 20, failed=2, done=5, state=RunState.PAUSED, reason="Paused.")
    page = open_page("runs")
    assert not page.exception
    shown = metrics(page)
    assert (shown["Records"], shown["Failed"], shown["Pending"]) == ("5", "2", "13")


def test_a_paused_run_says_why_and_can_be_resumed(
    workspace: Workspace, open_page: OpenPage, started: list[str]
) -> None:
    run = fill_tasks(workspace, 9, done=4, state=RunState.PAUSED, reason="The key was refused. Enter another one.")
    page = open_page("runs")
    assert page.warning[0].value.startswith("The key was refused")
    button(page, "Resume").click().run()
    assert started == [run.id]


def test_a_tried_run_offers_to_start_the_rest(workspace: Workspace, open_page: OpenPage, started: list[str]) -> None:
    run = fill_tasks(workspace, 9, done=3, state=RunState.PAUSED, reason="Tried on 3 of 9 inputs.")
    set_state(workspace, run, RunState.PAUSED, take_up=3)
    page = open_page("runs")
    button(page, "Start the rest (6)").click().run()
    assert started == [run.id]


def test_an_interrupted_run_shows_what_its_process_said_last(workspace: Workspace, open_page: OpenPage) -> None:
    run = fill_tasks(workspace, 9, done=3)
    set_state(workspace, run, RunState.RUNNING, heartbeat_at=time.time() - 100)
    logs = workspace.folder / "logs"
    logs.mkdir()
    (logs / f"{run.id}.log").write_text("Killed: out of memory\n")
    page = open_page("runs")
    assert not page.exception
    assert "Resume" in labels(page)
    assert "stopped unexpectedly" in page.warning[0].value
    assert any("out of memory" in code.value for code in page.code)


def test_a_live_run_can_be_paused_or_cancelled_and_already_reviewed(workspace: Workspace, open_page: OpenPage) -> None:
    run = fill_tasks(workspace, 9, done=3)
    set_state(workspace, run, RunState.QUEUED, heartbeat_at=time.time())
    page = open_page("runs")
    assert {"Pause", "Cancel the run", "Review what is there"} <= set(labels(page))
    assert "Resume" not in labels(page)
    button(page, "Pause").click().run()
    with workspace.database.read() as connection:
        assert connection.exec_driver_sql("SELECT request FROM runs").scalar() == "pause"


def test_cancelling_a_paused_run_lists_what_had_no_turn_as_failed(workspace: Workspace, open_page: OpenPage) -> None:
    run = fill_tasks(workspace, 9, done=3, state=RunState.PAUSED, reason="Paused.")
    page = open_page("runs")
    button(page, "Cancel the run").click().run()
    assert workspace.runs.get(run.id).state is RunState.CANCELLED
    assert "Go on with the other 6" in labels(page)


def test_failures_show_their_input_and_the_raw_answer_as_text(
    filled_workspace: Workspace, open_page: OpenPage, started: list[str]
) -> None:
    run = filled_workspace.runs.all()[1]
    page = open_page("runs", run=run.id)
    assert not page.exception
    assert [expander.label.split(" ·")[0] for expander in page.expander] == ["Input 1", "Input 2", "Input 3"]
    assert page.code[1].value.startswith('<img src="http://example.invalid')
    button(page, "Retry 3 failed").click().run()
    assert started == [run.id]
    assert filled_workspace.runs.progress(run.id).pending == 3


def test_lines_that_did_not_become_inputs_are_listed(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("runs", run=filled_workspace.runs.all()[1].id)
    assert any("32 lines = 30 inputs + 2 left out" in str(caption.value) for caption in page.caption)
    assert any("Line 3 is blank." in frame.value.to_string() for frame in page.dataframe)


def test_the_next_step_leads_to_the_review_of_this_run(filled_workspace: Workspace, open_page: OpenPage) -> None:
    run = filled_workspace.runs.all()[1]
    page = open_page("runs", run=run.id)
    button(page, "Review 27 records").click().run()
    assert not page.exception
    assert in_address(page, "run") == run.id


def test_why_a_run_could_not_be_started_is_said(workspace: Workspace, open_page: OpenPage) -> None:
    run = fill_tasks(workspace, 9, done=4, state=RunState.PAUSED, reason="Paused.")
    page = open_page("runs")
    set_state(workspace, run, RunState.QUEUED, heartbeat_at=time.time())
    button(page, "Resume").click().run()
    assert "being executed already" in page.error[0].value


def captions(page: AppTest) -> str:
    small = [found for found in page.markdown if str(found.value).startswith(":small[")]
    return "\n".join(str(found.value).replace("\\", "") for found in [*page.caption, *small])


def expander_button(page: AppTest, label: str, input_id: str) -> Any:
    return next(found for found in page.button if found.label == label and (found.key or "").endswith(input_id))


def made_by(workspace: Workspace, run: Run, endpoint: Endpoint, *, usage: Usage) -> None:
    """Have the run's done inputs answered by the endpoint, each at this cost."""
    with workspace.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == run.id).values(endpoint=asdict(endpoint)))
    ledger = Ledger(workspace.database, run.id, run.generator)
    with workspace.database.read() as connection:
        rows = connection.execute(select(inputs).where(inputs.c.run_id == run.id, inputs.c.state == "done")).mappings()
        done = [Input(row["id"], row["position"], row["fields"], row["attempt"]) for row in rows]
    completion = Completion(("{}",), "m-2026", usage=usage)
    ledger.write(Call(item, "relations", Prompt("1"), "hash", completion, is_valid=True) for item in done)


def live(workspace: Workspace, run: Run, report: Report) -> None:
    """Make this process the run's owner, with calls under way."""
    workspace.runs.enqueue(run.id, limit=None)
    workspace.runs.claim(run.id)
    workspace.leases.renew(run.id, "endpoint", report)


def test_an_unknown_run_in_the_address_is_said_to_be_unknown(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("runs", run="01*NOBODY")
    assert page.warning[0].value.replace("\\", "").startswith("There is no run 01*NOBODY in this workspace.")
    assert not open_page("runs").warning


def test_a_live_run_shows_its_calls_the_adaptive_limit_and_why_it_waits(
    workspace: Workspace, open_page: OpenPage
) -> None:
    run = fill_tasks(workspace, 90, done=30, state=RunState.PAUSED)
    made_by(workspace, run, PRICED, usage=Usage(1000, 100))
    wait = time.time() + 11.5
    live(workspace, run, Report(16, 60, 5, factor=0.4, waiting="The endpoint asks to wait", wait_until=wait))
    page = open_page("runs")
    assert not page.exception
    assert "5 of 6 calls under way · the endpoint takes 6 at a time now; your maximum is 16" in captions(page)
    assert "The endpoint asks to wait 1" in captions(page)


def test_calls_at_a_time_can_be_changed_while_the_run_goes_on(workspace: Workspace, open_page: OpenPage) -> None:
    run = fill_tasks(workspace, 90, done=30, state=RunState.PAUSED)
    made_by(workspace, run, PRICED, usage=Usage(1000, 100))
    live(workspace, run, Report(16, 60, 5))
    page = open_page("runs")
    next(found for found in page.number_input if found.label == "Calls at a time").set_value(4).run()
    assert not page.exception
    assert workspace.runs.get(run.id).endpoint.max_workers == 4


def test_money_and_money_a_record_are_shown_where_a_price_is_known(workspace: Workspace, open_page: OpenPage) -> None:
    run = fill_tasks(workspace, 4)
    assert "Money" not in metrics(open_page("runs"))
    made_by(workspace, run, PRICED, usage=Usage(850_000, 100))
    page = open_page("runs")
    assert metrics(page)["Money"].replace("\\", "") == "$3.40"
    assert "$0.85 and 850,000 tokens a record · 4 calls" in captions(page)


def test_an_ended_run_shows_the_average_rate_of_its_last_execution(workspace: Workspace, open_page: OpenPage) -> None:
    run = fill_tasks(workspace, 9)
    now = time.time()
    set_state(workspace, run, RunState.FINISHED, started_at=now - 3, finished_at=now + 3)
    assert metrics(open_page("runs"))["Records/s"] == "1.5"
    set_state(workspace, run, RunState.FINISHED, started_at=now + 10, finished_at=now + 13)
    assert metrics(open_page("runs"))["Records/s"] == "–"


def test_a_run_stopped_by_its_budget_offers_to_raise_it_and_goes_on(
    workspace: Workspace, open_page: OpenPage, started: list[str]
) -> None:
    reason = "Stopped at its budget of $0.01. Raise the budget to go on."
    run = fill_tasks(workspace, 9, done=3, state=RunState.PAUSED, reason=reason, stopped_by="budget")
    made_by(workspace, run, PRICED, usage=Usage(3_000, 100))
    workspace.runs.set_budget(run.id, Budget(money=0.01))
    page = open_page("runs")
    assert page.warning[0].value.startswith("Stopped at its budget")
    assert "Resume" not in labels(page)
    assert "Budget: $0.009 of $0.01" in captions(page)
    limit = next(found for found in page.number_input if found.label == "Money")
    assert limit.value == 0.03
    limit.set_value(0.5).run()
    button(page, "Go on with this budget").click().run()
    assert workspace.runs.get(run.id).budget == Budget(money=0.5)
    assert started == [run.id]


def test_one_failure_is_retried_alone(filled_workspace: Workspace, open_page: OpenPage, started: list[str]) -> None:
    run = filled_workspace.runs.all()[1]
    second = filled_workspace.runs.failures(run.id)[1]
    page = open_page("runs", run=run.id)
    expander_button(page, "Retry", second.input_id).click().run()
    assert not page.exception
    assert started == [run.id]
    assert [failure.position for failure in filled_workspace.runs.failures(run.id)] == [0, 2]


def test_the_failures_of_one_stage_are_retried_together(
    filled_workspace: Workspace, open_page: OpenPage, started: list[str]
) -> None:
    run = filled_workspace.runs.all()[1]
    page = open_page("runs", run=run.id)
    page.session_state[f"failed-at-{run.id}"] = "Unusable answer (3)"
    page.run()
    button(page, "Retry these 3").click().run()
    assert not page.exception
    assert started == [run.id]
    assert filled_workspace.runs.progress(run.id).pending == 3


def test_a_failure_of_a_paused_run_waits_until_the_person_resumes_it(
    workspace: Workspace, open_page: OpenPage, started: list[str]
) -> None:
    run = fill_tasks(workspace, 9, failed=1, done=4, state=RunState.PAUSED, reason="Paused.", stopped_by="person")
    page = open_page("runs")
    expander_button(page, "Retry", workspace.runs.failures(run.id)[0].input_id).click().run()
    assert not page.exception
    assert started == []
    assert workspace.runs.progress(run.id).pending == 5
    assert page.toast[0].value == "1 input will be tried again when the run goes on."


def test_failures_are_retried_with_another_model(
    filled_workspace: Workspace, open_page: OpenPage, started: list[str]
) -> None:
    filled_workspace.endpoints.save(OTHER)
    run = filled_workspace.runs.all()[1]
    page = open_page("runs", run=run.id)
    button(page, "Retry with another model").click().run()
    assert next(found for found in page.selectbox if found.label == "Model").options == ["Other · another"]
    button(page, "Retry 3 inputs").click().run()
    assert not page.exception
    assert started == [run.id]
    assert filled_workspace.runs.get(run.id).endpoint.model == "another"
    assert filled_workspace.runs.progress(run.id).pending == 3


def test_a_failed_task_is_written_by_hand(filled_workspace: Workspace, open_page: OpenPage) -> None:
    run = filled_workspace.runs.all()[1]
    failure = filled_workspace.runs.failures(run.id)[0]
    page = open_page("runs", run=run.id)
    expander_button(page, "Write it by hand", failure.input_id).click().run()
    assert [area.label.replace("\\", "") for area in page.text_area] == [
        "parallel_task",
        "subsequent_task",
        "composition_task",
    ]
    for number, area in enumerate(page.text_area):
        area.set_value(f"By hand {number}" if number else "")
    button(page, "Save the record").click().run()
    assert "parallel_task is still empty" in page.error[0].value.replace("\\", "")
    page.text_area[0].set_value("By hand").run()
    button(page, "Save the record").click().run()
    assert not page.exception
    assert not page.text_area
    assert "is written, and accepted" in captions(page)
    assert filled_workspace.runs.progress(run.id).failed == 2
    record = filled_workspace.records.page(filled_workspace.records.numbers(Query(sort="newest")))[0]
    assert record.fields["composition_task"] == "By hand 2"
    assert record.fields["task"] == "Task number 0"


def test_a_failed_dialogue_is_written_by_hand_turn_by_turn(workspace: Workspace, open_page: OpenPage) -> None:
    run = workspace.plan_dialogues(
        INTENTS[:1], endpoint=ENDPOINT, num_dialogs_per_intent=1, num_turns_per_dialog=4, name="Cooking"
    )
    item = Ledger(workspace.database, run.id, run.generator).pending(after=-1, count=1)[0]
    questions = Completion(('{"questions": ["How do I start?", "And then?"]}',), "m")
    Ledger(workspace.database, run.id, run.generator).write(
        [
            Call(item, "skeleton", Prompt("1"), "hash", questions, is_valid=True),
            Failed(item, Failure(item.id, Stage.PARSE, "Only 1 of 2 answers came.", calls=3)),
        ]
    )
    page = open_page("runs")
    assert "Tried once with 3 calls" in captions(page)
    expander_button(page, "Write it by hand", item.id).click().run()
    assert [area.label for area in page.text_area] == ["User", "Assistant", "User", "Assistant"]
    assert [area.value for area in page.text_area] == ["How do I start?", "", "And then?", ""]
    page.text_area[1].set_value("Gently.")
    page.text_area[3].set_value("Rest.")
    button(page, "Save the record").click().run()
    assert not page.exception
    written = workspace.records.page(workspace.records.numbers(Query()))[0].fields["conversation"]
    assert [turn["value"] for turn in written] == ["How do I start?", "Gently.", "And then?", "Rest."]


def test_what_was_written_so_far_outlives_a_rerun_of_the_page(filled_workspace: Workspace, open_page: OpenPage) -> None:
    run = filled_workspace.runs.all()[1]
    page = open_page("runs", run=run.id)
    expander_button(page, "Write it by hand", filled_workspace.runs.failures(run.id)[0].input_id).click().run()
    page.text_area[0].set_value("Half a").run()
    page.run()
    assert page.text_area[0].value == "Half a"
    button(page, "Cancel").click().run()
    assert not page.text_area


def test_the_settings_tell_what_was_learnt_of_the_endpoint_and_mended(
    workspace: Workspace, open_page: OpenPage
) -> None:
    run = fill_tasks(workspace, 4)
    made_by(workspace, run, replace(PRICED, requests_per_minute=600), usage=Usage(10, 10))
    with workspace.database.write() as connection:
        connection.execute(update(records).values(repairs=["a code fence"]))
    dialect = {"output": "json_object", "common_only": False, "token_limit": "max_tokens", "unsupported": ["seed"]}
    workspace.dialects.save("http://127.0.0.1:9/v1", "m", dialect)
    page = open_page("runs")
    table = next(found.value for found in page.dataframe if "name" in found.value and "value" in found.value)
    facts = dict(zip(table["name"], table["value"], strict=True))
    assert facts["structured output"].startswith("JSON object")
    assert facts["left out"].startswith("seed")
    assert facts["answered by"] == "m-2026 (4 calls)"
    assert facts["mended"] == "4 with a code fence"
    assert facts["requests a minute"] == "600"
    assert facts["tokens a minute"] == "no limit"
    assert facts["prices"] == "$1.00 in a million tokens"
    assert facts["budget"] == "no limit"

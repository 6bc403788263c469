"""The Runs page: which run, how far it is, why it stands still, what failed, and what can be done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from dataflow_core.models import Run, RunState
from dataflow_core.storage.schema import runs
from dataflow_core.workspace import Workspace
from tests.pages.conftest import fill_tasks, in_address

OpenPage = Callable[..., AppTest]


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

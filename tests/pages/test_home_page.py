"""The Home page: what to do next is true of the workspace, from the tour to the export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.models import EMBEDDED, ReviewStatus, RunState
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.pages.conftest import fill_tasks, in_address
from ui.home.tour import plan_tour

OpenPage = Callable[..., AppTest]


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label == label)


def all_text(page: AppTest) -> str:
    return "\n".join(found.value.replace("\\", "") for found in page.markdown)


def decide(workspace: Workspace, status: ReviewStatus) -> None:
    seen = {record.id: record.revision for record in workspace.records.stream(Query())}
    workspace.review.decide(seen, status, reviewer="reviewer")


def test_one_click_in_an_empty_workspace_starts_a_run_over_the_sample_tasks(
    workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Workspace, "start", lambda self, run_id: started.append(run_id))
    monkeypatch.setattr("ui.home.tour.endpoint_warning", lambda endpoint: None)
    page = open_page("home")
    button(page, "Start the tour").click().run()
    run = workspace.runs.get(started[0])
    assert (run.name, run.endpoint) == ("Tour", EMBEDDED)
    assert workspace.runs.progress(run.id).total == 6
    assert in_address(page, "run") == run.id


def test_the_tour_says_why_it_cannot_start(
    workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.home.tour.endpoint_warning", lambda endpoint: "The weights are not installed.")
    page = open_page("home")
    assert button(page, "Start the tour").disabled
    assert "The weights are not installed" in page.warning[0].value.replace("\\", "")


def test_the_next_step_leads_from_the_run_over_review_to_export(workspace: Workspace, open_page: OpenPage) -> None:
    run = fill_tasks(workspace, 6, state=RunState.PAUSED, done=4, reason="The key was refused.", stopped_by="problem")
    page = open_page("home")
    assert "“support.csv” is paused after 4 of 6 inputs. The key was refused." in all_text(page)
    button(page, "See the run").click().run()
    assert in_address(page, "run") == run.id

    workspace.runs.ask(run.id, "cancel")
    assert "4 records wait for review." in all_text(open_page("home"))
    decide(workspace, ReviewStatus.ACCEPTED)
    page = open_page("home")
    assert "4 accepted records are ready to export." in all_text(page)
    assert button(page, "Export")


def test_a_trial_that_was_not_followed_up_comes_after_the_review(workspace: Workspace, open_page: OpenPage) -> None:
    fill_tasks(workspace, 20, done=3, state=RunState.PAUSED, reason="Tried on 3 of 20 inputs.", stopped_by="limit")
    page = open_page("home")
    text = all_text(page)
    assert "“support.csv” was tried on 3 of 20 inputs. The others wait to be started." in text
    assert text.index("3 records wait for review.") < text.index("was tried on")


def test_a_run_that_a_person_paused_is_not_told_of_as_a_problem(workspace: Workspace, open_page: OpenPage) -> None:
    fill_tasks(workspace, 20, done=3, state=RunState.PAUSED, reason="Paused.", stopped_by="person")
    assert "is paused after 3 of 20 inputs.\n" in all_text(open_page("home"))


def test_a_run_that_has_used_its_budget_up_can_be_given_more(workspace: Workspace, open_page: OpenPage) -> None:
    fill_tasks(workspace, 6, state=RunState.PAUSED, done=4, reason="Stopped at its budget.", stopped_by="budget")
    page = open_page("home")
    assert "“support.csv” has used its budget up after 4 of 6 inputs." in all_text(page)
    button(page, "Raise its budget").click().run()
    assert not page.exception
    assert button(page, "Go on with this budget")


def test_failures_of_a_finished_run_are_pointed_out(workspace: Workspace, open_page: OpenPage) -> None:
    fill_tasks(workspace, 5, failed=2)
    assert "2 inputs of “support.csv” failed and can be retried." in all_text(open_page("home"))


def test_the_counts_are_those_of_the_database(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("home")
    counts = {metric.label: metric.value for metric in page.metric}
    assert counts == {"Inputs": "34", "Records": "31", "Accepted": "0", "Failed": "3"}


def test_recent_runs_show_state_and_progress(filled_workspace: Workspace, open_page: OpenPage) -> None:
    table = open_page("home").dataframe[0].value
    assert list(table["Run"]) == ["Planning dialogues", "support.csv"]
    assert list(table["Progress"]) == [100, 100]
    assert list(table["Failed"]) == [0, 3]


def test_names_are_shown_as_text_never_as_markdown(workspace: Workspace, open_page: OpenPage) -> None:
    fill_tasks(workspace, 2, name="![x](http://example.invalid/x.png)", done=1, state=RunState.PAUSED)
    page = open_page("home")
    assert not any("![x](http" in found.value for found in page.markdown)


def test_the_embedded_models_limits_are_said_while_it_is_the_default(workspace: Workspace, open_page: OpenPage) -> None:
    assert any("135 million parameters" in found.value for found in open_page("home").caption)


def test_the_tours_plan_is_small_and_whole(workspace: Workspace) -> None:
    run = plan_tour(workspace)
    assert workspace.runs.progress(run.id).pending == 6
    assert workspace.runs.source_lines(run.id) == []

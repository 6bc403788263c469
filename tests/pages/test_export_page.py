"""The Export page: what is chosen, what it will look like, and the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

OpenPage = Callable[..., AppTest]


def accept(workspace: Workspace, query: Query) -> None:
    records = workspace.records.page(workspace.records.numbers(query))
    workspace.review.decide({record.id: record.revision for record in records}, ReviewStatus.ACCEPTED, reviewer="me")


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label.startswith(label))


def captions(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in page.caption)


def test_nothing_accepted_yet_is_said_with_what_waits(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("export")
    assert not page.exception
    assert "No accepted records yet\\: 31 wait for review" in captions(page)
    assert button(page, "Go to Review")


def test_an_empty_workspace_has_nothing_to_export(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("export")
    assert "There are no records yet" in captions(page)
    assert button(page, "Make tasks")


def test_the_preview_shows_lines_as_they_will_be_written_and_names_their_keys(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    assert not page.exception
    first = json.loads(page.code[0].value.splitlines()[0])
    assert list(first) == ["id", "task", "parallel_task", "subsequent_task", "composition_task"]
    dialogue = json.loads(page.code[1].value.splitlines()[0])
    assert list(dialogue) == ["category", "conversation"]
    assert "Keys of a line\\: category\\, conversation" in captions(page)


def test_a_file_a_generator_is_written_and_offered(filled_workspace: Workspace, open_page: OpenPage) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    button(page, "Export 31 records").click().run()
    assert not page.exception
    files = sorted((filled_workspace.folder / "exports").glob("*.jsonl"))
    assert sorted(len(file.read_text().splitlines()) for file in files) == [4, 27]
    assert len(page.get("download_button")) == 2


def test_the_choice_of_runs_and_statuses_limits_the_export(filled_workspace: Workspace, open_page: OpenPage) -> None:
    run = next(run for run in filled_workspace.runs.all() if run.name == "Planning dialogues")
    accept(filled_workspace, Query(runs=(run.id,)))
    page = open_page("export", run=run.id)
    assert button(page, "Export 4 records")
    page.session_state["export_runs"] = []
    page.session_state["export_statuses"] = ["Accepted", "Unreviewed"]
    page.run()
    assert button(page, "Export 31 records")


def test_the_run_in_the_address_is_chosen_on_arrival_and_can_be_taken_away(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    run = next(run for run in filled_workspace.runs.all() if run.name == "Planning dialogues")
    page = open_page("export", run=run.id)
    assert page.multiselect(key="export_runs").value == [run.id]
    page.multiselect(key="export_runs").set_value([]).run()
    assert page.multiselect(key="export_runs").value == []


def test_files_of_another_choice_are_not_offered(filled_workspace: Workspace, open_page: OpenPage) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    button(page, "Export").click().run()
    page.session_state["export_statuses"] = []
    page.run()
    assert not page.get("download_button")

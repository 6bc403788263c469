"""Records as the input of another run: from the Runs page, from Review, and on the Tasks page itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.flows.record_inputs import RecordChoice, note_records, table_of
from dataflow_core.models import CustomRecipe, OutputField, ReviewStatus, Run
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.pages.conftest import fill_dialogues, fill_tasks
from tests.support import ENDPOINT, answer_relations, execute
from ui.use_records import Handed, records_of, takers

OpenPage = Callable[..., AppTest]
TASKS = takers()[0]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the runs that were started, in place of their processes."""
    ids: list[str] = []
    monkeypatch.setattr(Workspace, "start", lambda self, run_id, **settings: ids.append(run_id))
    return ids


@pytest.fixture
def run(workspace: Workspace) -> Run:
    """A run of 30 tasks, of which the first five records are accepted."""
    filled = fill_tasks(workspace, 30)
    first = workspace.records.page(workspace.records.numbers(Query())[:5])
    workspace.review.decide({one.id: one.revision for one in first}, ReviewStatus.ACCEPTED, reviewer="Ada")
    return filled


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label == label)


def on_tasks_page(workspace: Workspace, open_page: OpenPage, choice: RecordChoice) -> AppTest:
    page = open_page("tasks")
    page.session_state["tasks-source"] = Handed(choice, workspace.folder)
    page.run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.markdown, *page.caption, *page.error, *page.info])


def rename_outputs(page: AppTest) -> None:
    for what in ("parallel", "subsequent", "composition"):
        page.text_input(key=f"tasks-output-{what}").set_value(f"{what}_2")
    page.run()


def test_accepted_records_become_the_inputs_of_a_run(
    workspace: Workspace, open_page: OpenPage, run: Run, started: list[str]
) -> None:
    page = on_tasks_page(workspace, open_page, RecordChoice(Query(runs=(run.id,)), name="Records of support.csv"))
    assert page.segmented_control(key="tasks-records-which").options == ["Only accepted (5)", "All but rejected (30)"]
    assert "New fields\\, to be renamed under “More options”\\: parallel\\_task\\_2" in texts(page)
    page.text_input(key="tasks-output-parallel").set_value("task").run()
    assert "also a column of the input" in texts(page)
    assert "The names are under “More options”" in texts(page)
    rename_outputs(page)
    page.selectbox[0].set_value("composition_task").run()
    assert "**5 records = 5 inputs**" in texts(page)
    button(page, "Start run").click().run()
    (made,) = started
    assert [fields["id"] for fields in workspace.runs.inputs(made)] == [0, 1, 2, 3, 4]
    planned = workspace.runs.get(made)
    assert planned.params["input_task_key"] == "composition_task"
    assert (planned.name, planned.source["format"]) == ("Records of support.csv", "Records")
    assert (planned.source["of run"], planned.source["only accepted"]) == (run.id, True)


def test_all_that_were_not_rejected_can_be_taken(
    workspace: Workspace, open_page: OpenPage, run: Run, started: list[str]
) -> None:
    page = on_tasks_page(workspace, open_page, RecordChoice(Query(runs=(run.id,))))
    page.segmented_control(key="tasks-records-which").set_value("All but rejected").run()
    rename_outputs(page)
    button(page, "Start run").click().run()
    assert workspace.runs.progress(started[0]).total == 30


def test_another_source_has_the_usual_names_again(workspace: Workspace, open_page: OpenPage, run: Run) -> None:
    page = on_tasks_page(workspace, open_page, RecordChoice(Query(runs=(run.id,))))
    assert page.text_input(key="tasks-output-parallel").value == "parallel_task_2"
    button(page, "Choose another").click().run()
    assert page.text_input(key="tasks-output-parallel").value == "parallel_task"


def test_where_nothing_is_accepted_it_says_so(workspace: Workspace, open_page: OpenPage) -> None:
    filled = fill_tasks(workspace, 3)
    page = on_tasks_page(workspace, open_page, RecordChoice(Query(runs=(filled.id,))))
    assert "None of them is accepted yet" in texts(page)
    assert button(page, "Start run").disabled


def test_the_records_of_another_workspace_are_not_taken_for_this_ones(
    workspace: Workspace, open_page: OpenPage, run: Run
) -> None:
    page = open_page("tasks")
    page.session_state["tasks-source"] = Handed(RecordChoice(Query(), numbers=(1, 2)), Path("/elsewhere"))
    page.run()
    assert page.file_uploader


def test_the_tasks_page_itself_offers_the_runs_that_have_records(
    workspace: Workspace, open_page: OpenPage, run: Run
) -> None:
    fill_dialogues(workspace, 2)
    page = open_page("tasks")
    labels = page.selectbox(key="tasks-records-run").options
    assert [label.rpartition(", ")[2] for label in labels] == ["2 records", "30 records"]
    page.selectbox(key="tasks-records-run").set_value(run.id).run()
    button(page, "Use its records").click().run()
    assert page.segmented_control(key="tasks-records-which").options[0] == "Only accepted (5)"


def test_a_run_hands_its_records_over(workspace: Workspace, open_page: OpenPage, run: Run) -> None:
    page = open_page("runs", run=run.id)
    page.menu_button(key=f"use-run-{run.id}").set_value(TASKS).run()
    assert not page.exception
    assert page.title[0].value == "Tasks"
    assert "Only accepted (5)" in page.segmented_control(key="tasks-records-which").options


def test_a_run_of_records_is_not_called_records_of_records(run: Run) -> None:
    assert records_of(run).name.startswith("Records of support.csv")
    assert records_of(replace(run, name="Records from Review (2)")).name.startswith("Records from Review (2)")


def test_review_hands_over_what_its_filters_find_by_the_query(
    workspace: Workspace, open_page: OpenPage, run: Run
) -> None:
    page = open_page("review")
    next(one for one in page.segmented_control if one.label == "Which records").set_value("found").run()
    page.menu_button(key="review_bulk_more").set_value(TASKS).run()
    assert not page.exception
    handed = page.session_state["tasks-source"]
    assert (handed.choice.numbers, handed.choice.query.generators) == (None, ("ParaSeqTaskGenerator",))
    assert page.segmented_control(key="tasks-records-which").options[1] == "All but rejected (30)"


def test_review_hands_over_the_ticked_records_in_their_order(
    workspace: Workspace, open_page: OpenPage, run: Run, started: list[str]
) -> None:
    page = open_page("review")
    next(one for one in page.segmented_control if one.label == "Which records").set_value("page").run()
    page.menu_button(key="review_bulk_more").set_value(TASKS).run()
    page = on_tasks_page(workspace, open_page, page.session_state["tasks-source"].choice)
    assert page.subheader[0].value == "Records from Review \\(25\\)"
    assert page.segmented_control(key="tasks-records-which").options == ["Only accepted (5)", "All but rejected (25)"]
    rename_outputs(page)
    button(page, "Start run").click().run()
    assert [fields["id"] for fields in workspace.runs.inputs(started[0])] == [0, 1, 2, 3, 4]


def _origin(record_id: str) -> None:
    """The script of a page of its own: it imports what it needs."""
    from ui.review.provenance import show_provenance
    from ui.session import current_workspace

    workspace = current_workspace()
    record = workspace.records.get(record_id)
    assert record is not None
    show_provenance(workspace, record)


def test_a_record_made_from_another_says_so(workspace: Workspace, run: Run) -> None:
    choice = RecordChoice(Query(runs=(run.id,)))
    table, selection = table_of(workspace.records, choice)
    planned = workspace.plan_tasks(
        table,
        selection,
        endpoint=ENDPOINT,
        input_task_key="composition_task",
        output_parallel_task_key="p",
        output_subsequent_task_key="s",
        output_composition_task_key="c",
    )
    execute(workspace, note_records(workspace.runs, planned, choice), answer_relations)
    (record,) = workspace.records.page(workspace.records.numbers(Query(runs=(planned.id,)))[:1])
    page = AppTest.from_function(_origin, kwargs={"record_id": record.id}, default_timeout=20).run()
    assert not page.exception
    assert any(f"Its input is a record of support\\.csv · {run.id[-4:]}" in caption.value for caption in page.caption)


TITLES = CustomRecipe("Titles", "A title for: {task}", (OutputField("title"),))


def on_custom_page(workspace: Workspace, open_page: OpenPage, choice: RecordChoice) -> AppTest:
    workspace.recipes.save(TITLES)
    page = open_page("custom")
    page.session_state["custom-records"] = Handed(choice, workspace.folder)
    page.session_state["custom-choose"] = "saved:Titles"
    page.run()
    assert not page.exception
    return page


def test_a_recipe_makes_one_record_of_each_that_it_is_handed(
    workspace: Workspace, open_page: OpenPage, run: Run, started: list[str]
) -> None:
    page = on_custom_page(workspace, open_page, RecordChoice(Query(runs=(run.id,)), name="Records of support.csv"))
    said = texts(page)
    assert "**One for each of: Records of support\\.csv**" in said
    assert "of the record]" in said
    assert "5 records · at least 5 calls" in said
    button(page, "Start run").click().run()
    (made,) = started
    assert [fields["task"] for fields in workspace.runs.inputs(made)] == [f"Task number {n}" for n in range(5)]
    assert workspace.runs.get(made).source["of run"] == run.id


def test_without_accepted_records_a_recipe_has_nothing_to_begin_with(workspace: Workspace, open_page: OpenPage) -> None:
    filled = fill_tasks(workspace, 3)
    page = on_custom_page(workspace, open_page, RecordChoice(Query(runs=(filled.id,))))
    assert "None of them is accepted yet" in texts(page)
    assert button(page, "Start run").disabled
    page.segmented_control(key="custom-records-which").set_value("All but rejected").run()
    assert not button(page, "Start run").disabled
    button(page, "Without records").click().run()
    assert button(page, "Start run").disabled

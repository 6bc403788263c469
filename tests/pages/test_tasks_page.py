"""The Tasks page: what is read is accounted for line by line, and a trial and its run are one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook
from streamlit.testing.v1 import AppTest

from dataflow_core.models import Budget, Completion, Endpoint, Prompt, RunState, Usage
from dataflow_core.workspace import Workspace
from tests.pages.conftest import in_address
from tests.scripted_endpoint import ScriptedEndpoint, valid_replies
from tests.support import answer_relations, execute

OpenPage = Callable[..., AppTest]

MESSY = b"""\
id,task,note
1,Water the plants,a
2,,b
3,Water the plants,c
1,Water the plants,a

4,x,y,z
5,Feed the cat,
"""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """Ids and limits of the runs that were started, in place of their processes."""
    calls: list[tuple[str, int | None]] = []

    def start(self: Workspace, run_id: str, *, limit: int | None = None, **settings: Any) -> None:
        calls.append((run_id, limit))

    monkeypatch.setattr(Workspace, "start", start)
    return calls


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label == label)


def uploaded(open_page: OpenPage, data: bytes, name: str = "tasks.csv") -> AppTest:
    page = open_page("tasks")
    page.file_uploader[0].set_value((name, data, "text/csv")).run()
    assert not page.exception
    return page


def ledger(page: AppTest) -> str:
    return next(found.value for found in page.markdown if " = " in found.value).strip("*")


def test_every_line_of_a_file_is_an_input_skipped_or_unreadable(workspace: Workspace, open_page: OpenPage) -> None:
    page = uploaded(open_page, MESSY)
    assert ledger(page) == "7 lines = 3 inputs + 3 skipped + 1 unreadable"
    unreadable = next(table.value for table in page.dataframe if "Why" in table.value)
    assert list(unreadable["Line"]) == [7]
    assert "Line 7 has 4 fields" in unreadable["Why"][0]
    assert page.warning[0].value == "1 line could not be read and is left out."


def test_blanks_and_duplicates_are_kept_once_their_boxes_are_empty(workspace: Workspace, open_page: OpenPage) -> None:
    page = uploaded(open_page, MESSY)
    for box in page.checkbox:
        box.uncheck()
    page.run()
    assert ledger(page).endswith("6 inputs + 0 skipped + 1 unreadable")


def test_the_same_task_with_other_columns_is_kept_and_pointed_out(workspace: Workspace, open_page: OpenPage) -> None:
    page = uploaded(open_page, MESSY)
    assert any(found.label.startswith("1 task repeats an earlier one") for found in page.expander)
    repeats = next(table.value for table in page.dataframe if "Same task as" in table.value)
    assert [list(repeats["Line"]), list(repeats["Same task as"])] == [[4], [2]]


def test_encoding_and_delimiter_are_shown(workspace: Workspace, open_page: OpenPage) -> None:
    page = uploaded(open_page, "nr;aufgabe\n1;Prüfe die Rechnung, bitte\n".encode("cp1252"))
    shown = " ".join(found.value for found in page.markdown)
    assert "Windows\\-1252" in shown
    assert "separated by semicolon" in shown
    assert page.selectbox(key=column_key(page)).value == "aufgabe"


def test_another_task_column_can_be_chosen(workspace: Workspace, open_page: OpenPage, started: list[Any]) -> None:
    page = uploaded(open_page, b"task,better\nold,Water the plants\n")
    page.selectbox(key=column_key(page)).set_value("better").run()
    button(page, "Start run").click().run()
    assert workspace.runs.get(started[0][0]).params["input_task_key"] == "better"


def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(workspace: Workspace, open_page: OpenPage) -> None:
    page = uploaded(open_page, b"%PDF-1.7 ...", "tasks.csv")
    assert "is a PDF document" in page.error[0].value.replace("\\", "")


def test_another_sheet_of_a_workbook_can_be_read(workspace: Workspace, open_page: OpenPage) -> None:
    book = Workbook()
    book.active.append(["task"])
    book.active.append(["Water the plants"])
    second = book.create_sheet("More")
    for text in ("task", "Feed the cat", "Call a friend"):
        second.append([text])
    data = BytesIO()
    book.save(data)
    page = uploaded(open_page, data.getvalue(), "tasks.xlsx")
    assert ledger(page).startswith("1 line = 1 input ")
    page.selectbox(key="tasks-sheet").set_value("More").run()
    assert ledger(page).startswith("2 lines = 2 inputs ")
    assert page.selectbox(key="tasks-sheet").value == "More"


def test_pasted_lines_become_inputs(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("tasks")
    page.text_area[0].set_value("Water the plants\n\nFeed the cat\n")
    button(page, "Read them").click().run()
    assert ledger(page) == "3 lines = 2 inputs + 1 skipped + 0 unreadable"


def test_what_was_read_is_still_there_after_visiting_another_page(workspace: Workspace, open_page: OpenPage) -> None:
    for name in ("First", "Local"):
        workspace.endpoints.save(Endpoint(name, base_url="http://127.0.0.1:9/v1", model="m"))
    page = uploaded(open_page, MESSY)
    page.checkbox(key="tasks-skip-duplicates").uncheck().run()
    page.selectbox(key="tasks-endpoint").set_value("Local").run()
    page.switch_page("pages/settings.py").run()
    page.switch_page("pages/tasks.py").run()
    assert ledger(page).startswith("7 lines = 4 inputs")
    assert page.selectbox(key="tasks-endpoint").value == "Local"
    button(page, "Choose another").click().run()
    assert not any(" = " in found.value for found in page.markdown)


def test_an_output_name_that_an_input_column_has_is_refused(workspace: Workspace, open_page: OpenPage) -> None:
    page = uploaded(open_page, MESSY)
    page.text_input(key="tasks-output-parallel").set_value("note").run()
    assert "is also a column of the input" in page.error[0].value.replace("\\", "")
    assert button(page, "Start run").disabled
    page.text_input(key="tasks-output-parallel").set_value("parallel").run()
    assert not page.error
    assert not button(page, "Start run").disabled


def test_the_embedded_models_limits_are_said_where_it_is_chosen(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("tasks")
    assert any("135 million parameters" in found.value for found in page.caption)


def test_start_run_goes_on_with_the_run_that_was_tried(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    page = uploaded(open_page, MESSY)
    button(page, "Try on 3").click().run()
    button(page, "Start run").click().run()
    (tried, limit), (run, no_limit) = started
    assert (tried, limit, no_limit) == (run, 3, None)
    assert len(workspace.runs.all()) == 1
    assert in_address(page, "run") == run


def test_changed_settings_make_another_run(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    page = uploaded(open_page, MESSY)
    button(page, "Try on 3").click().run()
    page.number_input(key="tasks-temperature").set_value(0.2).run()
    assert any("Something has changed since" in found.value for found in page.caption)
    button(page, "Start run").click().run()
    assert started[0][0] != started[1][0]
    assert workspace.runs.get(started[1][0]).params["temperature"] == 0.2


def test_a_trial_shows_its_records_and_their_tokens(workspace: Workspace, open_page: OpenPage) -> None:
    with ScriptedEndpoint(valid_replies) as server:
        workspace.endpoints.save(Endpoint("Scripted", base_url=server.url, model="scripted-model"))
        page = uploaded(open_page, b"task\nWater the plants\nFeed the cat\nCall a friend\nBuy bread\n")
        button(page, "Try on 3").click().run()
        run = workspace.runs.all()[0]
        deadline = time.monotonic() + 30
        while workspace.runs.get(run.id).state.is_live and time.monotonic() < deadline:
            time.sleep(0.1)
        page.run()
    assert workspace.runs.get(run.id).state is RunState.PAUSED
    assert any(found.value.startswith("3 records · 3 calls · ") for found in page.caption)
    shown = next(table.value for table in page.dataframe if "composition_task" in table.value)
    assert sorted(shown["task"]) == ["Call a friend", "Feed the cat", "Water the plants"]
    assert button(page, "Try 3 more")


def test_a_trial_that_was_continued_on_the_runs_page_counts_as_started(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    page = uploaded(open_page, MESSY)
    button(page, "Try on 3").click().run()
    run_id = started[0][0]
    assert "Trial" in [found.value for found in page.subheader]
    workspace.runs.enqueue(run_id, limit=None)
    workspace.runs.claim(run_id)
    workspace.runs.release(run_id, RunState.PAUSED, "Paused.", "person")
    page.run()
    assert "Trial" not in [found.value for found in page.subheader]
    assert any("with exactly these settings has been started" in found.value for found in page.caption)
    button(page, "Start run").click().run()
    assert started[1][0] != run_id


def test_the_trial_stands_between_the_name_of_the_source_and_its_preview(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    page = uploaded(open_page, MESSY)
    button(page, "Try on 3").click().run()
    assert [found.value for found in page.subheader] == ["tasks\\.csv", "Trial"]
    elements = list(page.main)
    trial = next(place for place, found in enumerate(elements) if getattr(found, "value", "") == "Trial")
    preview = next(place for place, found in enumerate(elements) if getattr(found, "key", "") == column_key(page))
    assert trial < preview


def test_of_a_long_trial_the_last_records_are_shown(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    workspace.endpoints.save(Endpoint("Local", base_url="http://127.0.0.1:9/v1", model="m"))
    page = uploaded(open_page, b"task\n" + b"".join(b"Task %d\n" % number for number in range(30)))
    button(page, "Try on 3").click().run()
    run = workspace.runs.get(started[0][0])
    execute(workspace, run, answer_relations, limit=12)
    page.run()
    assert any(found.value == "The last 10 of 12 records:" for found in page.caption)
    shown = next(table.value for table in page.dataframe if "composition_task" in table.value)
    assert len(shown) == 10
    assert not page.warning


def test_the_budget_goes_with_the_trial_and_with_the_run(
    workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets: list[Budget] = []
    monkeypatch.setattr(Workspace, "start", lambda self, run_id, *, budget, **settings: budgets.append(budget))
    workspace.endpoints.save(Endpoint("Local", base_url="http://127.0.0.1:9/v1", model="m", input_price=1.0))
    page = uploaded(open_page, MESSY)
    page.number_input(key="tasks-budget-tokens").set_value(50_000).run()
    button(page, "Try on 3").click().run()
    page.number_input(key="tasks-budget-tokens").set_value(None)
    page.number_input(key="tasks-budget-money").set_value(2.5).run()
    button(page, "Start run").click().run()
    assert not page.exception
    assert budgets == [Budget(tokens=50_000), Budget(money=2.5)]


def test_a_budget_in_money_needs_a_price(workspace: Workspace, open_page: OpenPage) -> None:
    workspace.endpoints.save(Endpoint("Local", base_url="http://127.0.0.1:9/v1", model="m"))
    page = uploaded(open_page, MESSY)
    assert "tasks-budget-tokens" in [found.key for found in page.number_input]
    assert "tasks-budget-money" not in [found.key for found in page.number_input]


def test_a_trial_estimates_the_tokens_and_money_of_the_whole_run(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    priced = Endpoint("Local", base_url="http://127.0.0.1:9/v1", model="m", input_price=1000.0, output_price=1000.0)
    workspace.endpoints.save(priced)
    page = uploaded(open_page, b"task\n" + b"".join(b"Task %d\n" % number for number in range(30)))
    button(page, "Try on 3").click().run()
    run = workspace.runs.get(started[0][0])

    def answer(prompt: Prompt) -> Completion:
        return Completion((answer_relations(prompt),), "m", usage=Usage(900, 100))

    execute(workspace, run, answer, limit=3)
    page.run()
    assert not page.exception
    shown = "\n".join(str(found.value).replace("\\", "") for found in (*page.markdown, *page.caption))
    assert "About 30,000 tokens, $30.00" in shown
    assert "Estimated for all 30 inputs from 3 tried: 30,000 tokens, $30.00." in shown


def column_key(page: AppTest) -> str:
    return next(found.key for found in page.selectbox if found.label == "Column with the tasks") or ""

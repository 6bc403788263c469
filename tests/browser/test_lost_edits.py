"""Edits where Streamlit's tables lose them: under a sort, right before a filter changes, while the page polls."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from dataflow_core.models import Endpoint
from dataflow_core.workspace import Workspace
from tests.browser.driver import AppServer, app_page, check_clean, fresh_workspace, settled, sheet_edit, visit
from tests.browser.review_desk import TASK, desk, records_of, text_area, until
from tests.browser.review_table import PARALLEL, fill, parallel_tasks
from tests.processes import wait_until
from tests.scripted_endpoint import ScriptedEndpoint, delayed, para_seq_replies
from tests.support import plan_tasks


def saved(workspace: Workspace, page: Page, expected: dict[str, str]) -> None:
    until(lambda: parallel_tasks(workspace) == expected, page)


def choose_status(page: Page, name: str) -> None:
    page.get_by_test_id("stButtonGroup").get_by_text(name, exact=True).click()


def test_a_filter_changed_right_after_an_edit_in_the_table_keeps_it(browser: Browser, desk_server: AppServer) -> None:
    workspace = fill(fresh_workspace(desk_server), 5)
    with app_page(browser, desk_server.url) as (page, watch):
        visit(page, desk_server, "review")
        sheet_edit(page, row=1, column=PARALLEL, text="Before the filter.")
        choose_status(page, "Flagged")
        saved(workspace, page, {"Task 1.": "Before the filter."})
        expect(page.get_by_text("No record matches the filters")).to_be_visible()
        check_clean(page, watch)
    workspace.close()


def test_a_filter_changed_right_after_an_edit_of_one_record_keeps_it(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server) as here:
        here.page.get_by_text("Queue", exact=True).click()
        text_area(here.page).fill("Before the filter.")
        choose_status(here.page, "Flagged")
        until(lambda: records_of(here.workspace)[0].fields[TASK] == "Before the filter.", here.page)
        settled(here.page)
        assert {record.revision for record in records_of(here.workspace)[1:]} == {1}


def test_edits_under_a_sort_by_the_column_that_is_edited_go_to_their_records(
    browser: Browser, desk_server: AppServer
) -> None:
    workspace = fill(fresh_workspace(desk_server), 6)
    with app_page(browser, desk_server.url) as (page, watch):
        visit(page, desk_server, "review")
        page.get_by_role("combobox", name="Sort").click()
        page.get_by_role("option", name="By parallel task").click()
        settled(page)
        sheet_edit(page, row=0, column=PARALLEL, text="z: would be the last now.")
        sheet_edit(page, row=1, column=PARALLEL, text="a: would be the first now.")
        expected = {"Task 0.": "z: would be the last now.", "Task 1.": "a: would be the first now."}
        saved(workspace, page, expected)
        expect(page.get_by_test_id(f"glide-cell-{PARALLEL}-0")).to_have_text("z: would be the last now.")
        visit(page, desk_server, "review?sort=first text")
        sheet_edit(page, row=2, column=PARALLEL, text="Under a sort from the address.")
        saved(workspace, page, expected | {"Task 2.": "Under a sort from the address."})
        check_clean(page, watch)
    workspace.close()


def test_edits_while_a_run_brings_records_and_the_page_polls_are_kept(browser: Browser, desk_server: AppServer) -> None:
    with ScriptedEndpoint(delayed(para_seq_replies, 1.0)) as endpoint:
        workspace = fill(fresh_workspace(desk_server), 5)
        slow = Endpoint("Slow", base_url=endpoint.url, model="scripted-model", max_workers=1)
        run = plan_tasks(workspace, [f"Make thing {number}." for number in range(60)], endpoint=slow)
        workspace.start(run.id)
        with app_page(browser, desk_server.url) as (page, watch):
            visit(page, desk_server, "review?q=Task")  # some of the run's may be there already
            expect(page.get_by_test_id("stSidebar").get_by_text("tasks.jsonl")).to_be_visible(timeout=20_000)
            expected = {}
            for row in range(3):
                sheet_edit(page, row=row, column=PARALLEL, text=f"While it runs, {row}.")
                expected[f"Task {row}."] = f"While it runs, {row}."
                page.wait_for_timeout(1_500)
            saved(workspace, page, expected)
            visit(page, desk_server, "review?view=focus")
            area = text_area(page)
            area.click()
            page.keyboard.press("End")
            page.keyboard.type(" Typed slowly, over several polls.", delay=120)
            expect(area).to_be_focused()
            until(lambda: any("over several polls." in str(one.fields) for one in records_of(workspace)), page)
            assert workspace.runs.get(run.id).id in {live.id for live in workspace.runs.live()}
            check_clean(page, watch)
        workspace.runs.ask(run.id, "pause")
        wait_until(lambda: not workspace.runs.live())
        workspace.close()

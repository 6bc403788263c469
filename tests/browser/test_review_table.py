"""The editable table loses no edit: not to a page turned at once, not to a server that was restarted."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.driver import (
    AppServer,
    app_page,
    app_server,
    check_clean,
    disconnected,
    free_port,
    fresh_workspace,
    reconnected,
    sheet_edit,
    visit,
)
from tests.browser.review_table import PARALLEL, TASK, fill, parallel_tasks


def wait_saved(page: Page) -> None:
    expect(page.get_by_text(re.compile(r"Saved at \d\d:\d\d:\d\d")).first).to_be_visible()


def test_an_edit_followed_at_once_by_another_page_goes_to_its_own_record(
    browser: Browser, desk_server: AppServer
) -> None:
    workspace = fill(fresh_workspace(desk_server), 30)
    with app_page(browser, desk_server.url) as (page, watch):
        visit(page, desk_server, "review")
        sheet_edit(page, row=2, column=PARALLEL, text="Edited on page one.")
        page.get_by_role("button", name="Next page").click()
        expect(page.get_by_test_id(f"glide-cell-{TASK}-0")).to_have_text("Task 25.")
        sheet_edit(page, row=2, column=PARALLEL, text="Edited on page two.")
        wait_saved(page)
        page.get_by_test_id("stSidebarNavLink").filter(has_text="Home").click()
        expect(page.get_by_role("heading", name="Home")).to_be_visible()
        check_clean(page, watch)
    assert parallel_tasks(workspace) == {"Task 2.": "Edited on page one.", "Task 27.": "Edited on page two."}
    workspace.close()


def test_edits_before_and_after_a_restart_of_the_server_are_all_kept(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    with app_page(browser, f"http://127.0.0.1:{port}") as (page, _):
        with app_server(tmp_path, port=port) as server:
            workspace = fill(server.home / "default", 4)
            visit(page, server, "review")
            sheet_edit(page, row=0, column=PARALLEL, text="Before the restart.")
            wait_saved(page)
        disconnected(page)
        with app_server(tmp_path, port=port):
            reconnected(page)
            sheet_edit(page, row=1, column=PARALLEL, text="After the restart.")
            expected = {"Task 0.": "Before the restart.", "Task 1.": "After the restart."}
            for _ in range(100):
                if parallel_tasks(workspace) == expected:
                    break
                page.wait_for_timeout(100)
            assert parallel_tasks(workspace) == expected
        workspace.close()

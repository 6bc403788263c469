"""An instruction tried on five records, then written for all by a model over the network, used, and undone."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select

from dataflow_core.models import Endpoint
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import workers
from dataflow_core.workspace import Workspace
from tests.browser.driver import AppServer, app_page, check_clean, fresh_workspace, settled, visit
from tests.record_makers import make_tasks, record_at
from tests.scripted_endpoint import Reply, Request, ScriptedEndpoint

COUNT = 40
NOTE = "Say how the pears are weighed."


def on_the_scales(request: Request) -> Reply:
    """Rewrites the parallel task, but for basket 3's."""
    shown = json.loads(request["messages"][1]["content"].partition("\n\n")[0])
    if shown["atomic_task"].endswith("basket 3."):
        return Reply("I would rather talk about something else.", delay=0.1)
    texts = {key: shown[key] for key in ("parallel_task", "subsequent_task", "composition_task")}
    texts["parallel_task"] = shown["parallel_task"].replace("pears", "pears on the scales")
    return Reply(json.dumps(texts), delay=0.1)


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(on_the_scales) as running:
        yield running


def fill(server: AppServer, endpoint: ScriptedEndpoint) -> Workspace:
    workspace = Workspace(fresh_workspace(server), create=True)
    workspace.endpoints.save(Endpoint("Scripted", base_url=endpoint.url, model="scripted-model", max_workers=2))
    make_tasks(workspace, COUNT)
    edited = record_at(workspace, 2)
    workspace.review.edit(edited.id, {"parallel_task": "Weigh my own pears."}, base_revision=1, author="Ada")
    return workspace


def parallel_task(workspace: Workspace, number: int) -> str:
    return str(record_at(workspace, number).fields["parallel_task"])


def rewritten(workspace: Workspace) -> int:
    return sum("on the scales" in record.fields["parallel_task"] for record in workspace.records.stream(Query()))


def try_on_five(page: Page, server: AppServer) -> Locator:
    """The dialog, with what has come of the five in it."""
    visit(page, server, "review")
    page.get_by_text(f"All {COUNT} found").click()
    settled(page)
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_text("Write again, with or without a note").click()
    page.get_by_label("What should be different?").fill(NOTE)
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Try on 5").click()
    dialog.get_by_role("button", name=f"Write all {COUNT}").wait_for(timeout=60_000)
    settled(page)
    return dialog


def test_an_instruction_is_tried_on_five_written_for_all_used_and_undone(
    browser: Browser, desk_server: AppServer, endpoint: ScriptedEndpoint
) -> None:
    workspace = fill(desk_server, endpoint)
    with app_page(browser, desk_server.url) as (page, watch):
        dialog = try_on_five(page, desk_server)
        assert len(endpoint.chats) <= 6  # the one that is no answer was asked for again
        expect(dialog.get_by_text("edited by Ada")).to_be_visible()
        expect(dialog.get_by_text("Record 3:")).to_be_visible()
        expect(dialog.locator("ins").first).to_contain_text("on the scales")
        dialog.get_by_role("button", name="Use", exact=True).first.click()
        expect(dialog.get_by_text(re.compile("Used$"))).to_be_visible()
        assert parallel_task(workspace, 1) == "Weigh the pears on the scales in basket 1."
        dialog.get_by_role("button", name=f"Write all {COUNT}").click()
        expect(dialog).to_be_hidden()
        expect(page.get_by_text(re.compile(rf"Writing again .* of {COUNT}"))).to_be_visible()
        page.reload()
        expect(page.get_by_text("38 proposals wait, 1 for edited records")).to_be_visible(timeout=60_000)
        settled(page)
        page.get_by_role("button", name="Use 37").click()
        done = page.get_by_text("37 records · 1 edited by people is left for you to look at")
        expect(done).to_be_visible(timeout=30_000)
        assert (rewritten(workspace), parallel_task(workspace, 2)) == (38, "Weigh my own pears.")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("Undid the use of proposals · 37 records")).to_be_visible(timeout=30_000)
        assert rewritten(workspace) == 1
        page.get_by_role("button", name="1 failed").click()
        dialog.get_by_text("Record 3:").click()
        expect(dialog.get_by_text("I would rather talk about something else.")).to_be_visible()
        check_clean(page, watch)
    workspace.close()


def test_a_worker_that_is_killed_loses_nothing_and_another_goes_on(
    browser: Browser, desk_server: AppServer, endpoint: ScriptedEndpoint
) -> None:
    workspace = fill(desk_server, endpoint)
    with app_page(browser, desk_server.url) as (page, watch):
        try_on_five(page, desk_server).get_by_role("button", name=f"Write all {COUNT}").click()
        run = workspace.rewriting.selections()[0]
        wait_until_written(workspace, run.id, 8)
        os.kill(worker_of(workspace), signal.SIGKILL)
        expect(page.get_by_text("interrupted")).to_be_visible(timeout=30_000)
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("39 proposals wait, 1 for edited records")).to_be_visible(timeout=60_000)
        progress = workspace.runs.progress(run.id)
        assert (progress.done, progress.failed, progress.pending) == (COUNT - 1, 1, 0)
        check_clean(page, watch)
    workspace.close()


def worker_of(workspace: Workspace) -> int:
    with workspace.database.read() as connection:
        return int(connection.execute(select(workers.c.owner)).scalar_one()["pid"])


def wait_until_written(workspace: Workspace, run_id: str, number: int) -> None:
    deadline = time.monotonic() + 30
    while workspace.runs.progress(run_id).ended < number:
        assert time.monotonic() < deadline
        time.sleep(0.05)

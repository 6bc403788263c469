"""Records of one's own as a person makes them: build a recipe, try it, start the run, review, export."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dataflow_core.models import Endpoint, ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.browser.accessibility import violations
from tests.browser.driver import AppServer, app_page, check_clean, settled, visit
from tests.scripted_endpoint import ScriptedEndpoint, valid_replies

A_RUN = 60_000  # milliseconds for a run's process on a busy machine


@pytest.fixture
def workspace(own_server: AppServer) -> Iterator[Workspace]:
    opened = Workspace(own_server.home / "default", create=True)
    yield opened
    opened.close()


def write(page: Page, label: str, text: str) -> None:
    box = page.get_by_role("textbox", name=label, exact=True)
    box.fill(text)
    box.press("Control+Enter")
    settled(page)


def fill_cell(page: Page, grid: Locator, *, row: int, x: int, text: str) -> None:
    """Write into the cell of a table that stands at `x` pixels from its left side."""
    box = grid.locator("canvas").first.bounding_box()
    assert box is not None
    place = (box["x"] + x, box["y"] + 35 * (row + 1.5))
    page.mouse.move(place[0] - 8, place[1])
    page.mouse.move(*place, steps=4)
    page.wait_for_timeout(120)
    page.mouse.click(*place)
    page.wait_for_timeout(120)
    editor = page.locator("#portal textarea, #portal input").first
    if not editor.count():
        page.keyboard.press("Enter")
    editor.wait_for()
    editor.fill(text)
    page.keyboard.press("Enter")
    expect(grid.get_by_text(text, exact=True).first).to_be_attached()
    settled(page)


def test_a_recipe_is_built_tried_started_reviewed_and_exported(
    browser: Browser, own_server: AppServer, workspace: Workspace, tmp_path: Path
) -> None:
    with ScriptedEndpoint(valid_replies) as endpoint, app_page(browser, own_server.url) as (page, watch):
        workspace.endpoints.save(Endpoint("Scripted", base_url=endpoint.url, model="scripted-model"))
        workspace.endpoints.make_default("Scripted")
        visit(page, own_server, "custom")

        page.get_by_role("combobox", name="Recipe").click()
        page.get_by_role("option", name="New recipe").click()
        expect(page.get_by_text("Give the recipe a name")).to_be_visible()
        write(page, "Name", "Riddles")
        write(page, "Instruction", "Write a riddle about {topic} and its solution.")
        expect(page.get_by_text("no values yet")).to_be_visible()
        write(page, "topic", "cats\ndogs\nrain\nsnow\nthe moon")
        expect(page.get_by_text("5 values")).to_be_visible()
        outputs = page.locator("[class*='-outputs-']").get_by_test_id("stDataFrame")
        fill_cell(page, outputs, row=0, x=80, text="riddle")
        outputs.hover()
        page.get_by_role("button", name="Add row: Output fields").click()
        fill_cell(page, outputs, row=1, x=80, text="solution")
        expect(page.get_by_text(re.compile("riddle about (cats|dogs|rain|snow|the moon) and its"))).to_be_visible()
        page.get_by_role("button", name="Save recipe").click()
        expect(page.get_by_text(re.compile("Saved$"))).to_be_visible()

        page.get_by_role("spinbutton", name="Records").fill("4")
        page.get_by_role("spinbutton", name="Records").press("Enter")
        expect(page.get_by_text("4 records · 4 calls")).to_be_visible()
        page.get_by_role("button", name="Try on 3").click()
        expect(page.get_by_role("button", name="Try 3 more")).to_be_visible(timeout=A_RUN)
        expect(page.get_by_text(re.compile("3 records · 3 calls"))).to_be_visible()
        assert violations(page) == []

        page.get_by_role("button", name="Start run").click()
        review = page.get_by_role("button", name=re.compile(r"Review 4 records"))
        expect(review).to_be_visible(timeout=A_RUN)
        review.click()
        settled(page)
        records = workspace.records.page(workspace.records.numbers(Query()))
        assert [list(record.fields) for record in records] == [["riddle", "solution", "model_name"]] * 4
        page.get_by_role("button", name="One by one").click()
        riddle = page.get_by_role("textbox", name="riddle", exact=True)
        riddle.fill("What purrs in the dark?")
        riddle.press("Escape")
        expect(page.get_by_text(re.compile("Saved at"))).to_be_visible()
        expect(page.locator(".bar:not(.waiting)")).to_be_attached()
        page.keyboard.press("a")
        expect(page.get_by_text("1 done")).to_be_visible()
        first = workspace.records.get(records[0].id)
        assert first is not None
        assert first.status is ReviewStatus.ACCEPTED
        assert first.fields["riddle"] == "What purrs in the dark?"

        page.get_by_test_id("stSidebarNavLink").filter(has_text="Export").click()
        page.get_by_role("button", name="Export 1 record").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("Download")).first.click()
        target = tmp_path / "riddles.jsonl"
        download.value.save_as(target)
        (line,) = target.read_text(encoding="utf-8").splitlines()
        assert json.loads(line) == first.fields
        check_clean(page, watch)

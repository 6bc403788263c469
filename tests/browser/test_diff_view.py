"""Diffs as a person meets them: words told apart, long stretches folded, and text that stays text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.driver import AppServer, app_page, app_server, check_clean, settled, visit

MARKUP = '<img src="https://example.com/x.png"> <b>bold</b> **bold** &amp; '
LONG = " ".join(f"word{number}" for number in range(60))
DIALOGUE = ["Where is my parcel?", "It left Lyon on Monday and should reach you by Thursday.", "Thank you!", "Welcome."]


def dialogue(*texts: str) -> dict[str, object]:
    roles = ("user", "assistant")
    return {"conversation": [{"role": roles[place % 2], "value": text} for place, text in enumerate(texts)]}


VERSIONS = [
    ({"task": f"{MARKUP}old"}, {"task": f"{MARKUP}<i>new</i>"}),
    ({"text": f"first {LONG} last"}, {"text": f"begin {LONG} end"}),
    (
        {"atomic_task": "Sort the parcels by weight, then list them.", "steps": "1. Weigh\n2. Sort\n3. List"},
        {"atomic_task": "Arrange the parcels by size, then list them all.", "steps": "1. Weigh\n3. List\n4. Pack"},
    ),
    (dialogue(*DIALOGUE), dialogue("Where is my big parcel?", DIALOGUE[1], "And the other?", "", *DIALOGUE[2:])),
    ({"task": "the same"}, {"task": "the same"}),
]


@pytest.fixture(scope="module")
def diff_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    folder = tmp_path_factory.mktemp("diffs")
    versions = folder / "versions.json"
    versions.write_text(json.dumps(VERSIONS), encoding="utf-8")
    script = Path(__file__).with_name("diff_app.py")
    with app_server(folder, script=script, environment={"VERSIONS": str(versions)}) as running:
        yield running


@pytest.fixture
def diff_page(browser: Browser, diff_server: AppServer) -> Iterator[Page]:
    with app_page(browser, diff_server.url) as (opened, watch):
        visit(opened, diff_server)
        yield opened
        check_clean(opened, watch)


def shown(page: Page, number: int) -> Locator:
    return page.locator(f".st-key-versions-{number} .diffs")


def test_diffs_read_as_text_with_removed_and_added_words_marked(diff_page: Page) -> None:
    task = shown(diff_page, 0)
    expect(task.locator(".text")).to_have_text(f"{MARKUP}old<i>new</i>")
    expect(task.locator("del")).to_have_text("old")
    expect(task.locator("ins")).to_have_text("<i>new</i>")
    assert task.locator("img, b, i, a").count() == 0
    expect(shown(diff_page, 3).locator(".name")).to_have_text(["Turn 1 · user", "Turn 3 · user", "Turn 4 · assistant"])
    expect(shown(diff_page, 3).locator("ins").last).to_have_text("empty turn")
    expect(shown(diff_page, 4)).to_have_text("No differences")


def test_a_long_unchanged_stretch_opens_on_a_click_and_stays_open(diff_page: Page) -> None:
    text = shown(diff_page, 1).locator(".text")
    expect(text).not_to_contain_text("word30")
    text.get_by_role("button", name="Show 40 unchanged words").click()
    expect(text).to_have_text(f"firstbegin {LONG} lastend")
    diff_page.get_by_role("button", name="Run again").click()
    settled(diff_page)
    expect(text).to_contain_text("word30")

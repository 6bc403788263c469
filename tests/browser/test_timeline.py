"""A record's timeline as a person meets it: newest first, older entries on a click, and text that stays text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.driver import AppServer, app_page, app_server, check_clean, settled, visit

MARKUP = '<img src="https://example.com/x.png"> <b>bold</b> **bold** &amp;'
NOW = datetime.now(UTC)


def entry(what: str, *, hours: float, **others: str) -> dict[str, str]:
    return {"who": "Ada", "what": what, "detail": "", "at": (NOW - timedelta(hours=hours)).isoformat()} | others


ENTRIES = [
    entry("rejected", hours=0, detail="Too vague", tone="rejected"),
    entry("edited atom_task", hours=2.1, versions="versions 2–4", tone="text"),
    entry(f"tagged {MARKUP}", hours=30, who=MARKUP, detail=MARKUP + "x" * 200),
    entry("commented", hours=50),
    *(entry(f"did thing {number}", hours=100 + number) for number in range(3)),
]


@pytest.fixture(scope="module")
def timeline_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    folder = tmp_path_factory.mktemp("timeline")
    entries = folder / "entries.json"
    entries.write_text(json.dumps(ENTRIES), encoding="utf-8")
    script = Path(__file__).with_name("timeline_app.py")
    with app_server(folder, script=script, environment={"ENTRIES": str(entries)}) as running:
        yield running


@pytest.fixture
def timeline_page(browser: Browser, timeline_server: AppServer) -> Iterator[Page]:
    with app_page(browser, timeline_server.url, width=390) as (opened, watch):
        visit(opened, timeline_server)
        yield opened
        check_clean(opened, watch)


def items(page: Page) -> Locator:
    return page.locator(".timeline li").locator("visible=true")


def test_it_says_who_did_what_and_when(timeline_page: Page) -> None:
    newest, edited = items(timeline_page).nth(0), items(timeline_page).nth(1)
    expect(newest).to_have_text(re.compile(r"^Ada rejected · Too vague(just now|\d+ min ago) *$"))
    expect(edited).to_have_text("Ada edited atom_task2 h ago· versions 2–4")
    expect(edited.locator("time")).to_have_attribute("datetime", ENTRIES[1]["at"])
    shown = timeline_page.evaluate("at => new Date(at).toLocaleString()", ENTRIES[1]["at"])
    expect(edited.locator("time")).to_have_attribute("title", shown)


def test_the_older_part_opens_on_a_click_and_stays_open(timeline_page: Page) -> None:
    expect(items(timeline_page)).to_have_count(4)
    timeline_page.get_by_role("button", name="Show 3 earlier").press("Enter")
    expect(items(timeline_page)).to_have_count(7)
    expect(items(timeline_page).nth(4)).to_be_focused()
    timeline_page.get_by_role("button", name="Run again").click()
    settled(timeline_page)
    expect(items(timeline_page)).to_have_count(7)


def test_what_people_wrote_is_text_and_fits_the_column(timeline_page: Page) -> None:
    tagged = items(timeline_page).nth(2)
    expect(tagged.locator(".who")).to_have_text(MARKUP)
    expect(tagged.locator("img, b")).to_have_count(0)
    assert timeline_page.evaluate("document.documentElement.scrollWidth") == 390
    box = tagged.bounding_box()
    assert box is not None
    assert box["width"] <= 330

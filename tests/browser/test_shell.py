"""The frame around the pages: navigation, deep links, what the browser is asked to fetch, and small screens."""

from __future__ import annotations

import contextlib
import http.client
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dataflow_core.workspace import Workspace
from tests.browser.driver import AppServer, app_page, app_server, check_clean, settled, visit

PAGES = ["", "tasks", "dialogues", "custom", "import", "runs", "review", "export", "prompts", "settings"]
TITLES = ["Home", "Tasks", "Dialogues", "Custom", "Import", "Runs", "Review", "Export", "Prompts", "Settings"]


def test_a_deep_link_to_a_fresh_server_opens_its_page_within_the_app(browser: Browser, tmp_path: Path) -> None:
    with app_server(tmp_path) as fresh, app_page(browser, fresh.url) as (page, watch):
        visit(page, fresh, "runs")
        expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(len(PAGES))
        expect(page).to_have_title("Runs · Dataflow Studio")
        expect(page).to_have_url(re.compile(r"/runs(\?.*)?$"))
        check_clean(page, watch)


def test_the_navigation_leads_to_every_page(page: Page) -> None:
    for title in TITLES:
        page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
        expect(page).to_have_title(f"{title} · Dataflow Studio")
        settled(page)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_stands_alone_fetches_from_here_only_and_fits_a_phone(
    browser: Browser, server: AppServer, path: str
) -> None:
    with app_page(browser, server.url) as (page, watch):
        visit(page, server, path)
        check_clean(page, watch)
        page.set_viewport_size({"width": 390, "height": 844})
        settled(page)
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth")
        check_clean(page, watch)


def test_the_dark_look_is_the_visitors_own_choice(browser: Browser, server: AppServer) -> None:
    for dark, background in ((False, "rgb(255, 255, 255)"), (True, "rgb(15, 18, 24)")):
        with app_page(browser, server.url, dark=dark) as (page, watch):
            visit(page, server)
            expect(page.get_by_test_id("stApp")).to_have_css("background-color", background)
            page.wait_for_load_state("networkidle")
            check_clean(page, watch)


def test_text_is_set_in_the_fonts_the_app_brings(page: Page) -> None:
    page.wait_for_function("document.fonts.status === 'loaded'")
    loaded = page.evaluate("[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)")
    assert any("Inter" in family for family in loaded)


@pytest.mark.parametrize(("host", "status"), [("evil.example", 403), ("localhost", 101), ("127.0.0.1", 101)])
def test_only_its_own_names_reach_the_app(server: AppServer, host: str, status: int) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    connection.putrequest("GET", "/_stcore/stream", skip_host=True)
    for name, value in {
        "Host": host,
        "Origin": f"http://{host}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "streamlit",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    with contextlib.closing(connection):
        assert connection.getresponse().status == status


def test_a_browser_remembers_who_reviews_until_the_name_is_taken_away(browser: Browser, own_server: AppServer) -> None:
    Workspace(own_server.home / "default", create=True).review.add(
        {"atom_task": "Task."}, generator="ParaSeqTaskGenerator", author="Ada"
    )
    asked = "Who reviews?"
    with app_page(browser, own_server.url) as (page, watch):
        visit(page, own_server, "review")
        page.get_by_role("textbox", name="Your name").fill("Ada <b>")
        page.keyboard.press("Enter")
        expect(page.get_by_text(asked)).to_have_count(0)
        page.wait_for_function("localStorage.getItem('dataflow-studio-reviewer') === 'Ada <b>'")
        page.reload()
        settled(page)
        expect(page.get_by_role("heading", name="Review")).to_be_visible()
        expect(page.get_by_text(asked)).to_have_count(0)
        visit(page, own_server, "settings")
        page.get_by_role("tab", name="About").click()
        name = page.get_by_role("textbox", name="Your name")
        expect(name).to_have_value("Ada <b>")
        name.fill("")
        page.keyboard.press("Enter")
        page.wait_for_function("localStorage.getItem('dataflow-studio-reviewer') === null")
        check_clean(page, watch)

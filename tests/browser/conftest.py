"""One browser and one server a session, a browser context a test; `own_server` is for a module that needs a workspace
of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.driver import AppServer, app_page, app_server, check_clean, launch_chromium, visit


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark this folder's tests, and have them run last: Playwright's loop stays in this thread from the first one on,
    and other tests bring loops of their own.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            # A journey through a real browser may meet a machine that is busy for a moment; what fails twice is broken.
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=lambda item: item.path.is_relative_to(here))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = launch_chromium(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The app, shared by all tests of the session."""
    with app_server(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture(scope="session")
def desk_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The app for tests that each bring a workspace of their own: see `fresh_workspace`."""
    with app_server(tmp_path_factory.mktemp("desks")) as running:
        yield running


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """The app in a workspace that only this module's tests use."""
    with app_server(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: AppServer) -> Iterator[Page]:
    """The shared app's home page, settled. The test fails if its page broke or reached for another host."""
    with app_page(browser, server.url) as (opened, watch):
        visit(opened, server)
        yield opened
        check_clean(opened, watch)


@pytest.fixture
def own_page(browser: Browser, own_server: AppServer) -> Iterator[Page]:
    """Like `page`, in the module's own workspace."""
    with app_page(browser, own_server.url) as (opened, watch):
        visit(opened, own_server)
        yield opened
        check_clean(opened, watch)

"""Every page scanned by axe-core, Review on a phone in the dark, too: nothing serious that is ours to mend."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dataflow_core.workspace import Workspace
from tests.browser.accessibility import violations
from tests.browser.driver import AppServer, app_page, app_server, settled, visit
from tests.browser.review_desk import fill, painted

VIEWS = [
    "", "tasks", "dialogues", "custom", "import", "runs", "review", "review?view=focus",
    "review?view=focus&kind=Dialogues", "export", "prompts", "settings",
]  # fmt: skip


@pytest.fixture(scope="module")
def filled_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    folder: Path = tmp_path_factory.mktemp("axe")
    with app_server(folder) as running:
        filled: Workspace = fill(running.home / "default", 4)
        fill(running.home / "default", 3, dialogues=True).close()
        filled.close()
        yield running


@pytest.mark.parametrize(
    ("view", "width", "is_dark"),
    [*((view, 1440, False) for view in VIEWS), *((view, 390, True) for view in VIEWS if "review" in view)],
)
def test_no_view_shuts_anybody_out(
    browser: Browser, filled_server: AppServer, view: str, width: int, is_dark: bool
) -> None:
    with app_page(browser, filled_server.url, width=width, dark=is_dark) as (page, _):
        visit(page, filled_server, view)
        if "focus" in view:
            painted(page)
        assert violations(page) == []


def test_an_export_and_a_file_to_import_shut_nobody_out(
    browser: Browser, filled_server: AppServer, tmp_path: Path
) -> None:
    file = tmp_path / "chats.jsonl"
    chat = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}]}
    file.write_text(json.dumps(chat) + "\n{broken\n")
    with app_page(browser, filled_server.url, width=390, dark=True) as (page, _):
        visit(page, filled_server, "export?export_statuses=Unreviewed")
        page.get_by_role("radio", name="OpenAI", exact=True).click()
        settled(page)
        page.get_by_role("button", name=re.compile("^Export [0-9]")).click()
        page.get_by_role("link", name=re.compile("^Download")).first.wait_for()
        settled(page)
        assert violations(page) == []
        visit(page, filled_server, "import")
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(str(file))
        page.get_by_role("heading", name="What cannot be used").wait_for()
        settled(page)
        assert violations(page) == []


def test_the_scan_finds_what_would_shut_somebody_out(browser: Browser, filled_server: AppServer) -> None:
    with app_page(browser, filled_server.url) as (page, _):
        visit(page, filled_server)
        page.evaluate("document.querySelector('[data-testid=stMain]').append(document.createElement('button'))")
        assert [found.partition(":")[0] for found in violations(page)] == ["button-name"]

"""What goes from one run to another, in real Chromium: a run as a file and back, and records that become inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.browser.driver import AppServer, settled
from tests.pages.conftest import fill_tasks


@pytest.fixture
def workspace(own_server: AppServer) -> Iterator[Workspace]:
    opened = Workspace(own_server.home / "default", create=True)
    yield opened
    opened.close()


def test_a_run_is_taken_away_as_a_file_and_opened_and_its_accepted_records_become_inputs(
    own_page: Page, workspace: Workspace, tmp_path: Path
) -> None:
    run = fill_tasks(workspace, 3)
    accepted = workspace.records.page(workspace.records.numbers(Query())[:2])
    workspace.review.decide({one.id: one.revision for one in accepted}, ReviewStatus.ACCEPTED, reviewer="Ada")
    page = own_page
    runs = f"{page.url.rstrip('/')}/runs?run={run.id}"
    page.goto(runs)
    settled(page)

    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Save as file")).click()
    download.value.save_as(tmp_path / "run.yaml")
    assert "dataflow_studio_run: 1" in (tmp_path / "run.yaml").read_text(encoding="utf-8")
    page.get_by_role("button", name=re.compile("Open a saved run")).click()
    page.get_by_role("dialog").locator("input[type=file]").set_input_files(str(tmp_path / "run.yaml"))
    page.get_by_role("button", name=re.compile("Open it")).click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_text("Not started yet.")).to_be_visible()
    opened = workspace.runs.all()[0]
    assert list(workspace.runs.inputs(opened.id)) == list(workspace.runs.inputs(run.id))
    assert opened.id in page.url

    page.goto(runs)
    settled(page)
    page.get_by_role("button", name=re.compile("Use its records")).click()
    page.get_by_text("Use as input for tasks").click()
    expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()
    expect(page.get_by_text("2 records = 2 inputs")).to_be_visible()
    page.get_by_text(re.compile("All but rejected")).click()
    expect(page.get_by_text("3 records = 3 inputs")).to_be_visible()

"""The main job as a person does it, in real Chromium: bring, generate, review, export. With the embedded model where
that is what is shown, else with a model over the network, which takes no time.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dataflow_core.models import Endpoint, Record, RunState
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import runs
from dataflow_core.workspace import Workspace
from tests.browser.driver import (
    AppServer,
    app_page,
    check_clean,
    fresh_workspace,
    settled,
    sheet_column,
    sheet_edit,
    visit,
)
from tests.scripted_endpoint import ScriptedEndpoint, delayed, valid_replies

FIRST_FIELD = 3  # the columns before it: a tick, the status, a button
A_RUN = 240_000  # milliseconds for a run of the embedded model on a busy machine

HARD_CSV = "\ufeffid,atom_task,note\r\n" + "".join(
    [
        *(f'{number:05},"Find the price, rating and size of tent number {number}.",NA\r\n' for number in range(1, 5)),
        "\r\n",
        '00017,"Say ""hello"" in Welsh, Thai and Zulu.",\r\n',
        "00018,Zähle die Schafe 🐑 auf der Weide.,x\r\n",
        "00019,Write a short poem about rain.,y\r\n",
        "00020,Plan a picnic for Sunday.,z\r\n",
        "00020,Plan a picnic for Sunday.,z\r\n",
    ]
)


@pytest.fixture
def workspace(own_server: AppServer) -> Iterator[Workspace]:
    opened = Workspace(own_server.home / "default")
    yield opened
    opened.close()


@pytest.fixture
def scripted(desk_server: AppServer) -> Iterator[Workspace]:
    """A workspace whose model answers at once."""
    with ScriptedEndpoint(valid_replies) as endpoint:
        opened = Workspace(fresh_workspace(desk_server), create=True)
        opened.endpoints.save(Endpoint("Scripted", base_url=endpoint.url, model="scripted-model"))
        opened.endpoints.make_default("Scripted")
        yield opened
        opened.close()


@pytest.fixture
def scripted_page(browser: Browser, desk_server: AppServer, scripted: Workspace) -> Iterator[Page]:
    with app_page(browser, desk_server.url) as (opened, watch):
        visit(opened, desk_server)
        yield opened
        check_clean(opened, watch)


def state_badge(page: Page, state: str) -> Locator:
    """A state written on the page itself: the tables hold the same words where nobody sees them."""
    return page.get_by_test_id("stMarkdown").get_by_text(state, exact=True).first


def finish_run(page: Page) -> None:
    """Wait on the Runs page until the run is over, and follow the next step to Review."""
    review = page.get_by_role("button", name=re.compile(r"Review \d+ record"))
    expect(state_badge(page, "Finished")).to_be_visible(timeout=A_RUN)
    review.click()
    settled(page)
    expect(page.get_by_role("heading", name="Review")).to_be_visible()


def export(page: Page, button: str, tmp_path: Path) -> list[dict[str, Any]]:
    """Export through the Export page; returns the lines of the file that was downloaded."""
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Export").click()
    page.get_by_role("button", name=re.compile(button)).click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download")).first.click()
    target = tmp_path / "downloaded.jsonl"
    download.value.save_as(target)
    data = target.read_bytes()
    assert data.endswith(b"}\n")
    return [json.loads(line) for line in data.decode("utf-8").splitlines()]


def open_record(page: Page, record: Record) -> None:
    page.goto(f"{page.url.split('?')[0]}?record={record.id}")
    settled(page)
    expect(page.get_by_text(re.compile(rf"^Record {record.number} · "))).to_be_visible()
    page.wait_for_function("id => (window.dataflowPainted || '').startsWith(id)", arg=record.id)
    expect(page.locator(".bar:not(.waiting)")).to_be_attached()


@pytest.mark.model
def test_the_tour_leads_from_sample_tasks_to_a_file_with_the_edit_and_without_the_rejected_record(
    own_page: Page, workspace: Workspace, tmp_path: Path
) -> None:
    page = own_page
    page.get_by_role("button", name="Start the tour").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    finish_run(page)

    tasks = sheet_column(page, FIRST_FIELD, 6)
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_text("6 accepted", exact=True)).to_be_visible()
    sheet_edit(page, row=1, column=FIRST_FIELD + 1, text="Edited by hand: Grüße 🎉")
    expect(page.get_by_text(re.compile(r"Saved at \d\d:\d\d:\d\d"))).to_be_visible()
    rejected = workspace.records.page(workspace.records.numbers(Query()))[2]
    assert rejected.fields["atom_task"] == tasks[2]
    open_record(page, rejected)
    page.keyboard.press("x")
    expect(page.get_by_text("4 of 6")).to_be_visible()  # the next one

    lines = export(page, "Export 5 records", tmp_path)
    assert [line["atom_task"] for line in lines] == [task for task in tasks if task != tasks[2]]
    assert lines[1]["parallel_task"] == "Edited by hand: Grüße 🎉"
    assert all(list(line) == ["atom_task", "parallel_task", "subsequent_task", "composition_task"] for line in lines)


def test_a_difficult_csv_becomes_records_with_every_line_accounted_for(
    scripted_page: Page, scripted: Workspace, tmp_path: Path
) -> None:
    page, workspace = scripted_page, scripted
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Tasks").click()
    file = tmp_path / "difficult.csv"
    file.write_bytes(HARD_CSV.encode("utf-8"))
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(str(file))
    expect(page.get_by_role("heading", name="difficult.csv")).to_be_visible()
    expect(page.get_by_text("10 lines = 8 inputs + 2 skipped")).to_be_visible()
    page.get_by_role("button", name="Start run").click()
    finish_run(page)

    run = workspace.runs.all()[0]
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.failed, progress.total) == (8, 0, 8)
    made = {record.fields["id"]: record.fields for record in workspace.records.stream(Query(runs=(run.id,)))}
    assert made["00017"]["atom_task"] == 'Say "hello" in Welsh, Thai and Zulu.'
    assert {fields["note"] for fields in made.values()} == {"NA", "", "x", "y", "z"}
    assert [(line.line, line.kind) for line in workspace.runs.source_lines(run.id)] == [
        (6, "blank"),
        (11, "duplicate"),
    ]


def test_two_intents_become_conversations_that_can_be_edited_turn_by_turn(
    scripted_page: Page, scripted: Workspace
) -> None:
    page, workspace = scripted_page, scripted
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Dialogues").click()
    page.get_by_role("button", name="None", exact=True).click()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(0)
    for intent in ("Educational Interaction", "Entertainment Interaction"):
        page.get_by_text(intent, exact=True).first.click()
        settled(page)
    per_intent = page.get_by_role("spinbutton", name="Dialogues per intent")
    per_intent.fill("1")
    per_intent.press("Enter")
    expect(page.get_by_text("2 dialogues · 4 calls")).to_be_visible()
    page.get_by_role("button", name="Start run").click()
    finish_run(page)

    run = workspace.runs.all()[0]
    records = list(workspace.records.stream(Query(runs=(run.id,))))
    assert len(records) == 2
    assert all(len(record.fields["conversation"]) == 6 for record in records)
    open_record(page, records[0])
    page.get_by_label("Turn 2, assistant").fill("An answer by hand.")
    expect(page.get_by_text(re.compile(r"Saved at \d\d:\d\d:\d\d"))).to_be_visible()
    stored = workspace.records.get(records[0].id)
    assert stored is not None
    assert stored.fields["conversation"][1] == {"role": "assistant", "value": "An answer by hand."}


def test_a_run_goes_on_without_a_browser_shows_as_interrupted_when_killed_and_resumes(
    browser: Browser, desk_server: AppServer, scripted: Workspace
) -> None:
    with ScriptedEndpoint(delayed(valid_replies, 0.7)) as endpoint:
        scripted.endpoints.save(Endpoint("Slow", base_url=endpoint.url, model="scripted-model", max_workers=1))
        scripted.endpoints.make_default("Slow")
        with app_page(browser, desk_server.url) as (page, watch):
            visit(page, desk_server, "tasks")
            page.get_by_text("Paste lines").click()
            page.get_by_placeholder("One task a line").fill("\n".join(f"Find {n} moons." for n in range(2, 14)))
            page.get_by_role("button", name="Read them").click()
            settled(page)
            page.get_by_role("button", name="Start run").click()
            expect(page.get_by_role("heading", name="Runs")).to_be_visible()
            address = page.url
            check_clean(page, watch)
        run = scripted.runs.all()[0]

        with app_page(browser, desk_server.url) as (page, watch):
            page.goto(address)
            expect(page.get_by_text(re.compile(r"^[1-9] of 12"))).to_be_visible(timeout=A_RUN)
            done = scripted.runs.progress(run.id).done
            os.kill(_pid(scripted, run.id), signal.SIGKILL)
            expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=30_000)
            expect(state_badge(page, "Interrupted")).to_be_visible()
            assert scripted.runs.progress(run.id).total == 12
            page.get_by_role("button", name="Resume").click()
            expect(state_badge(page, "Finished")).to_be_visible(timeout=A_RUN)
            check_clean(page, watch)
    progress = scripted.runs.progress(run.id)
    assert done > 0
    assert (progress.done, progress.failed, progress.pending) == (12, 0, 0)
    assert scripted.runs.get(run.id).state is RunState.FINISHED


def _pid(workspace: Workspace, run_id: str) -> int:
    with workspace.database.read() as connection:
        row = connection.execute(runs.select().where(runs.c.id == run_id)).mappings().one()
    return int(row["owner"]["pid"])

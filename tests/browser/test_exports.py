"""Datasets out and in, in real Chromium: files that are really downloaded, an upload, and the ways between pages."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow.parquet as parquet
from playwright.sync_api import Browser, Page, TimeoutError, expect

from dataflow_core.models import ReviewStatus
from dataflow_core.workspace import Workspace
from tests.browser.driver import AppServer, app_page, check_clean, fresh_workspace, settled, visit
from tests.browser.review_desk import painted

HARD = "Grüße 🎉 <b>\u2028=1+1</b>"


@contextmanager
def opened(browser: Browser, server: AppServer, path: str) -> Iterator[tuple[Page, Workspace]]:
    """A page of a workspace with 12 accepted dialogues, the first of which has no answer."""
    workspace = Workspace(fresh_workspace(server), create=True)
    turns = [{"role": "user", "value": HARD}, {"role": "assistant", "value": HARD}]
    for conversation in (turns[:1], *[turns] * 11):
        fields = {"category": "Planning", "conversation": conversation}
        record = workspace.review.add(fields, generator="ConsistentChatGenerator", author="Ada")
        workspace.review.decide({record.id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    with app_page(browser, server.url) as (page, watch):
        visit(page, server, path)
        yield page, workspace
        check_clean(page, watch)
    workspace.close()


def choose(page: Page, target: str, shape: str = "") -> None:
    page.get_by_test_id("stMain").get_by_role("radio", name=target, exact=True).click()
    settled(page)
    if shape:
        page.get_by_test_id("stRadio").get_by_text(shape, exact=True).click()
        settled(page)


def pick(page: Page, label: str, option: str) -> None:
    """Choose from a list, which closes where the page grows meanwhile."""
    box = page.get_by_role("combobox", name=label)
    for _ in range(5):
        box.click()
        with suppress(TimeoutError):
            page.get_by_role("option", name=option).click(timeout=2000)
            break
    expect(box).to_have_value(option)
    settled(page)


def download(page: Page, name: str) -> tuple[str, bytes]:
    with page.expect_download() as taken:
        page.get_by_role("link", name=re.compile(f"Download .*{name}")).click()
    return taken.value.suggested_filename, Path(taken.value.path()).read_bytes()


def export(page: Page, number: int) -> None:
    page.get_by_role("button", name=f"Export {number} records").click()
    expect(page.get_by_text(re.compile(f"^{number} records exported"))).to_be_visible()
    settled(page)


def test_files_of_each_kind_are_downloaded_whole(browser: Browser, desk_server: AppServer) -> None:
    with opened(browser, desk_server, "export") as (page, _):
        choose(page, "LLaMA-Factory", "ShareGPT")
        page.get_by_text("More options").click()
        pick(page, "Compression", "gzip (.gz)")
        export(page, 11)
        name, data = download(page, r"dialogues\.jsonl\.gz")
        rows = [json.loads(line) for line in gzip.decompress(data).decode().split("\n")[:-1]]
        assert name.endswith(".jsonl.gz")
        assert [turn["from"] for turn in rows[0]["conversations"]] == ["human", "gpt"]
        assert rows[-1]["conversations"][0]["value"] == HARD

        choose(page, "A table", "CSV")
        export(page, 12)
        cells = list(csv.reader(io.StringIO(download(page, r"dialogues\.csv")[1].decode("utf-8-sig"), newline="")))
        assert len(cells) == 13
        choose(page, "A table", "Parquet")
        export(page, 12)
        assert parquet.read_table(io.BytesIO(download(page, r"dialogues\.parquet")[1])).num_rows == 12

        page.get_by_role("button", name="Everything in one zip").click()
        archive = zipfile.ZipFile(io.BytesIO(download(page, r"\.zip")[1]))
        assert archive.testzip() is None
        names = {Path(one).name for one in archive.namelist()}
        assert {"manifest.json", "README.md"} <= names
        assert sum(one.endswith(".parquet") for one in names) == 1


def test_what_is_left_out_is_told_before_and_opens_in_review(browser: Browser, desk_server: AppServer) -> None:
    with opened(browser, desk_server, "export") as (page, workspace):
        choose(page, "OpenAI")
        expect(page.get_by_text("11 of 12 records will be used")).to_be_visible()
        page.get_by_test_id("stExpander").filter(has_text="left out").click()
        page.get_by_role("link", name="Record 1", exact=True).click()
        painted(page)
        expect(page.get_by_text(re.compile("^Record 1 · "))).to_be_visible()
        page.get_by_test_id("stSidebarNavLink").filter(has_text="Export").click()
        settled(page)
        expect(page.get_by_text("11 of 12 records will be used")).to_be_visible()  # the choice has stayed
        export(page, 11)
        name, data = download(page, "left_out")
        (left,) = [json.loads(line) for line in data.decode().splitlines()]
        assert name.endswith(".jsonl")
        assert workspace.records.page([1])[0].id in json.dumps(left)


def test_a_dataset_is_imported_reviewed_and_exported_as_it_came(
    browser: Browser, desk_server: AppServer, tmp_path: Path
) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"{HARD} {n}"}, {"role": "assistant", "content": f"Answer {n}"}]}
        for n in range(10)
    ]
    file = tmp_path / "größe.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n", encoding="utf-8")
    with opened(browser, desk_server, "import") as (page, _):
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(str(file))
        expect(page.get_by_role("heading", name="größe.jsonl")).to_be_visible()
        expect(page.get_by_role("button", name="Import 10 records")).to_be_disabled()
        page.get_by_text("Skip the bad one").click()
        page.get_by_role("button", name="Import 10 records").click()
        expect(page.get_by_role("heading", name="Review")).to_be_visible()
        settled(page)
        page.get_by_role("button", name="Accept", exact=True).click()
        expect(page.get_by_text("10 accepted", exact=True)).to_be_visible()
        run = re.search(r"run=(\w+)", page.url)
        assert run
        visit(page, desk_server, f"export?run={run[1]}")
        choose(page, "OpenAI")
        export(page, 10)
        _, data = download(page, r"dialogues\.jsonl")
        assert [json.loads(line) for line in data.decode().split("\n")[:-1]] == rows
        expect(page.locator("iframe, img[src^=http]")).to_have_count(0)

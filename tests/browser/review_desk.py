"""Review, one by one, as tests open it: a server with records nobody has decided, and a page on the first of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page

from dataflow_core.models import Fields, Record, ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.browser.driver import AppServer, app_page, check_clean, fresh_workspace, settled, visit

TASK, PARALLEL = "atom_task", "parallel_task"


@dataclass(frozen=True)
class Desk:
    """A server with records to review, and a page that is open on the first of them."""

    server: AppServer
    workspace: Workspace
    page: Page


@contextmanager
def desk(
    browser: Browser,
    server: AppServer,
    *,
    count: int = 12,
    dialogues: bool = False,
    prepare: Callable[[Page], None] = lambda page: None,
) -> Iterator[Desk]:
    workspace = fill(fresh_workspace(server), count, dialogues=dialogues)
    with app_page(browser, server.url) as (page, watch):
        prepare(page)
        visit(page, server, "review?view=focus" + ("&kind=Dialogues" if dialogues else ""))
        painted(page)
        yield Desk(server, workspace, page)
        check_clean(page, watch)
    workspace.close()


def fill(folder: Path, count: int, *, dialogues: bool = False) -> Workspace:
    """Records that nobody has decided, though they were added by hand."""
    workspace = Workspace(folder, create=True)
    for number in range(count):
        turns = [{"role": "user", "value": f"Question {number}?"}, {"role": "assistant", "value": "An answer to it."}]
        fields: Fields = {"category": "Planning", "conversation": turns} if dialogues else task(number)
        kind = "ConsistentChatGenerator" if dialogues else "ParaSeqTaskGenerator"
        record = workspace.review.add(fields, generator=kind, author="Ada")
        workspace.review.decide({record.id: 1}, ReviewStatus.UNREVIEWED, reviewer="Ada")
    return workspace


def task(number: int) -> Fields:
    return {
        TASK: f"Book table {number} at the restaurant.",
        PARALLEL: "Find out when the last train leaves.",
        "subsequent_task": "Tell the guests about the booking and the train.",
        "composition_task": f"Book table {number}, find out when the last train leaves and tell the guests about both.",
    }


def records_of(workspace: Workspace) -> list[Record]:
    return list(workspace.records.stream(Query()))


def painted(page: Page, *, other_than: str = "") -> str:
    """Wait until a record is on screen; returns its stamp."""
    page.wait_for_function("other => window.dataflowPainted && window.dataflowPainted !== other", arg=other_than)
    return str(page.evaluate("window.dataflowPainted"))


def press(page: Page, key: str) -> None:
    """Press a key that leads to another record, and wait for that."""
    before = painted(page)
    page.keyboard.press(key)
    painted(page, other_than=before)
    settled(page)


def as_saved(page: Page, workspace: Workspace, place: int = 0) -> None:
    """Wait until the record at the place is on screen at its present revision: till then keys decide nothing."""
    record = records_of(workspace)[place]
    until(lambda: painted(page).startswith(f"{record.id}:{record.revision}"), page)
    settled(page)


def text_area(page: Page, position: int = 0) -> Locator:
    return page.get_by_test_id("stMain").locator("textarea").nth(position)


def until(condition: Callable[[], bool], page: Page) -> None:
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(100)
    assert condition()

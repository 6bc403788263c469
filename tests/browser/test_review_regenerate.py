"""A model writes a record again: asked for with a note, compared word by word, taken or put away by key."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from dataflow_core.models import Endpoint, Record, ReviewStatus
from dataflow_core.storage.owner import is_alive
from dataflow_core.storage.schema import workers
from dataflow_core.workspace import Workspace
from tests.browser.accessibility import violations
from tests.browser.driver import AppServer, app_page, check_clean, fresh_workspace, settled, visit
from tests.browser.review_desk import PARALLEL, as_saved, fill, painted, press, records_of, text_area, until
from tests.scripted_endpoint import Reply, Request, ScriptedEndpoint

NOTE = "Make it about the first train"
LATE = 40_000  # milliseconds until a proposal is there, on a busy machine


@dataclass(frozen=True)
class Desk:
    workspace: Workspace
    page: Page
    url: str

    def first(self) -> Record:
        return records_of(self.workspace)[0]

    def ask(self, note: str, *, after: str = "") -> None:
        """`after` is a text of the first record to be saved and shown before: till then Enter is not heard."""
        expect(self.page.locator(".bar:not(.waiting)")).to_be_attached()
        self.page.keyboard.press("g")
        expect(self.page.get_by_label("What should be different?")).to_be_focused()
        self.page.keyboard.type(note)
        if after:
            until(lambda: after in self.first().fields.values(), self.page)
            as_saved(self.page, self.workspace)
        self.page.keyboard.press("Enter")

    @property
    def use(self) -> Locator:
        return self.page.get_by_role("button", name="Use this text")

    def presses(self, key: str, outcome: Callable[[], bool]) -> None:
        """Press the key once the bar hears it, and wait for what becomes of it."""
        expect(self.page.locator(".bar:not(.waiting)")).to_be_attached()
        if key in "yn":
            self.page.wait_for_function("(window.dataflowProposed || '').startsWith(window.dataflowPainted + '#')")
        settled(self.page)
        self.page.keyboard.press(key)
        until(outcome, self.page)
        settled(self.page)


def revised(request: Request) -> Reply:
    """What a model makes of the note: another parallel task, or other turns."""
    material: dict[str, Any] = json.loads(request["messages"][1]["content"].partition("\n\n")[0])
    if "rewrite" in material:
        return Reply(json.dumps({"turns": [f"A friendlier text {number}." for number in material["rewrite"]]}))
    texts = {name: material[name] for name in ("subsequent_task", "composition_task")}
    return Reply(json.dumps({PARALLEL: "Find out when the first train leaves.", **texts}))


def later(seconds: float) -> Callable[[Request], Reply]:
    return lambda request: Reply(revised(request).content, delay=seconds)


@contextmanager
def desk(
    browser: Browser, server: AppServer, script: Callable[[Request], Reply] = revised, *, dialogues: bool = False
) -> Iterator[Desk]:
    with ScriptedEndpoint(script) as endpoint:
        workspace = fill(fresh_workspace(server), 4, dialogues=dialogues)
        workspace.endpoints.save(Endpoint("Ours", base_url=endpoint.url, model="scripted-model"))
        with app_page(browser, server.url) as (page, watch):
            visit(page, server, "review?view=focus" + ("&kind=Dialogues" if dialogues else ""))
            painted(page)
            yield Desk(workspace, page, server.url)
            check_clean(page, watch)
        end_workers(workspace)
        workspace.close()


def end_workers(workspace: Workspace) -> None:
    with workspace.database.read() as connection:
        rows = connection.execute(workers.select()).mappings().all()
    for row in rows:
        if row["owner"] and is_alive(row["owner"], row["seen_at"]):
            os.kill(row["owner"]["pid"], signal.SIGTERM)


def test_a_new_text_is_asked_for_seen_taken_and_taken_back(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server, later(1.5)) as here:
        workspace, page = here.workspace, here.page
        workspace.review.decide({here.first().id: 1}, ReviewStatus.FLAGGED, reviewer="Ada")
        page.goto(f"{here.url}/review?record={here.first().id}")
        painted(page)
        settled(page)
        here.ask(NOTE)
        expect(page.get_by_text(f"Being written again: “{NOTE}”")).to_be_visible()
        here.use.wait_for(timeout=LATE)
        assert (here.first().revision, here.first().status) == (1, ReviewStatus.FLAGGED)
        expect(page.locator("del").first).to_have_text("last")
        expect(page.locator("ins").first).to_have_text("first")
        assert violations(page) == []
        here.presses("y", lambda: here.first().revision == 2)
        assert here.first().fields[PARALLEL] == "Find out when the first train leaves."
        assert here.first().status is ReviewStatus.UNREVIEWED
        expect(text_area(page, 1)).to_have_value("Find out when the first train leaves.")
        expect(here.use).to_have_count(0)
        page.get_by_role("radio", name="History").click()
        expect(page.get_by_text("regenerated it")).to_be_visible()
        expect(page.get_by_text("taken by reviewer")).to_be_visible()
        page.get_by_role("radio", name="Origin").click()
        expect(page.get_by_text("Written again by scripted-model")).to_be_visible()
        here.presses("u", lambda: here.first().fields[PARALLEL] == "Find out when the last train leaves.")
        assert here.first().status is ReviewStatus.FLAGGED
        here.use.wait_for()
        here.presses("n", lambda: not workspace.proposals.open_for(here.first().number))
        expect(here.use).to_have_count(0)
        assert here.first().fields[PARALLEL] == "Find out when the last train leaves."


def test_a_turn_of_a_dialogue_is_written_again_and_the_others_stay(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server, dialogues=True) as here:
        page = here.page
        page.get_by_role("group", name="Turn 2").hover()
        page.get_by_role("button", name="Regenerate this turn…").click()
        page.keyboard.type("friendlier")
        page.keyboard.press("Enter")
        here.use.wait_for(timeout=LATE)
        expect(page.get_by_role("group", name="Turn 2 · assistant")).to_contain_text("A friendlier text 2.")
        here.presses("y", lambda: here.first().revision == 2)
        assert [turn["value"] for turn in here.first().fields["conversation"]] == [
            "Question 0?",
            "A friendlier text 2.",
        ]


def test_what_is_typed_in_another_record_while_one_is_written_is_kept(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server, later(2.5)) as here:
        page = here.page
        here.ask("")
        expect(page.get_by_text("Being written again")).to_be_visible()
        press(page, "j")
        expect(page.get_by_text("1 other record is being written again")).to_be_visible()
        typed = "This is typed slowly while the other record is being written again, and it takes its time."
        text_area(page, 1).fill("")
        text_area(page, 1).press_sequentially(typed, delay=60)
        page.get_by_role("button", name="1 proposal waiting").wait_for(timeout=LATE)
        expect(text_area(page, 1)).to_be_focused()
        expect(text_area(page, 1)).to_have_value(typed)
        until(lambda: records_of(here.workspace)[1].fields[PARALLEL] == typed, page)
        page.keyboard.press("Escape")
        as_saved(page, here.workspace, 1)
        press(page, "k")
        here.presses("y", lambda: here.first().revision == 2)


def test_what_was_typed_before_g_is_saved_first_and_a_later_edit_is_never_overwritten(
    browser: Browser, desk_server: AppServer
) -> None:
    with desk(browser, desk_server, later(2.0)) as here:
        page = here.page
        text_area(page).fill("Typed before.")
        page.keyboard.press("Escape")
        here.ask("shorter", after="Typed before.")
        expect(page.get_by_text("Being written again: “shorter”")).to_be_visible()
        assert here.first().fields["atom_task"] == "Typed before."
        text_area(page, 2).fill("Typed meanwhile.")
        page.keyboard.press("Escape")
        put_away = page.get_by_role("button", name="Put it away")
        put_away.wait_for(timeout=LATE)
        expect(page.get_by_text("The record was changed after this was asked for")).to_be_visible()
        settled(page)
        assert violations(page) == []
        page.keyboard.press("y")
        expect(page.get_by_text("It was written for an earlier text")).to_be_visible()
        here.presses("n", lambda: not here.workspace.proposals.open_for(here.first().number))
        assert here.first().fields["subsequent_task"] == "Typed meanwhile."
        assert here.first().fields[PARALLEL] == "Find out when the last train leaves."


def test_a_failure_tells_why_and_what_the_model_said_and_can_be_tried_again(
    browser: Browser, desk_server: AppServer
) -> None:
    answers = {"is_good": False}

    def script(request: Request) -> Reply:
        return revised(request) if answers["is_good"] else Reply("I would rather not, {sorry")

    with desk(browser, desk_server, script) as here:
        page = here.page
        here.ask("shorter")
        page.get_by_text("Not written again: “shorter”").wait_for(timeout=LATE)
        page.get_by_text("What the model answered").click()
        expect(page.get_by_text("I would rather not, {sorry")).to_be_visible()
        assert violations(page) == []
        answers["is_good"] = True
        page.get_by_role("button", name="Try again").click()
        here.use.wait_for(timeout=LATE)
        expect(page.get_by_text("Not written again")).to_have_count(0)


def test_proposals_that_wait_are_gone_through_one_by_one(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server) as here:
        page, workspace = here.page, here.workspace
        for _ in range(2):
            here.ask("")
            here.use.wait_for(timeout=LATE)
            settled(page)
            press(page, "j")
        link = page.get_by_role("button", name="2 proposals waiting")
        link.click()
        painted(page)
        expect(page.get_by_text("1 of 2").first).to_be_visible()
        here.use.wait_for()
        before = painted(page)
        here.presses("y", lambda: here.first().revision == 2)
        painted(page, other_than=before)
        expect(page.get_by_text("2 of 2").first).to_be_visible()
        here.use.wait_for()
        here.presses("n", lambda: not workspace.proposals.waiting())
        expect(page.get_by_text("That was the last record of this queue.")).to_be_visible()
        assert [record.revision for record in records_of(workspace)] == [2, 1, 1, 1]


def test_what_is_being_written_can_be_stopped(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server, later(20.0)) as here:
        here.ask("longer")
        expect(here.page.get_by_text("Being written again: “longer”")).to_be_visible()
        here.page.get_by_role("button", name="Stop").click()
        expect(here.page.get_by_text("Being written again")).to_have_count(0, timeout=LATE)
        expect(here.page.get_by_text("Stopping")).to_have_count(0, timeout=LATE)
        expect(here.page.get_by_text("Not written again")).to_have_count(0)
        assert here.workspace.proposals.open_for(here.first().number) == []

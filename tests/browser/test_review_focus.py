"""One by one: keys decide what is on screen and nothing else, and what is typed is never lost."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, WebSocketRoute, expect

from dataflow_core.models import Record, ReviewStatus
from tests.browser.driver import AppServer, app_page, app_server, disconnected, free_port, reconnected, settled, visit
from tests.browser.review_desk import PARALLEL, TASK, as_saved, desk, fill, painted, press, records_of, text_area, until


def test_a_key_decides_the_record_on_screen_and_the_next_one_comes(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server) as here:
        for key in ("a", "x", "f", "3"):
            press(here.page, key)
        found = [(record.status.value, record.reason) for record in records_of(here.workspace)[:5]]
        reason = here.workspace.preferences.reasons()[2]
        assert found == [("accepted", ""), ("rejected", ""), ("flagged", ""), ("rejected", reason), ("unreviewed", "")]
        expect(here.page.get_by_text("4 done · 8 left")).to_be_visible()
        press(here.page, "u")
        press(here.page, "k")
        assert records_of(here.workspace)[3].status is ReviewStatus.UNREVIEWED


def test_keys_pressed_faster_than_records_are_drawn_decide_none_unseen(
    browser: Browser, desk_server: AppServer
) -> None:
    with desk(browser, desk_server) as here:
        here.page.evaluate("""() => {
            window.seen = new Set([window.dataflowPainted]);
            window.addEventListener('dataflow-painted', (event) => window.seen.add(event.detail));
        }""")
        for _ in range(40):
            here.page.keyboard.press("a")
            here.page.wait_for_timeout(15)
        settled(here.page)
        here.page.wait_for_timeout(500)
        seen = {stamp.partition(":")[0] for stamp in here.page.evaluate("[...window.seen]")}
        decided = {record.id for record in records_of(here.workspace) if record.status is ReviewStatus.ACCEPTED}
        assert decided
        assert decided <= seen


def test_letters_typed_in_a_text_are_text(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server) as here:
        here.page.keyboard.press("e")
        here.page.keyboard.press("End")
        here.page.keyboard.type(" A flax jug, 123?", delay=5)
        until(lambda: records_of(here.workspace)[0].fields[TASK].endswith("A flax jug, 123?"), here.page)
        assert {record.status for record in records_of(here.workspace)} == {ReviewStatus.UNREVIEWED}
        here.page.keyboard.press("Escape")
        settled(here.page)  # what was saved is another stamp of the same record
        press(here.page, "a")
        first = records_of(here.workspace)[0]
        assert first.status is ReviewStatus.ACCEPTED
        assert first.fields[TASK] == "Book table 0 at the restaurant. A flax jug, 123?"


def test_an_edit_followed_at_once_by_a_key_is_saved_before_the_decision(
    browser: Browser, desk_server: AppServer
) -> None:
    with desk(browser, desk_server) as here:
        before = painted(here.page)
        text_area(here.page, 1).fill("Ask when the last bus goes.")
        here.page.keyboard.press("Escape")
        here.page.keyboard.press("x")
        here.page.wait_for_timeout(1_000)
        settled(here.page)
        if painted(here.page).partition(":")[0] == before.partition(":")[0]:  # the key came before the edit was drawn
            press(here.page, "x")
        first, *others = records_of(here.workspace)
        assert (first.fields[PARALLEL], first.status) == ("Ask when the last bus goes.", ReviewStatus.REJECTED)
        assert {record.revision for record in others} == {1}


def test_an_edit_followed_at_once_by_another_screen_or_view_is_kept(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server) as here:
        text_area(here.page).fill("Left for the table.")
        here.page.keyboard.press("Escape")
        here.page.keyboard.press("t")
        expect(here.page.get_by_role("button", name="One by one")).to_be_visible()
        until(lambda: records_of(here.workspace)[0].fields[TASK] == "Left for the table.", here.page)
        settled(here.page)
        here.page.keyboard.press("t")
        painted(here.page)
        text_area(here.page).fill("Left for Home.")
        here.page.get_by_test_id("stSidebarNavLink").filter(has_text="Home").click()
        expect(here.page.get_by_role("heading", name="Home")).to_be_visible()
        until(lambda: records_of(here.workspace)[0].fields[TASK] == "Left for Home.", here.page)


@pytest.mark.parametrize("leaves", [False, True], ids=["staying", "leaving"])
@pytest.mark.parametrize("dialogues", [False, True], ids=["task", "dialogue"])
def test_an_edit_that_is_lost_on_its_way_is_sent_again(
    browser: Browser, desk_server: AppServer, leaves: bool, dialogues: bool
) -> None:
    lost: list[bytes] = []

    def lose_the_first(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            if isinstance(message, bytes) and b"Typed in vain?" in message and not lost:
                lost.append(message)
            else:
                server.send(message)

        route.on_message(pass_on)

    with desk(
        browser, desk_server, dialogues=dialogues, prepare=lambda page: page.route_web_socket("**", lose_the_first)
    ) as here:
        text_area(here.page).fill("Typed in vain?")
        if leaves:
            here.page.get_by_test_id("stSidebarNavLink").filter(has_text="Home").click()
            expect(here.page.get_by_role("heading", name="Home")).to_be_visible()
        until(lambda: "Typed in vain?" in json.dumps(records_of(here.workspace)[0].fields), here.page)
        assert lost
        assert records_of(here.workspace)[0].revision == 2


def test_what_two_people_type_into_one_text_is_shown_side_by_side(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server) as here, app_page(browser, here.server.url) as (other, _):
        visit(other, here.server, "review?view=focus")
        painted(other)
        text_area(other).fill("Theirs.")
        until(lambda: records_of(here.workspace)[0].fields[TASK] == "Theirs.", other)
        text_area(here.page).fill("Mine.")
        expect(here.page.get_by_text("was changed by someone else while you were editing it")).to_be_visible()
        expect(here.page.get_by_text("Theirs.").first).to_be_visible()
        assert records_of(here.workspace)[0].fields[TASK] == "Theirs."
        settled(here.page)  # what is still being drawn would move the button away from the pointer
        here.page.get_by_role("button", name="Keep mine").click()
        until(lambda: records_of(here.workspace)[0].fields[TASK] == "Mine.", here.page)


def test_typing_goes_on_over_a_restart_of_the_server(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    with app_page(browser, f"http://127.0.0.1:{port}") as (page, _):
        with app_server(tmp_path, port=port) as server:
            workspace = fill(server.home / "default", 3)
            visit(page, server, "review?view=focus")
            painted(page)
            text_area(page).fill("Before the restart.")
            until(lambda: records_of(workspace)[0].fields[TASK] == "Before the restart.", page)
        disconnected(page)
        with app_server(tmp_path, port=port):
            reconnected(page)
            text_area(page).fill("Before the restart. And after it.")
            text_area(page, 1).fill("Only after the restart.")
            expected = ["Before the restart. And after it.", "Only after the restart."]
            until(lambda: list(records_of(workspace)[0].fields.values())[:2] == expected, page)
            expect(page.get_by_text("was changed by someone else")).to_have_count(0)
        workspace.close()


def turns_of(record: Record) -> list[str]:
    return [turn["value"] for turn in record.fields["conversation"]]


def test_turns_of_a_dialogue_are_edited_and_the_dialogue_decided(browser: Browser, desk_server: AppServer) -> None:
    with desk(browser, desk_server, dialogues=True) as here:
        text_area(here.page, 1).fill("A better answer.")
        here.page.keyboard.press("Control+Enter")
        here.page.keyboard.type("And then?")
        expected = ["Question 0?", "A better answer.", "And then?"]
        until(lambda: turns_of(records_of(here.workspace)[0]) == expected, here.page)
        expect(here.page.get_by_text(re.compile("end", re.IGNORECASE)).first).to_be_visible()
        here.page.keyboard.press("Escape")
        as_saved(here.page, here.workspace)
        press(here.page, "f")
        first = records_of(here.workspace)[0]
        assert (turns_of(first), first.status) == (expected, ReviewStatus.FLAGGED)

"""The decision bar: a press decides what was on screen when it was made, once, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import streamlit as st
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.driver import AppServer, app_page, app_server, check_clean, settled, visit
from ui.review.components.decision_bar import Press, pressed


@pytest.fixture(scope="module")
def bar_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    folder = tmp_path_factory.mktemp("presses")
    script = Path(__file__).with_name("decision_bar_app.py")
    with app_server(folder, script=script, environment={"PRESSES": str(folder)}) as running:
        yield running


@dataclass(frozen=True)
class Desk:
    """A page with the bar, and what its server was sent."""

    page: Page
    log: Path

    @property
    def bar(self) -> Locator:
        return self.page.get_by_role("region", name="Decision")

    @property
    def message(self) -> Locator:
        return self.bar.get_by_role("status")

    def sent(self) -> list[list[str]]:
        """Stamp, action, reason and note of each press, and the stamp that the server had then."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines]

    def actions(self) -> list[list[str]]:
        return [press[:2] for press in self.sent()]

    def waits_for(self, stamp: str) -> None:
        """Until the record is drawn and the bar listens again."""
        self.page.wait_for_function("stamp => window.dataflowPainted === stamp", arg=stamp)
        expect(self.page.locator(".bar:not(.waiting)")).to_be_attached()
        settled(self.page)

    def presses(self, key: str, then: str) -> None:
        self.page.keyboard.press(key)
        self.waits_for(then)


@contextmanager
def opened(
    browser: Browser, server: AppServer, name: str, query: str = "", *, width: int = 1280, dark: bool = False
) -> Iterator[Desk]:
    with app_page(browser, server.url, width=width, dark=dark) as (page, watch):
        visit(page, server, f"?log={name}&{query}")
        desk = Desk(page, server.home.parent / f"{name}.jsonl")
        desk.waits_for("0.0")
        yield desk
        check_clean(page, watch)


@pytest.fixture
def desk(browser: Browser, bar_server: AppServer, request: pytest.FixtureRequest) -> Iterator[Desk]:
    with opened(browser, bar_server, request.node.name) as made:
        yield made


def test_thirty_quick_presses_decide_only_records_that_were_on_screen(browser: Browser, bar_server: AppServer) -> None:
    with opened(browser, bar_server, "quick", "late=300") as desk:
        desk.page.evaluate(
            """() => {
                window.heard = [];
                const look = (event) => window.heard.push(window.dataflowPainted);
                window.addEventListener('keydown', look, true);
            }"""
        )
        for _ in range(30):
            desk.page.keyboard.press("a")
            desk.page.wait_for_timeout(20)
        expect(desk.page.locator(".bar:not(.waiting)")).to_be_attached()
        settled(desk.page)
        decided = len(desk.sent())
        heard = desk.page.evaluate("window.heard")
        # In order, each once, each what the server had open, and drawn when one of the keys was pressed.
        assert desk.sent() == [[f"{n}.0", "accept", "", "", f"{n}.0"] for n in range(decided)]
        assert {press[0] for press in desk.sent()} <= set(heard)
        assert 1 <= decided < len(heard) == 30
        desk.page.wait_for_timeout(500)
        assert len(desk.sent()) == decided, "A press had waited in a queue."
        desk.presses("a", f"{decided + 1}.0")


def test_a_press_too_early_is_seen_to_be_ignored(browser: Browser, bar_server: AppServer) -> None:
    with opened(browser, bar_server, "early", "late=600") as desk:
        desk.bar.evaluate(
            """(bar) => {
                window.seen = new Set();
                const look = () => window.seen.add(`${bar.classList.contains('ignored')} ${bar.innerText}`);
                new MutationObserver(look).observe(bar, { subtree: true, childList: true, attributes: true });
            }"""
        )
        desk.page.keyboard.press("a")
        desk.page.keyboard.press("x")
        desk.waits_for("1.0")
        seen = desk.page.evaluate("[...window.seen]")
        assert any(look.startswith("true") and "One moment…" in look for look in seen), seen
        assert desk.actions() == [["0.0", "accept"]]


def test_a_note_that_is_sent_too_early_goes_off_once_its_text_is_painted(desk: Desk) -> None:
    desk.page.keyboard.press("g")
    desk.page.keyboard.type("Shorter.")
    desk.page.evaluate("window.dataflowPainted = 'a text of before'")
    desk.page.keyboard.press("Enter")
    expect(desk.message).to_have_text("One moment… The note is sent then")
    assert desk.sent() == []
    desk.page.evaluate(
        "window.dataflowPainted = '0.0'; window.dispatchEvent(new CustomEvent('dataflow-painted', { detail: '0.0' }))"
    )
    desk.waits_for("0.1")
    assert desk.sent() == [["0.0", "regenerate", "", "Shorter.", "0.0"]]


def test_each_key_sends_its_action_with_what_was_on_screen(desk: Desk) -> None:
    for key, then in [("a", "1.0"), ("X", "2.0"), ("f", "3.0"), ("k", "2.0"), ("j", "3.0"), ("u", "2.0"), ("t", "2.0")]:
        desk.presses(key, then)
    assert desk.actions() == [
        ["0.0", "accept"],
        ["1.0", "reject"],
        ["2.0", "flag"],
        ["3.0", "previous"],
        ["2.0", "next"],
        ["3.0", "undo"],
        ["2.0", "table"],
    ]


def test_the_bar_listens_again_when_a_press_was_answered_without_another_record(desk: Desk) -> None:
    desk.presses("t", "0.0")
    desk.presses("t", "0.0")
    desk.presses("a", "1.0")
    assert desk.actions() == [["0.0", "table"], ["0.0", "table"], ["0.0", "accept"]]


def test_a_digit_rejects_with_the_reason_of_that_number(desk: Desk) -> None:
    desk.presses("2", "1.0")
    desk.presses("3", "2.0")
    desk.page.keyboard.press("9")
    expect(desk.message).to_have_text("There is no reason 9")
    desk.bar.get_by_role("button", name="Reject: Too short").click()
    desk.waits_for("3.0")
    assert [press[1:3] for press in desk.sent()] == [
        ["reject", "Wrong facts"],
        ["reject", "Not <b>parallel</b>"],
        ["reject", "Too short"],
    ]


def test_letters_typed_in_a_field_decide_nothing(desk: Desk) -> None:
    field = desk.page.get_by_label("Comment")
    field.click()
    desk.page.keyboard.type("a x f 1 j ?")
    expect(field).to_have_value("a x f 1 j ?")
    desk.page.get_by_label("First field").click()  # inside another component
    desk.page.keyboard.type("a x f")
    settled(desk.page)
    assert desk.sent() == []


def test_keys_held_down_or_pressed_with_ctrl_do_nothing(desk: Desk) -> None:
    desk.page.evaluate(
        """() => {
            const press = (options) => document.body.dispatchEvent(
                new KeyboardEvent('keydown', { key: 'a', code: 'KeyA', bubbles: true, composed: true, ...options }));
            for (const options of [{ repeat: true }, { ctrlKey: true }, { metaKey: true }, { altKey: true }])
                press(options);
        }"""
    )
    desk.page.keyboard.down("a")
    desk.waits_for("1.0")
    for _ in range(5):
        desk.page.keyboard.down("a")  # without an up between, a repetition
    desk.page.keyboard.up("a")
    desk.page.wait_for_timeout(300)
    assert desk.actions() == [["0.0", "accept"]]


def test_a_held_key_does_not_write_into_the_field_that_it_opens(desk: Desk) -> None:
    for key, field in (("g", "What should be different?"), ("e", "First field")):
        desk.page.keyboard.down(key)
        opened_field = desk.page.get_by_label(field)
        expect(opened_field).to_be_focused()
        for _ in range(3):
            desk.page.keyboard.down(key)
        desk.page.keyboard.up(key)
        expect(opened_field).to_have_value("")
        desk.page.keyboard.type("egg")
        expect(opened_field).to_have_value("egg")
        desk.page.keyboard.press("Escape")
    assert desk.sent() == []


@pytest.mark.parametrize("query", ["dialog=1", ""])
def test_keys_rest_under_a_dialog_or_an_open_popover(browser: Browser, bar_server: AppServer, query: str) -> None:
    with opened(browser, bar_server, f"covered-{query}", query) as desk:
        if not query:
            desk.page.get_by_role("button", name="More").click()
        expect(desk.page.get_by_text("Nothing is decided")).to_be_visible()
        desk.page.locator("body").press("a")
        desk.page.wait_for_timeout(200)
        assert desk.sent() == []


def test_another_script_s_keyboard_decides_by_the_place_of_the_key(desk: Desk) -> None:
    def press(key: str, code: str) -> None:
        desk.page.evaluate(
            """([key, code]) => document.body.dispatchEvent(
                new KeyboardEvent('keydown', { key, code, bubbles: true, composed: true }))""",
            [key, code],
        )

    press("ф", "KeyA")
    desk.waits_for("1.0")
    press("ч", "KeyX")
    desk.waits_for("2.0")
    press("é", "Digit2")  # a French keyboard's digit without Shift
    desk.waits_for("3.0")
    press("q", "KeyA")  # a French Q: a Latin letter is what it says
    desk.page.wait_for_timeout(200)
    assert [press[1:3] for press in desk.sent()] == [["accept", ""], ["reject", ""], ["reject", "Wrong facts"]]


def test_g_asks_for_a_note_and_sends_it(desk: Desk) -> None:
    note = desk.page.get_by_label("What should be different?")
    desk.page.keyboard.press("g")
    desk.page.keyboard.type("never mind")
    desk.page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    desk.page.keyboard.press("g")
    expect(note).to_have_value("")
    desk.page.keyboard.type("shorter, a friendlier tone")
    desk.page.keyboard.press("Enter")
    desk.waits_for("0.1")
    expect(note).to_be_hidden()
    desk.page.keyboard.press("g")
    desk.page.keyboard.press("Enter")
    desk.waits_for("0.2")
    desk.presses("a", "1.0")
    assert [press[:4] for press in desk.sent()] == [
        ["0.0", "regenerate", "", "shorter, a friendlier tone"],
        ["0.1", "regenerate", "", ""],
        ["0.2", "accept", "", ""],
    ]


def test_a_note_written_before_the_record_is_drawn_is_sent_once_it_is(browser: Browser, bar_server: AppServer) -> None:
    with app_page(browser, bar_server.url) as (page, watch):
        page.goto(f"{bar_server.url}/?log=note-early&late=2500")
        desk = Desk(page, bar_server.home.parent / "note-early.jsonl")
        expect(desk.bar.get_by_role("button", name="Accept")).to_be_enabled()
        page.keyboard.press("g")
        page.keyboard.type("shorter")
        page.keyboard.press("Enter")
        expect(desk.message).to_have_text("One moment… The note is sent then")
        assert desk.sent() == []
        desk.waits_for("0.1")
        assert [press[:4] for press in desk.sent()] == [["0.0", "regenerate", "", "shorter"]]
        check_clean(page, watch)


def test_e_leads_into_the_first_field(desk: Desk) -> None:
    desk.page.keyboard.press("e")
    field = desk.page.get_by_label("First field")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    assert desk.sent() == []


def test_a_question_mark_shows_the_keys_until_esc(desk: Desk) -> None:
    keys = desk.page.get_by_role("dialog", name="Keys")
    desk.page.keyboard.press("?")
    expect(keys).to_be_visible()
    expect(keys).to_contain_text("Not <b>parallel</b>")
    desk.page.keyboard.press("a")
    desk.page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    desk.page.keyboard.press("?")
    expect(keys).to_be_visible()
    desk.page.keyboard.press("?")
    expect(keys).to_be_hidden()
    assert desk.sent() == []
    desk.presses("a", "1.0")


def test_the_buttons_show_the_status_and_what_can_be_done(desk: Desk) -> None:
    undo = desk.bar.get_by_role("button", name="Undo")
    expect(undo).to_be_disabled()
    expect(desk.bar.get_by_role("button", name="Previous")).to_be_disabled()
    desk.page.keyboard.press("u")
    expect(desk.message).to_have_text("Nothing to undo")
    desk.bar.get_by_role("button", name="Flag").click()
    desk.waits_for("1.0")
    expect(undo).to_have_attribute("title", "Undo the decision on record 1")
    desk.presses("k", "0.0")
    expect(desk.bar.get_by_role("button", name="Flag")).to_have_attribute("aria-pressed", "true")
    expect(desk.bar.get_by_role("button", name="Accept")).to_have_attribute("aria-pressed", "false")


def test_nothing_is_decided_while_the_record_is_closed_to_it(browser: Browser, bar_server: AppServer) -> None:
    with opened(browser, bar_server, "closed", "closed=1") as desk:
        expect(desk.bar.get_by_role("button", name="Accept")).to_be_disabled()
        for key in "axfg1":
            desk.page.keyboard.press(key)
        expect(desk.message).to_have_text("Nothing to decide now")
        desk.presses("j", "1.0")
        assert desk.actions() == [["0.0", "next"]]


def test_a_server_that_does_not_answer_is_named_and_heard_when_it_is_back(
    browser: Browser, bar_server: AppServer
) -> None:
    with opened(browser, bar_server, "mute", "mute=1") as desk:
        desk.page.clock.install()
        desk.page.keyboard.press("t")
        expect(desk.page.get_by_text("1 presses")).to_be_visible()
        settled(desk.page)
        desk.page.keyboard.press("a")
        expect(desk.message).to_have_text("One moment… Accept was not taken")
        desk.page.clock.fast_forward(10_500)
        expect(desk.message).to_contain_text("The server does not answer")
        desk.page.keyboard.press("a")
        expect(desk.message).to_contain_text("The server does not answer")
        desk.page.get_by_role("button", name="Run again").click()
        expect(desk.message).to_have_text("")
        desk.presses("a", "1.0")
        assert desk.actions() == [["0.0", "table"], ["0.0", "accept"]]


def test_on_a_phone_the_reasons_unfold_and_the_buttons_are_large(browser: Browser, bar_server: AppServer) -> None:
    with opened(browser, bar_server, "phone", width=390) as desk:
        reason = desk.bar.get_by_role("button", name="Reject: Too short")
        expect(reason).to_be_hidden()
        sizes = desk.bar.locator(".buttons button:visible").evaluate_all("all => all.map(one => one.offsetHeight)")
        assert min(sizes) >= 44
        assert desk.page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        desk.bar.get_by_role("button", name="Reasons").click()
        reason.click()
        desk.waits_for("1.0")
        expect(reason).to_be_hidden()
        assert [press[1:3] for press in desk.sent()] == [["reject", "Too short"]]


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        ({"action": "accept", "stamp": "7.1"}, Press("accept", "7.1")),
        ({"action": "reject", "stamp": "7.1", "reason": "x\ud83d", "note": ""}, Press("reject", "7.1", "x?")),
        ({"action": "delete", "stamp": "7.1"}, None),
        ({"action": ["accept"], "stamp": "7.1"}, None),
        ({"action": "accept", "stamp": 7}, None),
        ({"action": "regenerate", "stamp": "7.1", "note": "x" * 2_001}, None),
        ("accept", None),
        (None, None),
    ],
)
def test_what_no_bar_would_send_is_no_press(
    monkeypatch: pytest.MonkeyPatch, sent: object, understood: Press | None
) -> None:
    monkeypatch.setattr(st, "session_state", {"bar": {"press": sent}})
    assert pressed("bar") == understood
    assert pressed("another") is None


# -- a proposed text


def test_a_proposal_is_decided_only_once_it_was_painted(browser: Browser, bar_server: AppServer) -> None:
    with opened(browser, bar_server, "proposal", "proposal=900") as desk:
        desk.page.keyboard.press("y")
        expect(desk.message).to_have_text("One moment… Use was not taken")
        desk.page.wait_for_function("window.dataflowProposed === '0.0#7'")
        assert desk.sent() == []
        desk.presses("y", "0.0")
        assert desk.actions() == [["0.0#7", "take"]]
        desk.page.keyboard.press("y")
        expect(desk.message).to_have_text("No other text is proposed")
        desk.presses("a", "1.0")
        assert desk.actions() == [["0.0#7", "take"], ["0.0", "accept"]]


def test_a_button_beside_the_bar_presses_like_its_key(browser: Browser, bar_server: AppServer) -> None:
    with opened(browser, bar_server, "beside", "proposal=0") as desk:
        desk.page.wait_for_function("window.dataflowProposed === '0.0#7'")
        desk.page.get_by_role("button", name="Use it").click()
        expect(desk.page.get_by_role("button", name="Use it")).to_have_count(0)
        assert desk.actions() == [["0.0#7", "take"]]


def test_an_outdated_proposal_can_only_be_put_away(browser: Browser, bar_server: AppServer) -> None:
    with opened(browser, bar_server, "outdated", "proposal=0&outdated=1") as desk:
        desk.page.wait_for_function("window.dataflowProposed === '0.0#7'")
        desk.page.keyboard.press("y")
        expect(desk.message).to_contain_text("It was written for an earlier text")
        desk.presses("n", "0.0")
        assert desk.actions() == [["0.0#7", "keep"]]


def test_only_keys_that_do_something_now_are_explained(browser: Browser, bar_server: AppServer) -> None:
    explained = {"proposal=0": (1, 1, 1), "proposal=0&outdated=1": (1, 0, 1), "fixed=1": (0, 0, 0), "": (1, 0, 0)}
    meanings = ("Regenerate", "Use the proposed text", "Keep the present text")
    for place, (query, expected) in enumerate(explained.items()):
        with opened(browser, bar_server, f"explained-{place}", query) as desk:
            desk.page.keyboard.press("?")
            keys = desk.page.get_by_role("dialog", name="Keys")
            expect(keys).to_be_visible()
            counts = tuple(keys.get_by_text(meaning, exact=True).count() for meaning in meanings)
            assert counts == expected, query


def test_the_note_says_what_will_write_it(desk: Desk) -> None:
    desk.page.keyboard.press("g")
    expect(desk.bar.get_by_text("A model writes it.")).to_be_visible()

"""The relation card in Chromium: every edit arrives, under the record and the field it was made in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.driver import AppServer, Watch, app_page, app_server, check_clean, visit

TASK = "Compare the annual fees, cash-back rates and foreign transaction costs of three student credit cards."
PARALLEL = "Find out which documents a foreign student needs to open a bank account in Germany."
SUBSEQUENT = (
    "Pick the card that fits a student from abroad best, and list the papers to bring to the first appointment."
)
COMPOSITION = (
    "I am moving to Germany to study. Compare the fees, cash back and foreign transaction costs of three student "
    "credit cards, find out which documents I need to open an account there, and then tell me which card fits me best "
    "and what to bring to the appointment."
)


@dataclass
class Card:
    """The page with the card on it, and the folder that steers it."""

    page: Page
    folder: Path

    def show(self, document: str, fields: list[dict[str, Any]], *, stamp: str = "", **more: Any) -> None:
        """Have the page show this and wait until it says that it does, if it is to show anything."""
        self.tell(document, fields, stamp=stamp, **more)
        if fields:
            self.page.wait_for_function("stamp => window.dataflowPainted === stamp", arg=stamp or document)

    def tell(self, document: str, fields: list[dict[str, Any]], *, stamp: str = "", **more: Any) -> None:
        shown = {"document": document, "stamp": stamp or document, "fields": fields, **more}
        fresh = self.folder / "fresh.json"
        fresh.write_text(json.dumps(shown), encoding="utf-8")
        fresh.replace(self.folder / "shown.json")

    def stop_autosave(self) -> None:
        """Have the pause after which a text is saved last forever: what arrives was sent for another reason."""
        self.page.evaluate(
            "() => { const real = setTimeout; window.setTimeout = (act, ms) => (ms === 400 ? -1 : real(act, ms)); }"
        )

    def text(self, label: str) -> Locator:
        return self.page.get_by_label(label)

    def log(self) -> list[dict[str, Any]]:
        path = self.folder / "log.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def told(self) -> dict[str, dict[str, str]]:
        """The last texts of each document that the server was told, by field."""
        return {document: texts for line in self.log() for document, texts in line["edits"]}

    def wait_until_told(self, document: str, **texts: str) -> None:
        deadline = time.monotonic() + 10
        while self.told().get(document) != texts:
            assert time.monotonic() < deadline, self.log()[-3:]
            self.page.wait_for_timeout(20)


def relation_fields(suffix: str = "") -> list[dict[str, Any]]:
    return [
        {"name": "domain", "text": "finance", "role": "other"},
        {"name": "atom_task", "text": TASK + suffix, "role": "atomic"},
        {"name": "parallel_task", "text": PARALLEL + suffix, "role": "parallel"},
        {"name": "subsequent_task", "text": SUBSEQUENT + suffix, "role": "subsequent"},
        {"name": "composition_task", "text": COMPOSITION + suffix, "role": "composition"},
    ]


def painted(page: Page) -> list[str]:
    stamps: list[str] = page.evaluate("window.stamps")
    return stamps


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("relation_card")


@pytest.fixture(scope="module")
def card_server(folder: Path) -> Iterator[AppServer]:
    Card(None, folder).tell("", [])  # type: ignore[arg-type]
    script = Path(__file__).with_name("relation_card_app.py")
    with app_server(folder / "app", script=script, environment={"RELATION_CARD": str(folder)}) as running:
        yield running


@pytest.fixture
def card_page(browser: Browser, card_server: AppServer) -> Iterator[tuple[Page, Watch]]:
    with app_page(browser, card_server.url) as (page, watch):
        page.add_init_script(
            "window.stamps = []; addEventListener('dataflow-painted', (event) => window.stamps.push(event.detail));"
        )
        yield page, watch


@pytest.fixture
def card(card_page: tuple[Page, Watch], card_server: AppServer, folder: Path) -> Iterator[Card]:
    page, watch = card_page
    (folder / "log.jsonl").unlink(missing_ok=True)
    opened = Card(page, folder)
    opened.tell("one", relation_fields())
    visit(page, card_server)
    opened.text("Atomic").wait_for()
    yield opened
    check_clean(page, watch)


def test_an_edit_is_with_the_server_half_a_second_after_the_last_key(card: Card) -> None:
    delays = []
    for number, (label, name) in enumerate(
        [
            ("Atomic", "atom_task"),
            ("Parallel", "parallel_task"),
            ("domain", "domain"),
            ("Composition", "composition_task"),
        ]
    ):
        card.show(f"record {number}", relation_fields())
        card.text(label).press_sequentially("More. ")
        last_key = time.time()
        told = card.text(label).input_value()
        assert told.startswith("More. ") or told.endswith("More. ")
        card.wait_until_told(f"record {number}", **{name: told})
        delays.append(card.log()[-1]["at"] - last_key)
    assert min(delays) <= 0.5  # the others may have waited for a busy machine


def test_leaving_a_text_and_ctrl_enter_save_at_once(card: Card) -> None:
    card.stop_autosave()
    text = card.text("Subsequent")
    for key, expected in (("Escape", "a"), ("Control+Enter", "ab"), ("Tab", "abc")):
        text.focus()
        text.fill(expected)
        assert card.told().get("one", {}).get("subsequent_task") != expected
        text.press(key)
        card.wait_until_told("one", subsequent_task=expected)


def test_only_what_was_touched_is_told_and_a_text_put_back_is_told_too(card: Card) -> None:
    card.text("Parallel").fill("Something else")
    card.wait_until_told("one", parallel_task="Something else")
    card.text("Parallel").fill(PARALLEL)
    card.wait_until_told("one", parallel_task=PARALLEL)
    line = card.log()[-1]
    assert line["edited"] == ["one", {"parallel_task": PARALLEL}]
    assert line["texts"] == {"parallel_task": PARALLEL}


def test_markup_in_a_record_stays_text(card: Card) -> None:
    markup = (
        '<img src="https://example.com/x.png" onerror="document.title=1"><script>alert(1)</script> **b** </textarea>'
    )
    fields = [
        {"name": name, "text": markup, "role": role, "findings": [markup], "stale": markup}
        for name, role in [("a", "atomic"), ("b", "parallel"), ("c", "subsequent"), (markup, "other")]
    ]
    card.show("markup", fields)
    root = card.page.locator(".record")
    assert root.locator("img, script").count() == 0
    assert [area.input_value() for area in root.locator("textarea").all()] == [markup] * 4
    assert root.locator("li").all_inner_texts() == [markup] * 4


def test_findings_come_and_go_around_the_caret(card: Card) -> None:
    text = card.text("Parallel")
    text.evaluate("area => { area.focus(); area.setSelectionRange(5, 5); area.mark = 'same'; }")
    fields = relation_fields()
    fields[2] |= {"findings": ["It repeats the task."], "changed": True}
    fields[4] |= {"stale": "The parallel task was changed after this was written."}
    card.show("one", fields, stamp="one, checked")
    expect(card.page.get_by_text("It repeats the task.")).to_be_visible()
    expect(card.page.get_by_text("Maybe stale").and_(card.page.locator(":visible"))).to_have_count(1)
    expect(card.page.get_by_title("The parallel task was changed after this was written.")).to_be_visible()
    expect(card.page.get_by_role("img", name="Edited")).to_have_count(1)
    card.page.keyboard.type("X")
    assert text.evaluate("area => [area.mark, area.value.indexOf('X')]") == ["same", 5]
    card.show("one", relation_fields(), stamp="one, mended")
    expect(card.page.get_by_text("It repeats the task.")).to_have_count(0)
    assert text.evaluate("area => [area.mark, area.getRootNode().activeElement === area]") == ["same", True]
    assert painted(card.page) == ["one", "one, checked", "one, mended"]


def test_edits_of_two_fields_are_told_when_another_record_comes_at_once(card: Card) -> None:
    card.stop_autosave()
    card.text("Atomic").fill("First")
    card.text("Domain").fill("second")
    card.show("two", relation_fields(" (two)"))
    assert card.text("Atomic").input_value() == f"{TASK} (two)"
    card.wait_until_told("one", atom_task="First", domain="second")
    assert "two" not in card.told()


def test_edits_of_records_passed_while_the_server_is_busy_all_arrive(card: Card) -> None:
    for number in range(4):
        card.show(f"busy {number}", relation_fields(), seconds=0.3)
        card.text("Parallel").fill(f"Parallel {number}")
        card.text("Composition").fill(f"Composition {number}")
    for number in range(4):
        card.wait_until_told(
            f"busy {number}", parallel_task=f"Parallel {number}", composition_task=f"Composition {number}"
        )


def test_edits_are_told_when_the_card_leaves_the_page(card: Card) -> None:
    card.stop_autosave()
    card.text("Atomic").fill("Last words")
    card.tell("", [])
    expect(card.page.locator(".record")).to_have_count(0)
    card.wait_until_told("one", atom_task="Last words")


def test_the_card_shows_its_edits_again_when_it_comes_back_to_the_document(card: Card) -> None:
    card.text("Atomic").fill("Kept")
    card.show("two", relation_fields())
    card.show("one", relation_fields())
    assert card.text("Atomic").input_value() == "Kept"


def test_texts_survive_a_restart_of_the_server(browser: Browser, folder: Path, tmp_path: Path) -> None:
    script = Path(__file__).with_name("relation_card_app.py")
    card = Card(None, folder)  # type: ignore[arg-type]
    card.tell("restart", relation_fields())
    environment = {"RELATION_CARD": str(folder)}
    with app_server(tmp_path / "one", script=script, environment=environment) as server:
        port = int(server.url.rsplit(":", 1)[1])
        manager = app_page(browser, server.url)
        page, watch = manager.__enter__()
        card.page = page
        visit(page, server)
        card.text("Atomic").fill("Before")
        card.wait_until_told("restart", atom_task="Before")
    try:
        card.text("Parallel").fill("Meanwhile")
        page.wait_for_timeout(600)
        with app_server(tmp_path / "two", script=script, environment=environment, port=port):
            told = page.get_by_text(json.dumps({"atom_task": "Before", "parallel_task": "Meanwhile"}))
            expect(told).to_be_visible(timeout=20_000)
            assert card.text("Parallel").input_value() == "Meanwhile"
        assert not watch.page_errors
    finally:
        manager.__exit__(None, None, None)


def test_tab_and_alt_with_the_arrows_go_through_the_fields_in_reading_order(card: Card) -> None:
    order = ["atom_task", "parallel_task", "subsequent_task", "composition_task", "domain"]
    where = "() => document.activeElement.shadowRoot.activeElement.labels[0].title"
    card.text("Atomic").focus()
    for key, expected in (("Tab", order), ("Alt+ArrowUp", order[::-1]), ("Alt+ArrowDown", order)):
        seen = [card.page.evaluate(where)]
        for _ in order[1:]:
            card.page.keyboard.press(key)
            seen.append(card.page.evaluate(where))
        assert seen == expected


def test_keys_typed_are_not_heard_by_the_page_and_escape_gives_them_back(card: Card) -> None:
    card.page.evaluate("() => { window.heard = ''; addEventListener('keydown', (e) => window.heard += e.key); }")
    card.page.evaluate("dispatchEvent(new CustomEvent('dataflow-edit'))")
    expect(card.text("Atomic")).to_be_focused()
    card.page.keyboard.type("ax")
    card.page.keyboard.press("Escape")
    card.page.keyboard.type("j")
    assert card.page.evaluate("window.heard") == "j"


def test_a_card_that_is_not_editable_takes_no_text(card: Card) -> None:
    card.show("one", relation_fields(), stamp="closed", is_editable=False)
    card.text("Atomic").click()
    card.page.keyboard.type("x")
    assert card.text("Atomic").input_value() == TASK


def test_a_text_area_grows_with_its_text_up_to_thirty_lines(card: Card) -> None:
    heights = []
    for lines in (1, 3, 29, 60):
        card.text("Composition").fill("\n".join(["line"] * lines))
        heights.append(card.text("Composition").bounding_box()["height"])  # type: ignore[index]
        overflows = card.text("Composition").evaluate("area => area.scrollHeight > area.clientHeight + 1")
        assert overflows == (lines == 60)
    assert heights[0] < heights[1] < heights[2] < heights[3] < 700


@pytest.mark.parametrize(
    ("roles", "needs", "asks"),
    [
        ("atomic parallel subsequent composition", 2, 3),
        ("atomic parallel subsequent", 2, 0),
        ("atomic parallel composition", 0, 2),
        ("parallel subsequent composition", 1, 2),
        ("subsequent composition", 0, 1),
        ("atomic parallel", 0, 0),
    ],
)
def test_lines_lead_from_each_task_to_those_that_build_on_it(card: Card, roles: str, needs: int, asks: int) -> None:
    fields = [field for field in relation_fields() if field["role"] in roles.split()]
    card.show(roles, fields)
    assert card.page.locator(".lines .needs:not(.head)").count() == needs
    assert card.page.locator(".lines .asks:not(.head)").count() == asks
    assert "NaN" not in card.page.locator(".lines").inner_html()


def test_on_a_phone_nothing_is_wider_than_the_screen(card: Card) -> None:
    card.page.set_viewport_size({"width": 390, "height": 844})
    fields = relation_fields()
    fields[1]["text"] = "https://example.com/" + "long" * 60
    fields.append({"name": "a_very_long_field_name_" * 5, "text": "x" * 300, "role": "other", "findings": ["y" * 200]})
    card.show("phone", fields)
    assert card.page.evaluate("document.documentElement.scrollWidth") <= 390
    width = "root => Math.max(...[...root.querySelectorAll('*')].map((one) => one.getBoundingClientRect().right))"
    assert card.page.locator(".record").evaluate(width) <= 390
    tops = [card.text(label).bounding_box()["y"] for label in ("Atomic", "Parallel", "Subsequent", "Composition")]  # type: ignore[index]
    assert tops == sorted(set(tops))

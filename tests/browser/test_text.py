"""Text that is not ours shows as it is: nothing of it becomes markup, a link or a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.driver import AppServer, app_page, app_server, check_clean, visit
from ui.text import WORD_JOINER

TEXTS = [
    "![track](https://example.com/pixel.png)",
    '<img src="https://example.com/pixel.png"> <b>bold</b> <script>alert(1)</script>',
    "[click](https://example.com) <https://example.com> https://example.com www.example.com me@example.com",
    "[ref]: https://example.com 'title'",
    "**bold** *it* __b__ _it_ ~~gone~~ ~sub~ `code` ``x``",
    "$x^2$ and $$y$$ and \\(z\\) costs $5 or $6",
    ":red[colour] :blue-background[x] :green-badge[ok] :small[s] :material/bolt: :heart: :streamlit: :+1:",
    "# Heading",
    "- item",
    "+ item",
    "* item",
    "1. item",
    "2) item",
    "> quote",
    "---",
    "=== title",
    "```python",
    "~~~",
    "| a | b |",
    "- [x] done",
    "a -> b <- c <-> d => e -- f --- g >= h <= i != j ~= k ... (c)",
    "back\\slash \\* \\\\ &amp; &lt; &#42; [^1] [[x]] {x} ]( )[ ]",
    "trailing backslash \\",
    "::directive[x]{a=b} :::block",
    "«äöü» 日本語 עברית 😀 10:30:45",
]


@pytest.fixture(scope="module")
def hostile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    folder = tmp_path_factory.mktemp("texts")
    texts = folder / "texts.json"
    texts.write_text(json.dumps(TEXTS), encoding="utf-8")
    script = Path(__file__).with_name("text_app.py")
    with app_server(folder, script=script, environment={"HOSTILE_TEXTS": str(texts)}) as running:
        yield running


@pytest.fixture
def hostile_page(browser: Browser, hostile_server: AppServer) -> Iterator[Page]:
    with app_page(browser, hostile_server.url) as (opened, watch):
        visit(opened, hostile_server)
        yield opened
        check_clean(opened, watch)


def test_text_of_others_shows_as_it_is_wherever_it_is_shown(hostile_page: Page) -> None:
    wrong = []
    for number, text in enumerate(TEXTS):
        for place in ("plain", "markdown", "caption", "button", "header", "badge"):
            if (shown := shown_at(hostile_page, f".st-key-{place}-{number}", text)) != text:
                wrong.append((place, text, shown))
    assert not wrong, wrong


def shown_at(page: Page, place: str, expected: str) -> str:
    """What is read there; a label may be drawn a moment after what it stands on."""
    for _ in range(30):
        shown = page.locator(place).inner_text().replace(WORD_JOINER, "").removeprefix("x\n")
        if (shown := " ".join(shown.split())) == expected:
            break
        page.wait_for_timeout(100)
    return shown


def test_nothing_of_it_becomes_a_link_or_an_image(hostile_page: Page) -> None:
    assert hostile_page.get_by_test_id("stMain").locator("a, img, script, code, .katex, input").count() == 0

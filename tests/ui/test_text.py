from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from ui.text import WORD_JOINER, escape_markdown, without_invisible


def without_escapes(markdown: str) -> str:
    """What CommonMark makes of it: a backslash before punctuation stands for the punctuation."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown).replace(WORD_JOINER, "")


@pytest.mark.parametrize("sign", string.punctuation)
def test_every_sign_that_could_be_markup_is_escaped(sign: str) -> None:
    assert escape_markdown(f"a{sign}b").replace(WORD_JOINER, "") == f"a\\{sign}b"


@given(st.text(alphabet=st.characters(exclude_characters=WORD_JOINER)))
def test_the_text_itself_is_unchanged_but_for_line_breaks(text: str) -> None:
    assert without_escapes(escape_markdown(text)) == " ".join(text.split())


def test_line_breaks_and_tabs_become_one_space() -> None:
    assert escape_markdown(" a\n\n\tb\r\nc ") == "a b c"


@pytest.mark.parametrize("text", [":heart:", "https://a.b", "www.a.b", "a@b.c", "-->", ":material/bolt:", "<="])
def test_what_is_rewritten_in_spite_of_escapes_is_kept_apart(text: str) -> None:
    assert WORD_JOINER in escape_markdown(text)


@pytest.mark.parametrize("text", ["Sort the parcels by weight", "Ticket 42 of 50", "naïve 日本語", "costs: five", ""])
def test_plain_words_need_no_invisible_characters(text: str) -> None:
    assert escape_markdown(text).replace("\\", "") == text


def test_plain_text_is_not_read_as_markdown() -> None:
    def script() -> None:
        from ui.text import plain

        plain("**a**\n![x](https://example.com/x.png)")

    app = AppTest.from_function(script).run()
    assert app.text[0].value == "**a**\n![x](https://example.com/x.png)"
    assert not app.markdown


def test_what_is_copied_from_a_page_into_a_setting_loses_its_invisible_characters() -> None:
    assert without_invisible(" http\u2060://127.0.0.1:8000/v1\ufeff ") == "http://127.0.0.1:8000/v1"

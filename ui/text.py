"""Showing text that a model or a file brought, as it is: no markup, no links, no images fetched from elsewhere."""

from __future__ import annotations

import re

import streamlit as st

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_BLANKS = re.compile(r"\s+")

#: Invisible, without width, and forbids a line break: put where an escape would be undone (see below).
WORD_JOINER = "\u2060"

# Streamlit rewrites these after the escapes have been taken away: emoji and icon names (`:heart:`), bare addresses
# (`https://…`, `www.…`, `a@b.c`) and arrows and dashes typed on a keyboard (`->`, `--`, `>=`).
_REWRITTEN_LATE = re.compile(r"(?<=:)(?=\S)|(?<=[wW]{3})(?=\.)|(?=@)|(?<=[-<>=~])(?=[-<>=~])")


_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")


def without_invisible(text: str) -> str:
    """What a person typed or pasted into a setting, without characters that nobody sees, as copied text may hold."""
    return _INVISIBLE.sub("", text).strip()


def plain(text: str) -> None:
    """Show `text` as it is, wrapped, with its line breaks. Blank space around the whole is not shown."""
    st.text(text, width="stretch")


def escape_markdown(text: str) -> str:
    """Return `text` for a place that takes Markdown alone: a caption, label, badge, heading or toast.

    It shows as the same text in one line. What would be rewritten even when escaped is kept apart by an invisible
    character, so don't compare or store the result.
    """
    one_line = _BLANKS.sub(" ", text).strip()
    return _PUNCTUATION.sub(r"\\\1", _REWRITTEN_LATE.sub(WORD_JOINER, one_line))

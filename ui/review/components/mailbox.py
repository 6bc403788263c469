"""A component without a face, on every page, that brings in what others could not hand over before they went.

A click on another page right after a key takes the editor off the page, and with it, now and then, the edit that was on
its way. So an editor that goes unanswered leaves a letter here, which is sent until the server says it has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_render = st.components.v2.component(
    "dataflow_studio.mailbox",
    html="<span hidden></span>",
    js=Path(__file__).with_suffix(".js").read_text("utf-8"),
)


@dataclass(frozen=True, slots=True)
class Letter:
    """What has become of a document. `content` is the browser's word: for the component that wrote it to read."""

    number: int
    document: str
    content: Mapping[str, Any]


def mailbox(*, key: str, on_letter: Callable[[Letter], bool]) -> None:
    """Have each letter read once, in the order they were written. `on_letter` says whether that worked; where it did
    not, the letter comes again.
    """
    _read(key, on_letter)  # a callback is not always called to its end: see ui/review/components/mailbox.js
    _render(
        key=key,
        data={"received": st.session_state.get(_received(key), 0)},
        on_post_change=lambda: _read(key, on_letter),
    )


def _read(key: str, on_letter: Callable[[Letter], bool]) -> None:
    for letter in _letters(key):
        if letter.number > st.session_state.get(_received(key), 0) and on_letter(letter):
            st.session_state[_received(key)] = letter.number


def _letters(key: str) -> list[Letter]:
    state: Any = st.session_state.get(key)
    post = state.get("post") if isinstance(state, Mapping) else None
    written = post.get("letters") if isinstance(post, Mapping) else None
    found = []
    for letter in written if isinstance(written, list) else ():
        match letter:
            case {"number": int(number), "document": str(document)}:
                found.append(Letter(int(number), document, letter))
    return found


def _received(key: str) -> str:
    return f"{key}-received"

"""The frame that every page stands in: its guard, its header, its remarks, and what it shows while it is empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.text import escape_markdown

Color = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "primary"]


@dataclass(frozen=True, slots=True)
class Badge:
    """A short fact below a page's title. `icon` is a Material name such as ":material/bolt:"."""

    label: str
    color: Color = "gray"
    icon: str | None = None
    help: str | None = None


def require_shell(name: str) -> None:
    """Send a page that was opened without app.py there, to come back to it. The first line of every page.

    A fresh server runs the file of a deep link's page alone until app.py has been run once.
    """
    if not st.session_state.get("_shell"):
        st.session_state["_goto"] = name
        st.switch_page("app.py", query_params={key: st.query_params.get_all(key) for key in st.query_params})


def page_header(title: str, *, badges: Sequence[Badge] = ()) -> DeltaGenerator:
    """Show the title with a line of badges, and return the place for its buttons, on the right.

        with page_header("Runs", badges=[Badge("2 live", "blue")]):
            st.button("New run", type="primary")

    One of them is primary at most. Title and labels are shown as they are, without Markdown.
    """
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(escape_markdown(title), anchor=False, width="content")
        actions = st.container(horizontal=True, width="content", gap="small")
    if badges:
        with st.container(horizontal=True, gap="xsmall"):
            for badge in badges:
                show_badge(badge)
    return actions


def empty_state(title: str, sentence: str, *, icon: str) -> DeltaGenerator:
    """Say that there is nothing yet and what to do about it; return the place for the button that does it."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.title(icon, anchor=False, width="content", text_alignment="center")
        st.subheader(escape_markdown(title), anchor=False, width="content", text_alignment="center")
        st.caption(escape_markdown(sentence), width="content", text_alignment="center")
        actions = st.container(horizontal=True, horizontal_alignment="center", gap="small")
        st.space("small")
    return actions


def show_badge(badge: Badge) -> None:
    # st.badge would escape the label's brackets once more.
    directive = f":{badge.color}-badge[{badge.icon or ''} {escape_markdown(badge.label)}]"
    st.markdown(directive, help=badge.help, width="content")


def remark(markdown: str, color: Color, *, width: Literal["stretch", "content"] = "stretch") -> None:
    """Show a short line in a color. In a caption, which is fainter than text, it would be too faint to read."""
    st.markdown(f":small[:{color}[{markdown}]]", width=width)

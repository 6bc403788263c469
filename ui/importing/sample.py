"""The first records of a file: as they will look, and as they stand there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from dataflow_core.importers.base import Recognised
from dataflow_core.models import Fields
from ui.text import escape_markdown, plain
from ui.values import CONVERSATION, as_text, is_conversation

_SHOWN = 3
_MOST_CHARACTERS = 600  # of a text, on screen
_ROLES = {"user": (":material/person:", "User"), "assistant": (":material/smart_toy:", "Assistant")}


def show_sample(recognised: Recognised) -> None:
    """The first records and, on a click, the entries of the file that they are made from."""
    as_records, as_file = st.tabs(["As it will look", "As it stands in the file"])
    with as_records:
        if not recognised.records:
            st.caption("Taken like this, none of the first entries becomes a record.")
        shown = recognised.records[:_SHOWN]
        for number, (place, fields) in enumerate(zip(st.columns(max(len(shown), 1)), shown, strict=False), start=1):
            with place.container(border=True, gap="xxsmall", key=f"import-sample-{number}"):
                _show_record(fields)
    with as_file:
        lines = [_shortened(json.dumps(entry, ensure_ascii=False, default=str)) for entry in recognised.sample[:_SHOWN]]
        st.code("\n".join(lines), language="json", wrap_lines=True)


def _show_record(fields: Fields) -> None:
    turns = fields.get(CONVERSATION)
    is_dialogue = is_conversation(turns)
    rest = {name: value for name, value in fields.items() if not (is_dialogue and name == CONVERSATION)}
    if is_dialogue and (category := rest.pop("category", "")):
        st.caption(escape_markdown(str(category)[:100]))
    if is_dialogue:
        if system := rest.pop("system", ""):
            _show_text("System", system)
        _show_turns(turns or [])
    for name, value in rest.items():
        if not is_dialogue or value not in ("", None):
            _show_text(name, value)


def _show_text(name: str, value: Any) -> None:
    st.caption(escape_markdown(name))
    plain(_shortened(as_text(value)) or "—")


def _show_turns(turns: Sequence[Fields]) -> None:
    for turn in turns[:6]:
        icon, name = _ROLES.get(str(turn["role"]), (":material/person:", str(turn["role"])))
        st.caption(f"{icon} {escape_markdown(name)}")
        plain(_shortened(as_text(turn["value"])) or "—")
    if len(turns) > 6:
        st.caption(f"and {len(turns) - 6} more turns")


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} … ({len(text):,} characters)"

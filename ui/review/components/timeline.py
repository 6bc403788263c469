"""A component that lists what has happened to a record, newest first; the older part opens on a click."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import streamlit as st

from ui.format import ago

Tone = Literal["text", "accepted", "rejected", "flagged", "calm"]

_HERE = Path(__file__)
_render = st.components.v2.component(
    "dataflow_studio.timeline",
    html='<div class="timeline"></div>',
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js=_HERE.with_suffix(".js").read_text("utf-8"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened: "Ada" "rejected", with "Too vague" beside it. `versions` is "" or "version 3"."""

    who: str
    what: str
    detail: str
    at: datetime
    versions: str = ""
    tone: Tone = "calm"


def timeline(entries: Sequence[Entry], *, key: str, shown: int = 8) -> None:
    """Show the entries, given newest first; of more than `shown` of them the older ones are folded."""
    document = json.dumps([[entry.who, entry.what, entry.detail, entry.versions, entry.tone] for entry in entries])
    times = [[entry.at.isoformat(), ago(entry.at)] for entry in entries]
    _render(key=key, data={"document": document, "times": times, "shown": shown})

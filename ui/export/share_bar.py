"""A component that draws as one bar what becomes of the records: the parts they go into, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import streamlit as st

Tone = Literal["train", "validation", "test", "out"]
_HERE = Path(__file__)
_render = st.components.v2.component(
    "dataflow_studio.share_bar",
    html='<div class="shares"></div>',
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js=_HERE.with_suffix(".js").read_text("utf-8"),
)


class Part(NamedTuple):
    label: str
    number: int
    tone: Tone


def share_bar(parts: Sequence[Part], *, key: str) -> None:
    """Draw the parts in their order, with their counts below."""
    total = sum(part.number for part in parts) or 1
    shown = [[part.label, f"{part.number:,}", part.number / total, part.tone] for part in parts]
    _render(key=key, data={"parts": shown})

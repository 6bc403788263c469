"""A component that shows what differs between two versions: removed words struck through, added ones underlined."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from dataflow_core.word_diff import FieldDiff

_HERE = Path(__file__)

_render = st.components.v2.component(
    "dataflow_studio.diff_view",
    html='<div class="diffs"></div><div class="choices" role="group" aria-label="Use it or not" hidden></div>',
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js=_HERE.with_suffix(".js").read_text("utf-8"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A button below the diffs, for an action of the decision bar, which also hears its `letter`."""

    action: str
    label: str
    letter: str


def diff_view(
    diffs: Sequence[FieldDiff],
    *,
    key: str,
    are_unchanged_folded: bool = True,
    stamp: str = "",
    choices: Sequence[Choice] = (),
) -> None:
    """Show the diffs one below another. Long stretches that did not change open on a click, and stay open as long as
    the diffs are the same. `stamp` names a proposal: it is announced to the page once its diffs are on screen.
    """
    document = json.dumps([[diff.name, [[piece.kind, piece.text] for piece in diff.pieces]] for diff in diffs])
    data = {
        "document": document,
        "isFolded": are_unchanged_folded,
        "stamp": stamp,
        "choices": [asdict(choice) for choice in choices],
    }
    _render(key=key, data=data)

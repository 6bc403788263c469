"""A component that shows a conversation and lets every turn be edited; it saves by itself after a pause in typing.

The turns go into text areas by their `value`, never as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__)
_PARTS = ("elements", "menu", "note", "turn", "editor")
_ROLES = ("user", "assistant")

_render = st.components.v2.component(
    "dataflow_studio.turns",
    html='<div class="editor"></div>',
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js="\n".join((_HERE.parent / "turns" / f"{part}.js").read_text("utf-8") for part in _PARTS),
)


@dataclass(frozen=True, slots=True)
class Regenerate:
    """The wish for another text of the turn at the position `turn`, from 0, or of everything that comes after it."""

    stamp: str
    turn: int
    and_after: bool
    note: str


def turn_editor(
    turns: Sequence[Mapping[str, str]],
    *,
    key: str,
    document: str,
    stamp: str,
    on_change: Callable[[], None],
    on_regenerate: Callable[[], None] | None = None,
    findings: Sequence[str] = (),
    is_skeleton: bool = False,
    is_editable: bool = True,
) -> None:
    """Show the turns ({"role", "value", …}); `edited(key)` is what has become of them.

    `document` names the record and what of it was loaded: the turns are drawn anew when it changes, and only then, so
    that saving what a person types never moves their caret. One key for all documents: an edit that is on its way when
    another document comes is then still sent, under the name of its own. `stamp` names what is on screen now; it
    changes when an edit was saved, and a wish to regenerate waits for that, so that it always names saved turns.
    """
    _render(
        key=key,
        data={
            "document": document,
            "stamp": stamp,
            "turns": [dict(turn) for turn in turns],
            "findings": list(findings),
            "isSkeleton": is_skeleton,
            "isEditable": is_editable,
            "canRegenerate": on_regenerate is not None,
            "received": _received(key),
        },
        on_edit_change=on_change,
        on_regenerate_change=on_regenerate,
    )


def edited(key: str) -> tuple[str, list[dict[str, Any]]] | None:
    """The document and its turns as the browser last sent them; None before the first edit and for what is no turns.

    The document may be one that was shown before. What else a turn carries besides role and value comes back as it
    was; new turns carry nothing else.
    """
    edit = _state(key).get("edit")
    if isinstance(edit, Mapping) and isinstance(edit.get("document"), str) and (turns := turns_in(edit)) is not None:
        return edit["document"], turns
    return None


def turns_in(content: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The turns in what the editor sends or leaves in the mailbox; None where there are none."""
    turns = content.get("turns")
    if isinstance(turns, list) and all(_is_turn(turn) for turn in turns):
        return [dict(turn) for turn in turns]
    return None


def regenerate_pressed(key: str) -> Regenerate | None:
    """What was asked for in the interaction that began this run; read it in `on_regenerate`, which is called once."""
    match _state(key).get("regenerate"):
        case {"stamp": str(stamp), "turn": int(turn), "andAfter": bool(and_after), "note": str(note)} if turn >= 0:
            return Regenerate(stamp, int(turn), and_after, note.strip())
    return None


def _received(key: str) -> int:
    """The browser's time of the edit that has arrived last."""
    edit = _state(key).get("edit")
    at = edit.get("at") if isinstance(edit, Mapping) else None
    return at if isinstance(at, int) else 0


def _state(key: str) -> Mapping[str, Any]:
    state: Any = st.session_state.get(key)
    return state if isinstance(state, Mapping) else {}


def _is_turn(turn: object) -> bool:
    return isinstance(turn, Mapping) and turn.get("role") in _ROLES and isinstance(turn.get("value"), str)

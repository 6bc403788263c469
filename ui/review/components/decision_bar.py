"""A component that shows the decisions on the record that is open, and owns their keys.

The page's content component says what is on screen, the bar decides nothing else: a press is heard once the bar's own
`stamp` was painted, and then no other until the server has answered it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

ACTIONS = frozenset({"accept", "reject", "flag", "regenerate", "take", "keep", "undo", "next", "previous", "table"})
MAX_TEXT = 2_000

_HERE = Path(__file__)
_ICON = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{}"/></svg>'
_ICONS = {
    "accept": "M3 8.5l3.2 3.2L13 4.8",
    "reject": "M4 4l8 8M12 4l-8 8",
    "flag": "M4 14V2.8h7.6L9.8 6l1.8 3.2H4",
    "regenerate": "M13 8a5 5 0 1 1-1.5-3.6L13 5.9M13 2.6v3.3H9.7",
    "undo": "M6 3L2.8 6.2 6 9.4M2.8 6.2h6.4a3.6 3.6 0 0 1 0 7.2H6.6",
    "previous": "M10 3.5L5.5 8l4.5 4.5",
    "next": "M6 3.5L10.5 8 6 12.5",
    "more": "M4 6.2l4 4 4-4",
}


def _button(action: str, label: str, letter: str) -> str:
    """A button of the bar. Its name is the label alone; the letter is a key cap."""
    return (
        f'<button type="button" class="{action}" data-action="{action}" aria-label="{label}" '
        f'aria-keyshortcuts="{letter}">{_ICON.format(_ICONS[action])}<span>{label}</span>'
        f'<kbd aria-hidden="true">{letter}</kbd></button>'
    )


_HTML = f"""
<section class="bar" aria-label="Decision">
  <div class="buttons">
    <div class="decisions" role="group" aria-label="Decide on this record">
      {_button("accept", "Accept", "A")}
      <span class="split">{_button("reject", "Reject", "X")}<button type="button" class="more" aria-expanded="false"
        aria-controls="reasons" aria-label="Reasons">{_ICON.format(_ICONS["more"])}</button></span>
      {_button("flag", "Flag", "F")}
      {_button("regenerate", "Regenerate", "G")}
      {_button("undo", "Undo", "U")}
    </div>
    <div class="places" role="group" aria-label="Go to another record">
      {_button("previous", "Previous", "K")}
      <span class="place"></span>
      {_button("next", "Next", "J")}
      <button type="button" class="help" aria-label="Show the keys" title="Show the keys (?)">?</button>
    </div>
  </div>
  <form class="note" hidden>
    <input type="text" maxlength="{MAX_TEXT}" autocomplete="off" aria-label="What should be different?"
      aria-describedby="hint"
      placeholder="What should be different? May stay empty.">
    <button type="submit" class="send"><span>Regenerate</span><kbd aria-hidden="true">Enter</kbd></button>
    <button type="button" class="cancel"><span>Cancel</span><kbd aria-hidden="true">Esc</kbd></button>
    <p class="hint" id="hint"></p>
  </form>
  <div class="below">
    <div class="reasons" id="reasons" role="group" aria-label="Reject with a reason"></div>
    <div class="line"><span class="message" role="status"></span><span class="progress"></span></div>
  </div>
  <dialog class="keys" aria-label="Keys">
    <div class="sheet">
      <header><h2>Keys</h2>
        <button type="button" class="close" aria-label="Close" autofocus>{_ICON.format(_ICONS["reject"])}</button>
      </header>
      <dl class="actions"></dl>
      <h3>Reject with a reason</h3>
      <dl class="numbers"></dl>
      <p>The keys rest while you type in a field. Esc leaves the field.</p>
    </div>
  </dialog>
</section>
"""

_render = st.components.v2.component(
    "dataflow_studio.decision_bar",
    html=_HTML,
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js=_HERE.with_suffix(".js").read_text("utf-8"),
)


@dataclass(frozen=True, slots=True)
class Press:
    action: str
    stamp: str
    """What was on screen when it was pressed: the record, or the proposal that is taken or refused."""
    reason: str = ""
    """Of a rejection."""
    note: str = ""
    """For a regeneration."""


def decision_bar(
    *,
    key: str,
    stamp: str,
    status: str,
    reasons: Sequence[str],
    place: str,
    progress: str,
    has_previous: bool,
    has_next: bool,
    on_press: Callable[[], None],
    undo_label: str = "",
    can_regenerate: bool = True,
    regenerate_hint: str = "",
    proposal: str = "",
    is_takeable: bool = True,
    is_decidable: bool = True,
    turn: int = 0,
) -> None:
    """Show the bar. `on_press` is called once for each press, before the page runs; what it was is `pressed(key)`.

    Raise `turn` when a press was answered without another stamp coming on screen (`pressed` may be None, too): until
    then the bar waits for one. `undo_label` says what would be undone; there is nothing to undo while it is empty.
    `stamp` is empty while no record is on screen. `regenerate_hint` says what will write it, below the note.
    `proposal` is the stamp of a proposed text that is shown beside the record: Y and N are about it, once it is
    painted. One that is not takeable can only be put away.
    """
    _render(
        key=key,
        data={
            "stamp": stamp,
            "turn": turn,
            "status": status,
            "reasons": list(reasons),
            "place": place,
            "progress": progress,
            "undo_label": undo_label,
            "has_previous": has_previous,
            "has_next": has_next,
            "can_regenerate": can_regenerate,
            "regenerate_hint": regenerate_hint,
            "proposal": proposal,
            "is_takeable": is_takeable,
            "is_decidable": is_decidable,
            # The browser hears only of data that differ, and has to know that the server is there again.
            "run": str(time.time_ns()),
        },
        on_press_change=on_press,
    )


def pressed(key: str) -> Press | None:
    """What was pressed, for `on_press` to read; None for anything that no bar would send.

    The stamp and the reason are the browser's word: whether they are those of a record is the caller's to see.
    """
    state: Any = st.session_state.get(key) or {}
    press = state.get("press")
    if not isinstance(press, dict) or not isinstance(press.get("action"), str) or press["action"] not in ACTIONS:
        return None
    texts = [press.get(name, "") for name in ("stamp", "reason", "note")]
    if not all(isinstance(text, str) and len(text) <= MAX_TEXT for text in texts):
        return None
    # A browser can send half of a surrogate pair, which no database takes.
    return Press(press["action"], *(text.encode("utf-8", "replace").decode("utf-8") for text in texts))

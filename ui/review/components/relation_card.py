"""A component that shows a task record as the structure it is: which task stands beside which, and what leads where.

Each text is edited in place and saved by itself after a pause in typing. Texts go into text areas by their `value`,
never as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeGuard

import streamlit as st

Role = Literal["atomic", "parallel", "subsequent", "composition", "own", "other"]

_HERE = Path(__file__)
_render = st.components.v2.component(
    "dataflow_studio.relation_card",
    html='<div class="record"></div>',
    css=_HERE.with_suffix(".css").read_text("utf-8"),
    js=_HERE.with_suffix(".js").read_text("utf-8"),
)


@dataclass(frozen=True, slots=True)
class CardField:
    """A field of the record. Of two with the same place in the structure, the later one is shown among the others.

    Those in the role "own" stand below one another with their `label` above each.
    """

    name: str
    text: str
    role: Role
    findings: tuple[str, ...] = ()
    stale: str = ""  # why the text may no longer fit the others
    changed: bool = False  # by a person
    label: str = ""  # the name, unless given


def relation_card(
    fields: Sequence[CardField],
    *,
    key: str,
    document: str,
    stamp: str,
    on_change: Callable[[], None],
    is_editable: bool = True,
) -> None:
    """Show the fields. What they have become is `edited_texts(key)`, from the first change on.

    `document` names the record and what of it was loaded. Only another document is drawn anew; the texts of one that
    is on screen stay as the person has them, and what else is known of them is changed around the caret. `stamp` is
    announced to the page once what was given with it is on screen.
    """
    st.session_state[_document_key(key)] = document
    data = {
        "document": document,
        "stamp": stamp,
        "isEditable": is_editable,
        "fields": [asdict(field) for field in fields],
        "edited": edited_texts(key),
        "received": _number(key),
    }
    _render(key=key, data=data, on_edit_change=on_change)


def edited_texts(key: str) -> dict[str, str]:
    """Return the texts that the person has changed since the card's present document was drawn, by field."""
    return dict(edits(key)).get(st.session_state.get(_document_key(key), ""), {})


def edited(key: str) -> tuple[str, dict[str, str]]:
    """Return the document that was edited last and its changed texts, by field; empty ones while nothing was."""
    sent = edits(key)
    return sent[-1] if sent else ("", {})


def edits(key: str) -> list[tuple[str, dict[str, str]]]:
    """Return the changed texts of each document, the one that was edited last at the end.

    There is more than one when somebody edits a record, goes on, and edits the next one before the server has
    answered. It is the browser's word: its documents and fields are text, but not necessarily ones that exist.
    """
    sent = _sent(key).get("edits")
    if not isinstance(sent, list):
        return []
    return [
        (entry["document"], texts)
        for entry in sent
        if isinstance(entry, Mapping)
        and isinstance(entry.get("document"), str)
        and (texts := texts_in(entry)) is not None
    ]


def texts_in(content: Mapping[str, Any]) -> dict[str, str] | None:
    """The changed texts in what the card sends or leaves in the mailbox, by field; None where there are none."""
    texts = content.get("texts")
    return {name: _well_formed(text) for name, text in texts.items()} if _is_texts(texts) else None


def _document_key(key: str) -> str:
    return f"{key}-document"


def _sent(key: str) -> Mapping[str, Any]:
    state: Any = st.session_state.get(key)
    sent = state.get("edit") if isinstance(state, Mapping) else None
    return sent if isinstance(sent, Mapping) else {}


def _number(key: str) -> int:
    """The number of the browser's message that has arrived last: what it told need not be told again."""
    number = _sent(key).get("number")
    return number if isinstance(number, int) else 0


def _is_texts(value: Any) -> TypeGuard[Mapping[str, str]]:
    return isinstance(value, Mapping) and all(isinstance(part, str) for pair in value.items() for part in pair)


def _well_formed(text: str) -> str:
    """Half a character, as a browser can send it, can't be stored."""
    return text.encode("utf-8", "replace").decode("utf-8")

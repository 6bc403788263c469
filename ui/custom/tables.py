"""An editable table whose rows outlive a change of its columns, and leaving the page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from ui.custom.draft import Row


@dataclass
class _Kept:
    """The rows as they were last. The widget was given those of `base`, which must not change under it."""

    rows: list[Row]
    base: list[Row] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    widget: str = ""
    number: int = 0


def rename_column(key: str, beginning: Sequence[Row], before: str, after: str) -> None:
    kept = _kept(key, beginning)
    kept.rows = [{after if name == before else name: text for name, text in row.items()} for row in kept.rows]


def edit_table(
    key: str, beginning: Sequence[Row], columns: Sequence[str], config: Mapping[str, Any], *, alt: str
) -> list[Row]:
    """Show the rows and return them as they are now, without empty ones. Texts of columns not shown are kept."""
    kept = _kept(key, beginning)
    if kept.columns != tuple(columns) or kept.widget not in st.session_state:
        kept.number += 1
        kept.columns = tuple(columns)
        kept.base = kept.rows
        digest = hashlib.sha256(repr(kept.columns).encode()).hexdigest()[:8]
        kept.widget = f"{key}-{digest}-{kept.number}"
    shown = [{name: row.get(name, "") for name in columns} for row in kept.base]
    st.data_editor(
        pd.DataFrame(shown, columns=[*columns]).astype("object"),
        key=kept.widget,
        num_rows="dynamic",
        hide_index=True,
        column_config=dict(config),
        on_change=_keep,
        args=(kept,),
        alt=alt,
    )
    _keep(kept)
    return kept.rows


def _keep(kept: _Kept) -> None:
    """Also for a callback: what was typed right before the page is left is told to no other."""
    state: Mapping[str, Any] = st.session_state.get(kept.widget) or {}
    edited = {int(place): changes for place, changes in (state.get("edited_rows") or {}).items()}
    deleted = set(state.get("deleted_rows") or ())
    rows = [row | _texts(edited.get(place, {})) for place, row in enumerate(kept.base) if place not in deleted]
    rows += [_texts(added) for added in state.get("added_rows") or ()]
    empty = dict.fromkeys(kept.columns, "")
    kept.rows = [empty | row for row in rows if any(text.strip() for text in row.values())]


def _kept(key: str, beginning: Sequence[Row]) -> _Kept:
    kept: _Kept = st.session_state.setdefault(f"{key}-kept", _Kept([dict(row) for row in beginning]))
    return kept


def _texts(changes: Mapping[str, Any]) -> Row:
    return {str(name): "" if value is None else str(value) for name, value in changes.items() if name != "_index"}

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
    """The rows as they were last; `base` is what the widget was given, which must not change under it."""

    rows: list[Row]
    columns: tuple[str, ...] = ()
    widget: str = ""
    number: int = 0
    base: pd.DataFrame = field(default_factory=pd.DataFrame)


def rows_of(key: str, beginning: Sequence[Row]) -> list[Row]:
    """The table's rows, also while it is not shown."""
    return _kept(key, beginning).rows


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
        digest = hashlib.sha256(repr(kept.columns).encode()).hexdigest()[:8]
        kept.widget = f"{key}-{digest}-{kept.number}"
        kept.base = pd.DataFrame(
            [{name: row.get(name, "") for name in columns} for row in kept.rows], columns=[*columns]
        )
        kept.base = kept.base.astype("object")
        hidden = [{name: text for name, text in row.items() if name not in columns} for row in kept.rows]
        st.session_state[f"{kept.widget}-hidden"] = hidden
    edited = st.data_editor(
        kept.base, key=kept.widget, num_rows="dynamic", hide_index=True, column_config=dict(config), alt=alt
    )
    hidden = st.session_state.get(f"{kept.widget}-hidden", [])
    rows = []
    for index, row in zip(edited.index, edited.to_dict("records"), strict=True):
        texts = {str(name): _text(value) for name, value in row.items()}
        if any(text.strip() for text in texts.values()):
            unseen = hidden[index] if isinstance(index, int) and index < len(hidden) else {}
            rows.append(texts | unseen)
    kept.rows = rows
    return rows


def _kept(key: str, beginning: Sequence[Row]) -> _Kept:
    kept: _Kept = st.session_state.setdefault(f"{key}-kept", _Kept([dict(row) for row in beginning]))
    return kept


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None or value != value else str(value)

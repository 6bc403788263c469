"""Find and replace in the selected records, with what would change shown before anything is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.reviewing.replacing import Replacement
from dataflow_core.word_diff import FieldDiff, record_diff
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.review.actions import carry_out
from ui.review.columns import ordered_fields
from ui.review.components.diff_view import diff_view
from ui.review.selection import Selection
from ui.session import reviewer
from ui.text import escape_markdown

#: So many records are looked at before anything is written, for so many seconds at most, and so many are shown.
MOST_LOOKED_AT = 5_000
_SECONDS = 1.5
_MOST_SHOWN = 10
_CHUNK = 100
_PREVIEW = "review_bulk_preview"


@dataclass
class Preview:
    """What a replacement would do to the first so many of the selected records."""

    looked_at: int = 0
    changed: int = 0
    diffs: list[tuple[int, list[FieldDiff]]] = field(default_factory=list)
    """Of the first ones that would change, by the record's number."""
    made_at: float | None = None


def replace_dialog(workspace: Workspace, selection: Selection, prefix: str, close: Callable[[], None]) -> None:
    st.caption(f"In {selection.in_words}.")
    try:
        replacement = _asked_for(workspace, selection, prefix)
    except UsageError as error:
        st.error(escape_markdown(str(error)))
        return
    if replacement is None:
        st.caption("Say what to find, and press Enter: the changes are shown here before anything is written.")
        return
    summary = st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key=f"{prefix}_summary"
    )
    try:
        with st.spinner("Looking what would change ..."):
            preview = _preview(workspace, selection, replacement, prefix)
    except UsageError as error:
        summary.error(escape_markdown(str(error)))
        return
    number = len(selection)
    with summary:
        st.markdown(_in_words(preview, number), width="content")
        # The button stands for what is shown below it. A pattern typed since comes with its click, and is shown first.
        is_sure = st.button(
            f"Replace in all {number:,} selected",
            type="primary",
            key=f"{prefix}_replace_{hash(replacement)}",
            disabled=not preview.changed and preview.looked_at >= number,
        )
    if is_sure:
        with st.spinner("Replacing ..."):
            carry_out(
                workspace,
                lambda: workspace.bulk.replace(
                    selection.numbers, replacement, author=reviewer(), listed_at=preview.made_at
                ),
            )
        close()
        st.rerun()
    for record, diffs in preview.diffs:
        with st.container(border=True, gap="xsmall"):
            st.caption(f"Record {record:,}")
            diff_view(diffs, key=f"{prefix}_diff_{record}")
    if preview.changed > len(preview.diffs):
        st.caption(f"The first {len(preview.diffs)} are shown.")


def _asked_for(workspace: Workspace, selection: Selection, prefix: str) -> Replacement | None:
    """Show the fields of the form; None while nothing is typed. Raises `UsageError`."""
    find, by = st.columns(2)
    pattern = find.text_input("Find", key=f"{prefix}_find")
    put = by.text_input("Replace by", key=f"{prefix}_by", placeholder="Nothing: take it out")
    leading, others = ordered_fields(workspace, selection.sheet.records)
    names = dict.fromkeys([*leading, *others])
    names |= dict.fromkeys(name for record in selection.sheet.records for name in record.fields)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        chosen: str = st.selectbox(
            "Field",
            ["", *names],
            format_func=lambda name: name or "All fields",
            key=f"{prefix}_field",
            label_visibility="collapsed",
            width=200,
        )
        is_case_sensitive = st.checkbox("Match case", key=f"{prefix}_case")
        is_regex = st.checkbox(
            "Regular expression",
            key=f"{prefix}_regex",
            help="`(\\w+)` in what is found is `\\1` in what takes its place.",
        )
    if not pattern:
        return None
    return Replacement(pattern, put, is_regex, is_case_sensitive, chosen)


def _preview(workspace: Workspace, selection: Selection, replacement: Replacement, prefix: str) -> Preview:
    """The preview, which is made once for each thing that is asked for."""
    identity = (prefix, replacement)
    kept: tuple[object, Preview] | None = st.session_state.get(_PREVIEW)
    if kept is None or kept[0] != identity:
        kept = (identity, look(workspace, selection, replacement))
        st.session_state[_PREVIEW] = kept
    return kept[1]


def look(workspace: Workspace, selection: Selection, replacement: Replacement) -> Preview:
    """Try the replacement on the first selected records. Raises `UsageError` where a text takes too long."""
    preview = Preview(made_at=time.time())
    until = time.monotonic() + _SECONDS
    for start in range(0, min(len(selection), MOST_LOOKED_AT), _CHUNK):
        for record in workspace.records.page(selection.numbers[start : start + _CHUNK]):
            after = replacement.apply(record.fields)
            preview.looked_at += 1
            if after != record.fields:
                preview.changed += 1
                if len(preview.diffs) < _MOST_SHOWN:
                    preview.diffs.append((record.number, record_diff(record.fields, after)))
            if time.monotonic() > until:
                return preview
    return preview


def _in_words(preview: Preview, selected: int) -> str:
    number = "None" if not preview.changed else f"**{preview.changed:,}**"
    if preview.looked_at < selected:
        return f"{number} of the first {preview.looked_at:,} would change."
    return f"{number} of {count(selected, 'record')} would change."

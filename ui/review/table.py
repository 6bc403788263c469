"""The editable table of one page of records, which loses no edit and puts none on another record.

What the grid sends are positions in the frame that it was given. So a page of other records is another widget (its
key is made of the records), its frame is never rebuilt while it is shown, and `save_edits` may run at any time, as
often as one likes: each cell goes out once for each value it takes, with the revision that was on screen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.models import Fields, Record, ReviewStatus
from dataflow_core.workspace import Workspace
from ui.names import CUSTOM, DIALOGUES, STATUS_NAMES
from ui.review.columns import ordered_fields
from ui.review.focus import open_record
from ui.review.saving import notice, save_field, save_status
from ui.typed import from_typed, kinds_of, typed_text
from ui.values import CONVERSATION, as_editable, first_question, from_text, with_first_question

_SHEET = "review_sheet"
_PICKED, _STATUS, _NUMBER, _QUESTION, _TURNS, _OPEN = "picked", "status", "number", "question", "turns", "open"
_MENDED = "mended"
_FIELD = "field:"  # a column of an upload may be called "status" too
_OPEN_LABEL = ":material/open_in_full: Open"
_MISSING = object()
_ROW, _HEADER, _HIGHEST = 92, 34, 770  # pixels; a row shows five lines of text


@dataclass
class Sheet:
    """One page of the table: what it shows, and what has been saved of it."""

    key: str
    records: list[Record]
    frame: pd.DataFrame
    decided_at: list[int]  # by position: the revision that a decision is about
    bases: dict[tuple[int, str], int] = field(default_factory=dict)  # by cell: the revision it was last saved as
    sent: dict[tuple[int, str], Any] = field(default_factory=dict)
    is_shown: bool = False

    def picked(self) -> list[int]:
        """The positions of the records that are ticked."""
        return [row for row, changes in self.edited_rows().items() if changes.get(_PICKED)]

    def edited_rows(self) -> dict[int, dict[str, Any]]:
        state: Mapping[str, Any] = st.session_state.get(self.key) or {}
        return {int(row): changes for row, changes in (state.get("edited_rows") or {}).items()}


def open_sheet(workspace: Workspace, numbers: Sequence[int], *, generation: int, generator: str) -> Sheet:
    """Return the sheet of these records. It is read anew where other records or a new `generation` are asked for."""
    identity = repr((str(workspace.folder), list(numbers), generation))
    key = "records-" + hashlib.sha256(identity.encode()).hexdigest()[:16]
    sheet: Sheet | None = st.session_state.get(_SHEET)
    if sheet is None or sheet.key != key:
        records = workspace.records.page(numbers)
        frame = _frame(workspace, records, is_dialogues=generator == DIALOGUES)
        sheet = Sheet(key, records, frame, [record.revision for record in records])
        st.session_state[_SHEET] = sheet
    return sheet


def save_edits(workspace: Workspace) -> None:
    """Save what the open sheet has been told and has not saved yet. Does nothing where that is nothing."""
    sheet: Sheet | None = st.session_state.get(_SHEET)
    if sheet is None:
        return
    for row, changes in sheet.edited_rows().items():
        if row < len(sheet.records):
            for column in sorted(changes, key=lambda name: name == _STATUS):  # a decision is about the edited text
                _save_cell(workspace, sheet, row, column, changes[column])


def show_sheet(workspace: Workspace, sheet: Sheet) -> None:
    st.data_editor(
        sheet.frame,
        key=sheet.key,
        on_change=save_edits,
        args=(workspace,),
        hide_index=True,
        num_rows="fixed",
        height=min(_HEADER + _ROW * len(sheet.records), _HIGHEST),
        row_height=_ROW,
        column_config=_column_config(sheet),
        alt="Records",
    )
    if not sheet.is_shown:
        sheet.is_shown = True
        _skip_what_was_saved_before(workspace, sheet)
    save_edits(workspace)


def _open_clicked(sheet: Sheet) -> None:
    click = st.session_state[_open_key(sheet)]
    open_record(sheet.records[click["row"]].id)


def _save_cell(workspace: Workspace, sheet: Sheet, row: int, column: str, value: Any) -> None:
    record = sheet.records[row]
    if column == _PICKED or sheet.sent.get((row, column), _MISSING) == value:
        return
    if column == _STATUS:
        seen = {record.id: sheet.decided_at[row]}
        if value is None or save_status(workspace, seen, ReviewStatus(value)) is not None:
            sheet.sent[row, column] = value
        return
    try:
        name, new_value = _change(workspace, record, column, value)
    except UsageError as error:
        notice(f"Record {record.number} was not saved: “{column.removeprefix(_FIELD)}” {error}.")
        return
    base = sheet.bases.get((row, name), record.revision)
    edited = save_field(workspace, record, name, new_value, base=base)
    if edited is None:
        return  # to be tried again
    sheet.sent[row, column] = value
    if edited.conflicts:
        return
    sheet.bases[row, name] = edited.record.revision
    if edited.record.revision == sheet.decided_at[row] + 1:  # nobody else's change lies between
        sheet.decided_at[row] = edited.record.revision


def _change(workspace: Workspace, record: Record, column: str, text: str | None) -> tuple[str, Any]:
    """Raises `UsageError`, the end of a sentence, for what the field cannot hold."""
    if column == _QUESTION:
        return CONVERSATION, with_first_question(record.fields, text or "")
    name = column.removeprefix(_FIELD)
    if record.generator == CUSTOM:
        kinds = kinds_of(workspace.records.params_of(record), record.fields)
        return name, from_typed(text or "", kinds.get(name, "text"), before=record.fields.get(name))
    return name, from_text(text, record.fields.get(name))


def _skip_what_was_saved_before(workspace: Workspace, sheet: Sheet) -> None:
    """After a restart of the server the browser sends its edits again: those that the history knows stay as they are.

    Somebody may have changed the same cell since, which a repeated edit would undo.
    """
    for row, changes in sheet.edited_rows().items():
        if row >= len(sheet.records):
            continue
        history = workspace.records.history(sheet.records[row].id)
        for column, value in changes.items():
            if column in (_PICKED, _STATUS):
                continue
            try:
                name, new_value = _change(workspace, sheet.records[row], column, value)
            except UsageError:
                continue
            if any(revision.fields.get(name) == new_value for revision in history):
                sheet.sent[row, column] = value


def _frame(workspace: Workspace, records: Sequence[Record], *, is_dialogues: bool) -> pd.DataFrame:
    leading, others = ordered_fields(workspace, records)
    columns = [*leading, *others]
    any_mended = any(record.repairs for record in records)
    params: dict[str | None, Fields] = {}  # by run: those of a recipe may be long
    rows = []
    for record in records:
        row: dict[str, Any] = {_PICKED: False, _STATUS: record.status.value, _OPEN: _OPEN_LABEL}
        if is_dialogues:
            row |= {_QUESTION: first_question(record.fields), _TURNS: len(record.fields.get(CONVERSATION) or [])}
        if record.generator == CUSTOM:
            if record.run_id not in params:
                params[record.run_id] = workspace.records.params_of(record)
            row |= _typed_cells(params[record.run_id], record, columns)
        else:
            row |= {_FIELD + name: as_editable(record.fields.get(name)) for name in columns}
        if any_mended:
            row[_MENDED] = ", ".join(record.repairs)
        rows.append(row | {_NUMBER: record.number})
    return pd.DataFrame(rows)


def _typed_cells(params: Fields, record: Record, columns: Sequence[str]) -> dict[str, str]:
    kinds = kinds_of(params, record.fields)
    return {_FIELD + name: typed_text(record.fields.get(name), kinds.get(name, "text")) for name in columns}


def _column_config(sheet: Sheet) -> dict[str, Any]:
    config: dict[str, Any] = {
        _PICKED: st.column_config.CheckboxColumn("", width=40, pinned=True),
        _STATUS: st.column_config.SelectboxColumn(
            "Status",
            options=[status.value for status in ReviewStatus],
            format_func=lambda value: STATUS_NAMES[ReviewStatus(str(value))],
            required=True,
            width=110,
            pinned=True,
        ),
        _QUESTION: st.column_config.TextColumn("First question", width="large"),
        _TURNS: st.column_config.NumberColumn("Turns", width=60, disabled=True),
        _OPEN: st.column_config.ButtonColumn(
            "", type="tertiary", key=_open_key(sheet), on_click=_open_clicked, args=(sheet,), width=90
        ),
        _MENDED: st.column_config.TextColumn(
            "Mended", width="small", disabled=True, help="What was put right in the model's answer to read it."
        ),
        _NUMBER: st.column_config.NumberColumn("No.", width=60, disabled=True),
    }
    for column in sheet.frame.columns:
        if column.startswith(_FIELD):
            name = column.removeprefix(_FIELD)
            is_given = name == MODEL_NAME and any(record.generator == CUSTOM for record in sheet.records)
            config[column] = st.column_config.TextColumn(name, width="medium", disabled=is_given)
    return {column: config[column] for column in sheet.frame.columns}


def _open_key(sheet: Sheet) -> str:
    return f"{sheet.key}-open"

"""Which records an action on many is about: the ticked ones, those of the page, or all that the filters find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from dataflow_core.models import ReviewStatus
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.review.snapshots import Snapshot, generation
from ui.review.table import Sheet

Scope = Literal["ticked", "unreviewed", "page", "found"]
_SCOPE, _SEEN = "review_bulk_scope", "review_bulk_scope_of"


@dataclass(frozen=True)
class Selection:
    scope: Scope
    numbers: Sequence[int]
    listed_at: float
    """When the list was made that all found are of."""
    sheet: Sheet
    rows: tuple[int, ...] = ()
    """Their places in the sheet, where all of them are on screen."""

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def is_on_screen(self) -> bool:
        return self.scope != "found"

    @property
    def in_words(self) -> str:
        number = len(self)
        return {
            "ticked": count(number, "ticked record"),
            "unreviewed": f"{count(number, 'unreviewed record')} on this page",
            "page": f"{count(number, 'record')} on this page",
            "found": f"all {number:,} records found",
        }[self.scope]

    def seen(self, workspace: Workspace) -> dict[str, int]:
        """By id, the revision on screen of each; to be asked for after edits were saved, which make revisions."""
        rows: Sequence[int] = self.rows
        if self.scope == "unreviewed":  # the click may have brought a decision along
            rows = sorted(set(rows) & set(_unreviewed(workspace, self.sheet)))
        return {self.sheet.records[row].id: self.sheet.decided_at[row] for row in rows}


def choose_selection(workspace: Workspace, sheet: Sheet, snapshot: Snapshot) -> Selection:
    """Show what may be chosen, and return what is: ticked records, else the unreviewed ones of the page, unless the
    person asks for more. That is asked for anew for each list and after each action.
    """
    rows: dict[Scope, Sequence[int]] = {"unreviewed": _unreviewed(workspace, sheet), "page": range(len(sheet.records))}
    if picked := [row for row in sheet.picked() if row < len(sheet.records)]:
        rows = {"ticked": sorted(picked), **rows}
    scopes: list[Scope] = [*rows]
    if len(snapshot.numbers) > len(sheet.records):
        scopes.append("found")
    numbers = {scope: [sheet.records[row].number for row in places] for scope, places in rows.items()}
    labels = {
        "ticked": f"{len(picked):,} ticked",
        "unreviewed": f"{len(rows['unreviewed']):,} unreviewed",
        "page": f"{len(sheet.records):,} on this page",
        "found": f"All {len(snapshot.numbers):,} found",
    }
    st.session_state[_SCOPE] = _present_scope(scopes, snapshot)
    chosen: Scope | None = st.segmented_control(
        "Which records",
        scopes,
        format_func=labels.__getitem__,
        key=_SCOPE,
        required=True,
        label_visibility="collapsed",
        wrap=True,
    )
    scope = chosen or scopes[0]
    if scope == "found":
        return Selection(scope, snapshot.numbers, snapshot.taken_at, sheet)
    return Selection(scope, numbers[scope], snapshot.taken_at, sheet, tuple(rows[scope]))


def _present_scope(scopes: Sequence[Scope], snapshot: Snapshot) -> Scope:
    """What was chosen, if it is still about the same; the first tick chooses the ticked ones."""
    present = (snapshot.folder, snapshot.query, snapshot.taken_at, generation())
    before, any_ticked = st.session_state.get(_SEEN, (None, False))
    st.session_state[_SEEN] = (present, "ticked" in scopes)
    chosen: Scope | None = st.session_state.get(_SCOPE)
    is_still_meant = before == present and (any_ticked or "ticked" not in scopes)
    if chosen is None or chosen not in scopes or not is_still_meant:
        return scopes[0]
    return chosen


def _unreviewed(workspace: Workspace, sheet: Sheet) -> list[int]:
    """The places of the records that nobody has decided, here or elsewhere, since the table was read."""
    present = workspace.records.page([record.number for record in sheet.records])
    waiting = {record.id for record in present if record.status is ReviewStatus.UNREVIEWED}
    return [row for row, record in enumerate(sheet.records) if record.id in waiting]

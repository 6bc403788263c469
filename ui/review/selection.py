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


@dataclass(frozen=True)
class Choice:
    """What can be chosen from, as it was drawn, and what of it is chosen now: a click may bring another choice along,
    or the first tick, for which the page has not been drawn yet.
    """

    drawn: Selection
    snapshot: Snapshot
    key: str
    any_ticked: bool

    def selection(self, workspace: Workspace) -> Selection:
        """Of no records, where the ones that were meant are no longer ticked."""
        offered = _offered(workspace, self.drawn.sheet, self.snapshot)
        scope: Scope = st.session_state.get(self.key) or self.drawn.scope
        if "ticked" in offered and not self.any_ticked:
            scope = "ticked"
        return offered.get(scope) or Selection(scope, [], self.snapshot.taken_at, self.drawn.sheet)


def choose_selection(workspace: Workspace, sheet: Sheet, snapshot: Snapshot) -> Choice:
    """Show what may be chosen, and return what is: ticked records, else the unreviewed ones of the page, unless the
    person asks for more. That is asked for anew for each list and after each action.
    """
    offered = _offered(workspace, sheet, snapshot)
    labels = {
        "ticked": f"{len(offered.get('ticked', ())):,} ticked",
        "unreviewed": f"{len(offered['unreviewed']):,} unreviewed",
        "page": f"{len(sheet.records):,} on this page",
        "found": f"All {len(snapshot.numbers):,} found",
    }
    key = _present_key([*offered], snapshot)
    chosen: Scope | None = st.segmented_control(
        "Which records",
        [*offered],
        format_func=labels.__getitem__,
        key=key,
        required=True,
        label_visibility="collapsed",
        wrap=True,
    )
    drawn = offered[chosen] if chosen else next(iter(offered.values()))
    return Choice(drawn, snapshot, key, "ticked" in offered)


def _offered(workspace: Workspace, sheet: Sheet, snapshot: Snapshot) -> dict[Scope, Selection]:
    rows: dict[Scope, Sequence[int]] = {"unreviewed": _unreviewed(workspace, sheet), "page": range(len(sheet.records))}
    if picked := [row for row in sheet.picked() if row < len(sheet.records)]:
        rows = {"ticked": sorted(picked), **rows}
    offered = {
        scope: Selection(scope, [sheet.records[row].number for row in places], snapshot.taken_at, sheet, tuple(places))
        for scope, places in rows.items()
    }
    if len(snapshot.numbers) > len(sheet.records):
        offered["found"] = Selection("found", snapshot.numbers, snapshot.taken_at, sheet)
    return offered


def _present_key(scopes: Sequence[Scope], snapshot: Snapshot) -> str:
    """The key of what was chosen with, if it is still about the same; else another one's, for which the first of the
    scopes is chosen: what the browser still sends of the one before must not choose here. The first tick chooses the
    ticked ones.
    """
    present = (snapshot.folder, snapshot.query, snapshot.taken_at, generation())
    turn, before, any_ticked = st.session_state.get(_SEEN, (0, None, False))
    is_still_meant = before == present and (any_ticked or "ticked" not in scopes)
    if not is_still_meant or st.session_state.get(f"{_SCOPE}_{turn}") not in scopes:
        turn += 1
        st.session_state[f"{_SCOPE}_{turn}"] = scopes[0]
    st.session_state[_SEEN] = (turn, present, "ticked" in scopes)
    return f"{_SCOPE}_{turn}"


def _unreviewed(workspace: Workspace, sheet: Sheet) -> list[int]:
    """The places of the records that nobody has decided, here or elsewhere, since the table was read."""
    present = workspace.records.page([record.number for record in sheet.records])
    waiting = {record.id for record in present if record.status is ReviewStatus.UNREVIEWED}
    return [row for row, record in enumerate(sheet.records) if record.id in waiting]

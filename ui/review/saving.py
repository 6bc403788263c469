"""Saving what a person changes on the Review page: when it was saved last, and what could not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Record, ReviewStatus
from dataflow_core.reviewing.review import Edited
from dataflow_core.workspace import Workspace
from ui.names import STATUS_NAMES
from ui.session import reviewer
from ui.text import escape_markdown, plain
from ui.values import as_text

_SAVED_AT, _NOTICES, _CONFLICTS = "review_saved_at", "review_notices", "review_conflicts"
_WRITTEN = "review_written"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A change that was not written, because someone else has changed the same field in the meantime."""

    record_id: str
    number: int
    field: str
    mine: Any
    theirs: Any
    revision: int


def save_field(workspace: Workspace, record: Record, field: str, value: Any, *, base: int) -> Edited | None:
    """Write one field over the revision `base` that was on screen.

    A conflict is kept, with what was written here, until the person chooses. None where nothing could be
    written: the person is told why.
    """
    try:
        edited = workspace.review.edit(record.id, {field: value}, base_revision=base, author=reviewer())
    except DataflowError as error:
        notice(f"Record {record.number} was not saved. {error}")
        return None
    conflicts: dict[tuple[str, str], Conflict] = st.session_state.setdefault(_CONFLICTS, {})
    if edited.conflicts:
        conflicts[record.id, field] = Conflict(
            record.id, record.number, field, value, edited.conflicts[field], edited.record.revision
        )
    else:
        conflicts.pop((record.id, field), None)
        st.session_state[_WRITTEN] = (record.id, edited.record.revision)
        _saved()
    return edited


def is_written_here(record: Record) -> bool:
    """Whether the record's present revision is the last one that this session has written."""
    return bool(st.session_state.get(_WRITTEN) == (record.id, record.revision))


def save_status(
    workspace: Workspace, seen: dict[str, int], status: ReviewStatus, *, reason: str = ""
) -> Sequence[str] | None:
    """Decide the records, each at the revision that was on screen. None where nothing could be written.

    Returns the ids of those left alone because their text has changed since.

    The person is told of that, and of records left alone because their text has changed since.
    """
    try:
        left_alone = workspace.review.decide(seen, status, reviewer=reviewer(), reason=reason)
    except DataflowError as error:
        notice(f"The decision was not saved. {error}")
        return None
    if len(left_alone) < len(seen):
        _saved()
    if left_alone:
        which = "1 record" if len(left_alone) == 1 else f"{len(left_alone)} records"
        notice(
            f"{which} not marked as {STATUS_NAMES[status].lower()}: somebody has changed the text since it was shown "
            "here. Reload to see the present text, then decide."
        )
    return left_alone


def notice(sentence: str) -> None:
    """Have `show_problems` say this until it is dismissed."""
    notices: list[str] = st.session_state.setdefault(_NOTICES, [])
    if sentence not in notices:
        notices.append(sentence)


def saved_caption() -> str:
    saved_at: datetime | None = st.session_state.get(_SAVED_AT)
    return f":material/cloud_done: Saved at {saved_at:%H:%M:%S}" if saved_at else "Changes are saved as you make them"


def show_problems(workspace: Workspace) -> bool:
    """Show what was not saved, with what can be done; True when what is on screen has to be read anew."""
    is_stale = False
    notices: list[str] = st.session_state.get(_NOTICES, [])
    if notices:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(escape_markdown(" ".join(notices)))
            if st.button("Reload", icon=":material/refresh:", help="Shows the records as they are now."):
                notices.clear()
                is_stale = True
    for conflict in list(st.session_state.get(_CONFLICTS, {}).values()):
        is_stale |= _show_conflict(workspace, conflict)
    return is_stale


def _show_conflict(workspace: Workspace, conflict: Conflict) -> bool:
    with st.container(border=True):
        st.markdown(
            f":orange[:material/warning:] **{escape_markdown(conflict.field)}** of record {conflict.number} was "
            "changed by someone else while you were editing it. Yours is kept here until you choose."
        )
        mine, theirs = st.columns(2)
        key = f"{conflict.record_id}-{conflict.field}"
        with mine:
            st.caption("Yours")
            plain(as_text(conflict.mine))
            keeps_mine = st.button("Keep mine", key=f"keep-{key}")
        with theirs:
            st.caption("Theirs, as it stands now")
            plain(as_text(conflict.theirs))
            takes_theirs = st.button("Keep theirs", key=f"take-{key}")
    if keeps_mine and (record := workspace.records.get(conflict.record_id)):
        save_field(workspace, record, conflict.field, conflict.mine, base=conflict.revision)
    if takes_theirs:
        st.session_state[_CONFLICTS].pop((conflict.record_id, conflict.field), None)
    return keeps_mine or takes_theirs


def _saved() -> None:
    st.session_state[_SAVED_AT] = datetime.now()

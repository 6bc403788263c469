"""The line above the table: which records are meant, and what can be done with all of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st
from ulid import ULID

from dataflow_core.flows.record_inputs import RecordChoice
from dataflow_core.models import ReviewStatus
from dataflow_core.storage.preferences import MOST_REASONS
from dataflow_core.workspace import Workspace
from ui.review.actions import carry_out, decide
from ui.review.repair_dialog import open_repair, show_open_repair
from ui.review.replace_dialog import replace_dialog
from ui.review.selection import Choice, Selection, choose_selection
from ui.review.snapshots import Snapshot, options_of
from ui.review.table import Sheet, save_edits
from ui.session import reviewer
from ui.text import escape_markdown
from ui.use_records import go_where_records_are_used, records_of, takers, use_records

_REJECT, _MORE, _OPEN = "review_bulk_reject", "review_bulk_more", "review_bulk_open"
# No reason of a person's own can be the same: its punctuation would be escaped.
_NO_REASON, _EDIT_REASONS = ":material/block: No reason", ":material/edit: Edit the reasons…"
_UNREVIEW = ":material/undo: Mark as unreviewed"
_AGAIN, _TAG, _REPLACE, _DELETE = (
    ":material/edit_note: Write again, with or without a note…",
    ":material/sell: Tag…",
    ":material/find_replace: Find and replace…",
    ":material/delete: Delete…",
)

_What = Literal["reasons", "tag", "replace", "delete"]
_DIALOGS: dict[str, _What] = {_TAG: "tag", _REPLACE: "replace", _DELETE: "delete"}


@dataclass(frozen=True)
class _Open:
    """The dialog that is open. It is about what was selected then, as long as the same table is below it."""

    what: _What
    selection: Selection
    prefix: str  # of its widgets' keys: new ones each time


def show_bulk_bar(workspace: Workspace, sheet: Sheet, snapshot: Snapshot) -> None:
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="review_bulk_bar"):
        choice = choose_selection(workspace, sheet, snapshot)
        is_empty = not len(choice.drawn)
        _decision_button(workspace, choice, "Accept", ":material/check:", ReviewStatus.ACCEPTED)
        st.menu_button(
            "Reject",
            [*map(escape_markdown, workspace.preferences.reasons()), _NO_REASON, _EDIT_REASONS],
            icon=":material/close:",
            key=_REJECT,
            on_click=_reject,
            args=(workspace, choice),
            disabled=is_empty,
        )
        _decision_button(workspace, choice, "Flag", ":material/flag:", ReviewStatus.FLAGGED)
        st.menu_button(
            "More",
            [_AGAIN, _UNREVIEW, *_DIALOGS, *takers()],
            icon=":material/more_horiz:",
            key=_MORE,
            on_click=_more,
            args=(workspace, choice),
            disabled=is_empty,
        )
    go_where_records_are_used()
    _show_open_dialog(workspace, sheet)


def _decision_button(workspace: Workspace, choice: Choice, label: str, icon: str, status: ReviewStatus) -> None:
    st.button(
        label,
        icon=icon,
        key=f"review_bulk_{label.lower()}",
        on_click=_decide,
        args=(workspace, choice, status),
        disabled=not len(choice.drawn),
    )


def _decide(workspace: Workspace, choice: Choice, status: ReviewStatus, reason: str = "") -> None:
    if len(selection := choice.selection(workspace)):
        decide(workspace, selection, status, reason)


def _reject(workspace: Workspace, choice: Choice) -> None:
    chosen: str = st.session_state[_REJECT]
    if chosen == _EDIT_REASONS:
        _open("reasons", choice.drawn)
    elif chosen == _NO_REASON:
        _decide(workspace, choice, ReviewStatus.REJECTED)
    else:
        # What others have made of the list meanwhile must not put another reason in this one's place.
        reason = next((one for one in workspace.preferences.reasons() if escape_markdown(one) == chosen), None)
        if reason is not None:
            _decide(workspace, choice, ReviewStatus.REJECTED, reason)


def _more(workspace: Workspace, choice: Choice) -> None:
    chosen: str = st.session_state[_MORE]
    selection = choice.selection(workspace)
    if not len(selection):
        return
    if chosen == _UNREVIEW:
        decide(workspace, selection, ReviewStatus.UNREVIEWED)
        return
    save_edits(workspace)
    if chosen in takers():
        use_records(workspace, chosen, _as_inputs(workspace, selection, choice.snapshot))
    elif chosen == _AGAIN:
        open_repair(selection)
    else:
        _open(_DIALOGS[chosen], selection)


def _as_inputs(workspace: Workspace, selection: Selection, snapshot: Snapshot) -> RecordChoice:
    """All that are found go by the query, for they may be very many."""
    runs = snapshot.query.runs
    of = records_of(workspace.runs.get(runs[0])).name if len(runs) == 1 else "Records from Review"
    if selection.scope == "found":
        return RecordChoice(snapshot.query, name=of)
    name = f"{of} ({len(selection):,})"
    return RecordChoice(snapshot.query, numbers=tuple(selection.numbers), name=name)


# ---- Dialogs


def _open(what: _What, selection: Selection) -> None:
    st.session_state[_OPEN] = _Open(what, selection, f"review_bulk_{ULID()}")


def _close() -> None:
    st.session_state.pop(_OPEN, None)


def _show_open_dialog(workspace: Workspace, sheet: Sheet) -> None:
    """Show it in each run of the page while it is open: one that ends an action meanwhile must not close it."""
    opened: _Open | None = st.session_state.get(_OPEN)
    if opened is None:
        show_open_repair(workspace)
        return
    if opened.selection.sheet.key != sheet.key:
        _close()
        return
    match opened.what:
        case "reasons":
            st.dialog("Reasons for a rejection", on_dismiss=_close)(_reasons)(workspace, opened.prefix)
        case "tag":
            st.dialog("Tag", on_dismiss=_close)(_tag)(workspace, opened)
        case "delete":
            st.dialog("Delete", on_dismiss=_close)(_delete)(workspace, opened)
        case "replace":
            dialog = st.dialog("Find and replace", width="large", on_dismiss=_close)(replace_dialog)
            dialog(workspace, opened.selection, opened.prefix, _close)


def _reasons(workspace: Workspace, prefix: str) -> None:
    typed = st.text_area(
        "One a line",
        "\n".join(workspace.preferences.reasons()),
        key=f"{prefix}_reasons",
        height=240,
        help=f"Up to {MOST_REASONS}: while a record is open, each has its digit as a key.",
    )
    if st.button("Save", type="primary", key=f"{prefix}_save"):
        workspace.preferences.set_reasons(typed.splitlines())
        _close()
        st.rerun()


def _tag(workspace: Workspace, opened: _Open) -> None:
    st.caption(f"For {opened.selection.in_words}.")
    tag = st.selectbox(
        "Tag",
        options_of(workspace)["tags"],
        index=None,
        key=f"{opened.prefix}_tag",
        accept_new_options=True,
        placeholder="Choose one, or type a new one",
    )
    with st.container(horizontal=True, gap="small"):
        is_added = st.button("Add", type="primary", key=f"{opened.prefix}_add", disabled=not tag)
        is_taken = st.button("Take away", key=f"{opened.prefix}_take", disabled=not tag)
    if is_added or is_taken:
        _close()
        carry_out(
            workspace,
            lambda: workspace.bulk.tag(opened.selection.numbers, tag or "", author=reviewer(), is_added=is_added),
        )
        st.rerun()


def _delete(workspace: Workspace, opened: _Open) -> None:
    st.markdown(
        f"Delete {opened.selection.in_words}? They go out of sight and out of every export. "
        "Their history is kept, and this can be undone."
    )
    with st.container(horizontal=True, gap="small"):
        is_sure = st.button("Delete", type="primary", icon=":material/delete:", key=f"{opened.prefix}_delete")
        is_off = st.button("Cancel", key=f"{opened.prefix}_cancel")
    if is_sure or is_off:
        _close()
        if is_sure:
            decide(workspace, opened.selection, ReviewStatus.DELETED)
        st.rerun()

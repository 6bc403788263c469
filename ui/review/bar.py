"""What stands between the Review page's filters and its table: counts, and decisions on several records at once."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import ReviewStatus
from dataflow_core.storage.records import Query
from dataflow_core.workspace import Workspace
from ui.names import STATUS_COLORS, STATUS_NAMES
from ui.review.filters import Snapshot, clear_filters, read_anew, show_new_records, take_new_snapshot
from ui.review.record import record_in_address
from ui.review.saving import save_status, saved_caption
from ui.review.table import Sheet, save_edits
from ui.shell import empty_state, page_header


def show_header(workspace: Workspace) -> bool:
    """Show the title and its buttons; True when a record is to be added."""
    accepted = workspace.records.count(Query(statuses=(ReviewStatus.ACCEPTED,)))
    with page_header("Review"):
        # A dialog must not lie over the open record, whose keys would still be listening.
        is_open = bool(record_in_address())
        adds = not is_open and st.button("Add record", icon=":material/add:")
        if st.button(
            f"Export {accepted:,} accepted",
            icon=":material/ios_share:",
            type="secondary" if is_open else "primary",
            disabled=not accepted,
        ):
            st.switch_page("pages/export.py")
    return adds


def show_counts(workspace: Workspace, query: Query, snapshot: Snapshot) -> None:
    for status, number in workspace.records.count_by_status(query).items():
        st.badge(f"{number:,} {STATUS_NAMES[status].lower()}", color=STATUS_COLORS[status])
    show_new_records(workspace, snapshot)


def show_bulk_buttons(workspace: Workspace, sheet: Sheet) -> None:
    """Buttons that decide the ticked records, or all of the page while none is ticked."""
    picked = sheet.picked()
    rows = picked or list(range(len(sheet.records)))
    page = "the one" if len(rows) == 1 else f"all {len(rows):,}"
    what = f"{len(picked):,} ticked" if picked else f"{page} on this page"
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        for label, status, icon in (
            ("Accept", ReviewStatus.ACCEPTED, ":material/check:"),
            ("Reject", ReviewStatus.REJECTED, ":material/close:"),
        ):
            st.button(
                f"{label} {what}",
                icon=icon,
                on_click=_decide,
                args=(workspace, sheet, rows, status),
                key=f"review_all_{status}",
            )
        st.button(
            "Refresh",
            icon=":material/refresh:",
            type="tertiary",
            on_click=take_new_snapshot,
            help="Lists the records anew: those that no longer match the filters go, new ones come.",
        )
        st.space("stretch")
        st.caption(saved_caption(), width="content")


def _decide(workspace: Workspace, sheet: Sheet, rows: list[int], status: ReviewStatus) -> None:
    save_edits(workspace)
    save_status(workspace, {sheet.records[row].id: sheet.decided_at[row] for row in rows}, status)
    read_anew()


def show_nothing_found(workspace: Workspace, query: Query) -> None:
    if not workspace.records.count(Query()):
        with empty_state(
            "Nothing to review yet",
            "Records appear here while a run makes them. Start with tasks of your own, or with dialogues from a plan.",
            icon=":material/rate_review:",
        ):
            if st.button("Make tasks", type="primary"):
                st.switch_page("pages/tasks.py")
            if st.button("Make dialogues"):
                st.switch_page("pages/dialogues.py")
        return
    with empty_state(
        "No record matches the filters", "Take some of them away to see more records.", icon=":material/filter_alt_off:"
    ):
        st.button("Show all records", on_click=clear_filters)

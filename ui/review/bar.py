"""What stands between the Review page's filters and its table: counts, and decisions on several records at once."""

from __future__ import annotations

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.names import STATUS_COLORS, STATUS_NAMES
from ui.review.filters import Snapshot, clear_filters, read_anew, show_new_records, take_new_snapshot
from ui.review.record import record_in_address
from ui.review.saving import save_status, saved_caption
from ui.review.table import Sheet, save_edits
from ui.shell import empty_state, page_header


def show_header(workspace: Workspace) -> bool:
    """Show the title and its buttons; True when a record is to be added."""
    runs = _runs_filtered(workspace)
    accepted = workspace.records.count(Query(runs=runs, statuses=(ReviewStatus.ACCEPTED,)))
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
            st.switch_page("pages/export.py", query_params={"run": runs[0]} if runs else None)
    return adds


def _runs_filtered(workspace: Workspace) -> tuple[str, ...]:
    """The run that the filter below is going to show: on arrival the address names it, then what is chosen there."""
    chosen = st.session_state.get("review_run", st.query_params.get("run", ""))
    try:
        return (workspace.runs.get(chosen).id,)
    except UsageError:
        return ()


def show_counts(workspace: Workspace, query: Query, snapshot: Snapshot) -> None:
    for status, number in workspace.records.count_by_status(query).items():
        if status is ReviewStatus.DELETED and not number:
            continue
        st.badge(f"{number:,} {STATUS_NAMES[status].lower()}", color=STATUS_COLORS[status])
    show_new_records(workspace, snapshot)


def show_bulk_buttons(workspace: Workspace, sheet: Sheet) -> None:
    """Buttons that decide the ticked records, or the unreviewed ones of the page while none is ticked."""
    picked = sheet.picked()
    number = len(picked) or len(_unreviewed(workspace, sheet))
    what = f"{number:,} ticked" if picked else f"{number:,} unreviewed" if number else "unreviewed"
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        for label, status, icon in (
            ("Accept", ReviewStatus.ACCEPTED, ":material/check:"),
            ("Reject", ReviewStatus.REJECTED, ":material/close:"),
        ):
            st.button(
                f"{label} {what}",
                icon=icon,
                on_click=_decide,
                args=(workspace, sheet, picked, status),
                disabled=not number,
                key=f"review_all_{status}",
            )
        st.button(
            "Refresh",
            icon=":material/refresh:",
            type="tertiary",
            on_click=take_new_snapshot,
            help="Lists the records anew: those that no longer match the filters go, new ones come.",
        )
        # Not at the right end, where the table's toolbar would cover it.
        st.caption(saved_caption(), width="content")


def _unreviewed(workspace: Workspace, sheet: Sheet) -> list[int]:
    """The positions of the records that nobody has decided, here or elsewhere, since the table was read."""
    present = workspace.records.page([record.number for record in sheet.records])
    waiting = {record.id for record in present if record.status is ReviewStatus.UNREVIEWED}
    return [row for row, record in enumerate(sheet.records) if record.id in waiting]


def _decide(workspace: Workspace, sheet: Sheet, picked: list[int], status: ReviewStatus) -> None:
    save_edits(workspace)
    rows = picked or _unreviewed(workspace, sheet)  # found anew: the click may have brought a decision along
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

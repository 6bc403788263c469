"""What stands above the Review page's records: title, the ways to work, and how many there are of what."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.names import STATUS_COLORS, STATUS_NAMES
from ui.review.filters import FINDING_NAMES, clear_filters, filter_by_proposals
from ui.review.focus import record_in_address
from ui.review.paging import show_new_records
from ui.review.snapshots import Snapshot, findings_of, proposals_waiting, statuses_of
from ui.session import has_name, name_reviewer
from ui.shell import empty_state, page_header, remark
from ui.text import escape_markdown

_ASKED = "review_name_asked"
#: Kinds of findings that are named beside the filters; the others are in their list.
_NAMED = 3

Wish = Literal["", "focus", "add"]


def show_header(workspace: Workspace) -> Wish:
    """Show the title and its buttons; return what was asked for."""
    runs = _runs_filtered(workspace)
    accepted = workspace.records.count(Query(runs=runs, statuses=(ReviewStatus.ACCEPTED,)))
    is_done = not workspace.records.count(Query(runs=runs, statuses=(ReviewStatus.UNREVIEWED,)))
    wish: Wish = "focus" if st.query_params.get("view") == "focus" and not record_in_address() else ""
    with page_header("Review"):
        # A dialog must not lie over the open record, whose keys would still be listening.
        is_open = bool(record_in_address())
        if not is_open and st.button("Add record", icon=":material/add:"):
            wish = "add"
        # The keys' decisions do not draw this anew: no number that would stay behind them.
        label = "Export" if is_open else f"Export {accepted:,} accepted"
        is_next = is_done and accepted and not is_open
        if st.button(
            label,
            icon=":material/ios_share:",
            type="primary" if is_next else "secondary",
            disabled=not accepted and not is_open,
        ):
            st.switch_page("pages/export.py", query_params={"run": runs[0]} if runs else None)
        if not is_open and st.button(
            "One by one",
            icon=":material/center_focus_strong:",
            type="secondary" if is_done else "primary",
            shortcut="T",
            help="Opens the first record that nobody has decided. Its keys: A accept, X reject, F flag, ? for more.",
        ):
            wish = "focus"
    return wish


def ask_name() -> None:
    """Ask once for the name that stands beside edits and decisions."""
    if has_name():
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Who reviews? The name stands beside your edits and decisions.", width="content")
        st.text_input(
            "Your name",
            key=_ASKED,
            placeholder="Your name",
            label_visibility="collapsed",
            width=180,
            on_change=lambda: name_reviewer(st.session_state[_ASKED]),
        )


def show_counts(workspace: Workspace, snapshot: Snapshot) -> None:
    for status, number in statuses_of(workspace, snapshot.query).items():
        if number or status not in (ReviewStatus.DELETED, ReviewStatus.FLAGGED):
            st.badge(f"{number:,} {STATUS_NAMES[status].lower()}", color=STATUS_COLORS[status])
    most = sorted(findings_of(workspace, snapshot.query).items(), key=lambda entry: -entry[1])
    for check, number in most[:_NAMED]:
        name = escape_markdown(FINDING_NAMES.get(check, check))
        remark(f":material/info: {number:,} {name.lower()}", "orange", width="content")
    if len(most) > _NAMED:
        st.caption(f"and {len(most) - _NAMED} more findings", width="content")
    if (waiting := proposals_waiting(workspace)) and not snapshot.query.proposals:
        st.button(
            f"{count(waiting, 'proposal')} waiting",
            type="tertiary",
            icon=":material/auto_awesome:",
            key="review_proposals_waiting",
            help="Lists the records for which a model has written another text that nobody has taken or refused.",
            on_click=filter_by_proposals,
            args=(workspace,),
        )
    show_new_records(workspace, snapshot)


def show_nothing_found(workspace: Workspace, query: Query) -> None:
    if not workspace.records.count(Query()):
        with empty_state(
            "Nothing to review yet",
            "Records appear here while a run makes them. Begin with your tasks, a plan of dialogues, or a recipe, "
            "or import a dataset.",
            icon=":material/rate_review:",
        ):
            if st.button("Make tasks", type="primary"):
                st.switch_page("pages/tasks.py")
            if st.button("Make dialogues"):
                st.switch_page("pages/dialogues.py")
            if st.button("Write a recipe"):
                st.switch_page("pages/custom.py")
            if st.button("Import a dataset"):
                st.switch_page("pages/import.py")
        return
    with empty_state(
        "No record matches the filters", "Take some of them away to see more records.", icon=":material/filter_alt_off:"
    ):
        st.button("Show all records", on_click=clear_filters)


def _runs_filtered(workspace: Workspace) -> tuple[str, ...]:
    """The run that the filter below is going to show: on arrival the address names it, then what is chosen there."""
    chosen = st.session_state.get("review_run", st.query_params.get("run", ""))
    try:
        return (workspace.runs.get(chosen).id,)
    except UsageError:
        return ()

"""What a model has written for some records, each with its differences, to be used or not; and what it could not."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import Failure, Proposal, ProposalState, Run
from dataflow_core.word_diff import record_diff
from dataflow_core.workspace import Workspace
from ui.review import repair
from ui.review.components.diff_view import diff_view
from ui.text import escape_markdown, plain

_SETTLED = {
    ProposalState.ACCEPTED: ":green[:material/check: Used]",
    ProposalState.REFUSED: ":gray[:material/close: Kept as it was]",
    ProposalState.OUTDATED: ":orange[:material/warning: Changed since, so it cannot be used]",
}
_LONG = 300  # characters


def show_results(workspace: Workspace, run: Run, *, key: str, limit: int) -> None:
    """Show the run's first proposals, in the order of their records."""
    found = workspace.proposals.page(workspace.proposals.numbers(run.id)[:limit])
    found.sort(key=lambda proposal: proposal.record)
    editors = workspace.proposals.editors([one.record for one in found])
    for proposal in found:
        with st.container(border=True, gap="xsmall"):
            _show_proposal(workspace, proposal, editors.get(proposal.record, ""), key)


def _show_proposal(workspace: Workspace, proposal: Proposal, editor: str, key: str) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, gap="small", vertical_alignment="center", width="content"):
            st.markdown(f"**Record {proposal.record:,}**", width="content")
            if editor:
                st.badge(escape_markdown(f"edited by {editor}"), icon=":material/edit:", color="orange")
        if proposal.state is ProposalState.OPEN:
            with st.container(horizontal=True, gap="xsmall", width="content"):
                _show_buttons(workspace, proposal, key)
        else:
            st.markdown(_SETTLED[proposal.state], width="content")
    if problem := st.session_state.get(_problem_key(proposal, key)):
        st.error(escape_markdown(problem))
    diff_view(record_diff(proposal.before, proposal.fields), key=f"{key}_diff_{proposal.number}")


def _show_buttons(workspace: Workspace, proposal: Proposal, key: str) -> None:
    for label, icon, is_used in (("Use", ":material/check:", True), ("Keep", None, False)):
        st.button(
            label,
            icon=icon,
            key=f"{key}_{label}_{proposal.number}",
            on_click=_settle,
            args=(workspace, proposal.number, is_used, _problem_key(proposal, key)),
            help=None if is_used else "Keeps the record as it is.",
        )


def _settle(workspace: Workspace, number: int, is_used: bool, problem_key: str) -> None:
    st.session_state[problem_key] = repair.settle(workspace, number, is_used=is_used)


def _problem_key(proposal: Proposal, key: str) -> str:
    return f"{key}_problem_{proposal.number}"


def show_failure(workspace: Workspace, failure: Failure) -> None:
    record = workspace.records.get(failure.fields.get("record", ""))
    name = f"Record {record.number:,}" if record else f"Input {failure.position + 1:,}"
    with st.expander(escape_markdown(f"{name}: {failure.reason}"), icon=":material/error:"):
        plain(failure.reason)
        if failure.raw_text:
            st.caption("What the model answered")
            is_long = len(failure.raw_text) > _LONG
            st.code(failure.raw_text, language=None, wrap_lines=True, height=240 if is_long else "content")
        else:
            st.caption("The model answered nothing.")

"""What a model proposes the open record to say instead: compared with its text, then taken or put away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.generators.rewrite import Scope
from dataflow_core.models import Proposal, ProposalState, Record
from dataflow_core.storage.queries import ANY_PROPOSAL
from dataflow_core.word_diff import record_diff
from dataflow_core.workspace import Workspace
from ui.format import ago
from ui.review.components.diff_view import Choice, diff_view
from ui.review.draft import Draft
from ui.review.regenerating import ask
from ui.review.saving import notice
from ui.review.snapshots import Snapshot, read_anew
from ui.session import reviewer
from ui.shell import remark
from ui.text import escape_markdown
from ui.typed import as_edited

_CHOSEN = "review_proposal"
_TAKE = Choice("take", "Use this text", "Y")
_KEEP = Choice("keep", "Keep the present one", "N")
_PUT_AWAY = Choice("keep", "Put it away", "N")


@dataclass(frozen=True, slots=True)
class Shown:
    """The proposal on screen, among all that wait for its record."""

    proposal: Proposal
    place: int
    waiting: Sequence[Proposal]
    stamp: str

    @property
    def is_takeable(self) -> bool:
        return self.proposal.state is ProposalState.OPEN


def proposal_of(workspace: Workspace, record: Record, draft: Draft, snapshot: Snapshot) -> Shown | None:
    """The proposal to be shown: the one chosen, else the newest; in a queue of one run's, that run's first."""
    waiting = workspace.proposals.open_for(record.number)
    if not waiting:
        return None
    run_id = run_in(snapshot)
    waiting.sort(key=lambda one: (bool(run_id) and one.run_id != run_id, -one.number))
    chosen = st.session_state.get(_CHOSEN)
    place = next((place for place, one in enumerate(waiting) if one.number == chosen), 0)
    return Shown(waiting[place], place, waiting, f"{draft.stamp}#{waiting[place].number}")


def run_in(snapshot: Snapshot) -> str:
    """The rewriting run whose proposals the queue is about; "" where it is about any, or not about proposals."""
    return "" if snapshot.query.proposals == ANY_PROPOSAL else snapshot.query.proposals


def show_proposal(workspace: Workspace, record: Record, shown: Shown) -> None:
    proposal = shown.proposal
    with st.container(border=True, gap="small", key="review_proposal_panel"):
        with st.container(gap=None):
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.markdown(f":primary[:material/auto_awesome:] **Another text** {_by(proposal)}", width="content")
                if len(shown.waiting) > 1:
                    _show_place(shown)
            st.caption(_asked(proposal))
        if shown.is_takeable:
            if who := workspace.proposals.editors([record.number]).get(record.number):
                remark(f":material/edit: {escape_markdown(who)} has written or edited what it would replace.", "orange")
        else:
            remark(
                ":material/history: The record was changed after this was asked for, so it cannot be used. Below is "
                "what the model has changed in the earlier text.",
                "orange",
            )
        diff_view(
            record_diff(
                as_edited(record.generator, record.fields if shown.is_takeable else proposal.before),
                as_edited(record.generator, proposal.fields),
            ),
            key="review_proposal_diff",
            stamp=shown.stamp,
            choices=[_TAKE, _KEEP] if shown.is_takeable else [_PUT_AWAY],
        )
        if not shown.is_takeable:
            st.button(
                "Have the present text written again",
                icon=":material/autorenew:",
                type="tertiary",
                key="review_proposal_again",
                on_click=_ask_anew,
                args=(workspace, record, proposal),
            )


def take(workspace: Workspace, stamp: str) -> bool:
    """Make the proposal that the stamp names its record's text. False where it stays as it is; the person is told."""
    if not _decide(lambda number: workspace.rewriting.accept(number, author=reviewer()), stamp):
        return False
    read_anew()
    return True


def keep(workspace: Workspace, stamp: str) -> bool:
    """Put the proposal that the stamp names away."""
    return _decide(lambda number: workspace.rewriting.refuse(number, author=reviewer()), stamp)


def _decide(act: Callable[[int], object], stamp: str) -> bool:
    number = stamp.rpartition("#")[2]
    if not (number.isascii() and number.isdigit() and len(number) < 12):
        return False
    try:
        act(int(number))
    except DataflowError as error:
        notice(str(error))
        return False
    st.session_state.pop(_CHOSEN, None)
    return True


def _by(proposal: Proposal) -> str:
    return f"by {escape_markdown(proposal.model)}" if proposal.model else ""


def _asked(proposal: Proposal) -> str:
    note = f"“{proposal.note}”" if proposal.note else "Written anew, without a note"
    who = "you" if proposal.author == reviewer() else proposal.author
    return escape_markdown(f"{note} · asked for by {who}, {ago(proposal.at)}")


def _show_place(shown: Shown) -> None:
    following = shown.waiting[(shown.place + 1) % len(shown.waiting)]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        st.caption(f"{shown.place + 1} of {len(shown.waiting)}", width="content")
        st.button(
            "Show the next",
            type="tertiary",
            key="review_proposal_next",
            on_click=lambda: st.session_state.update({_CHOSEN: following.number}),
        )


def _ask_anew(workspace: Workspace, record: Record, proposal: Proposal) -> None:
    """The same of the record as it is now; the outdated one is put away."""
    scope = Scope.of(workspace.runs.get(proposal.run_id).params["scope"])
    if keep(workspace, f"#{proposal.number}"):
        ask(workspace, record, proposal.note, scope)

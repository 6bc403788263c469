"""The chosen run: how far it is, why it stands still, and what can be done with it."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import Progress, ReviewStatus, Run, RunState
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.format import ago, count
from ui.names import STATE_COLORS, STATE_NAMES, generator_name
from ui.review.filters import go_to_review_of
from ui.runs.actions import ask, retry_failed, show_problem, start_again
from ui.runs.as_file import save_button
from ui.runs.figures import show_figures
from ui.runs.raise_budget import raise_budget
from ui.runs.stage_gate import answer_button, count_to_review, waiting_in_words
from ui.runs.traffic import choose_calls_at_a_time
from ui.text import escape_markdown
from ui.use_records import use_run_menu


def show_run(workspace: Workspace, run: Run) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            st.subheader(escape_markdown(run.name), anchor=False, width="content")
            st.badge(STATE_NAMES[run.state], color=STATE_COLORS[run.state])
        with st.container(horizontal=True, width="content", gap="xsmall"):
            _show_buttons(workspace, run, workspace.runs.progress(run.id))
    model = f" ({run.endpoint.model})" if run.endpoint.model else ""
    facts = f"{generator_name(run.generator)} · {run.endpoint.name}{model} · created {ago(run.created_at)} · {run.id}"
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"):
        st.caption(escape_markdown(facts), width="content")
        with st.container(horizontal=True, width="content", gap="small"):
            if not run.state.is_live and workspace.records.count(Query(runs=(run.id,))):
                use_run_menu(workspace, run)
            save_button(workspace, run)
    show_problem()
    if sentence := why_it_stands(run):
        st.warning(escape_markdown(sentence), icon=":material/pause_circle:")
    if sentence := waiting_in_words(workspace.runs.waiting_by_status(run.id)):
        st.info(sentence, icon=":material/rate_review:")
    show_figures(workspace, run)


def why_it_stands(run: Run) -> str:
    """Say why the run is not going on and what would make it, in a sentence; "" where it goes on or is at its end."""
    if run.state is RunState.INTERRUPTED:
        return (
            "The run's process stopped unexpectedly. Nothing that was answered is lost: resume it to go on from there."
        )
    if run.state is RunState.CANCELLED:
        return "Cancelled. Its records are kept, and it can go on with the inputs that had no turn."
    return run.reason if run.state is RunState.PAUSED else ""


def _show_buttons(workspace: Workspace, run: Run, progress: Progress) -> None:
    if run.state.is_live:
        st.button("Pause", icon=":material/pause:", on_click=ask, args=(workspace, run, "pause"))
        choose_calls_at_a_time(workspace, run)
    stands_still = run.state in (RunState.PAUSED, RunState.FINISHED)
    may_go_on = run.state is RunState.INTERRUPTED or (stands_still and progress.pending > 0)
    waiting = workspace.runs.waiting_by_status(run.id)
    accepted = 0 if run.state.is_live else waiting.get(ReviewStatus.ACCEPTED, 0)
    if may_go_on and run.stopped_by == "budget":
        raise_budget(workspace, run, progress)
    elif may_go_on:
        st.button(
            _go_on_label(run, progress),
            type="primary",
            icon=":material/play_arrow:",
            on_click=start_again,
            args=(workspace, run),
        )
    if accepted:
        answer_button(workspace, run, accepted, is_primary=not may_go_on)
    if progress.failed and not run.state.is_live and run.stopped_by != "budget":  # nothing is left to retry with
        is_cancelled = run.state is RunState.CANCELLED
        label = f"Go on with the other {progress.failed:,}" if is_cancelled else f"Retry {progress.failed:,} failed"
        st.button(label, icon=":material/replay:", on_click=retry_failed, args=(workspace, run))
    if run.state.is_live or may_go_on or progress.waiting:
        _show_cancel(workspace, run)
    records = workspace.records.count(Query(runs=(run.id,)))
    label = "Review what is there" if run.state.is_live else f"Review {count(records, 'record')}"
    if not run.state.is_live and (to_review := count_to_review(waiting)):
        label = f"Review the questions of {to_review:,}"
    if (records or run.state.is_live) and st.button(
        label,
        type="secondary" if run.state.is_live or may_go_on or accepted else "primary",
        icon=":material/rate_review:",
    ):
        go_to_review_of(run)


def _go_on_label(run: Run, progress: Progress) -> str:
    if not progress.ended:
        return "Start"
    return f"Start the rest ({progress.pending:,})" if run.limit is not None else "Resume"


def _show_cancel(workspace: Workspace, run: Run) -> None:
    with st.popover("Cancel", icon=":material/cancel:"):
        st.markdown(
            "Its records are kept. Inputs that had no turn yet, or wait for a review, are listed as failed; "
            "they can be retried."
        )
        st.button("Cancel the run", type="primary", on_click=ask, args=(workspace, run, "cancel"))

"""The chosen run: how far it is, why it stands still, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Progress, Run, RunState
from dataflow_core.storage.records import Query
from dataflow_core.workspace import Workspace
from ui.format import ago, count, duration
from ui.names import STATE_COLORS, STATE_NAMES, generator_name
from ui.review.filters import go_to_review_of
from ui.session import pasted_key
from ui.sidebar import share_done
from ui.text import escape_markdown

_ERROR = "run_error"


def show_run(workspace: Workspace, run: Run) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            st.subheader(escape_markdown(run.name), anchor=False, width="content")
            st.badge(STATE_NAMES[run.state], color=STATE_COLORS[run.state])
        with st.container(horizontal=True, width="content", gap="xsmall"):
            _show_buttons(workspace, run, workspace.runs.progress(run.id))
    model = f" ({run.endpoint.model})" if run.endpoint.model else ""
    st.caption(
        escape_markdown(
            f"{generator_name(run.generator)} · {run.endpoint.name}{model} · created {ago(run.created_at)} · {run.id}"
        )
    )
    if error := st.session_state.pop(_ERROR, ""):
        st.error(escape_markdown(error))
    if sentence := why_it_stands(run):
        st.warning(escape_markdown(sentence), icon=":material/pause_circle:")
    failed = workspace.runs.progress(run.id).failed
    st.fragment(_progress, run_every=1.0 if run.state.is_live else None)(workspace, run.id, run.state, failed)


def why_it_stands(run: Run) -> str:
    """Say why the run is not going on and what would make it, in a sentence; "" where it goes on or is at its end."""
    if run.state is RunState.INTERRUPTED:
        return (
            "The run's process stopped unexpectedly. Nothing that was answered is lost: resume it to go on from there."
        )
    if run.state is RunState.CANCELLED:
        return "Cancelled. Its records are kept, and it can go on with the inputs that had no turn."
    return run.reason if run.state is RunState.PAUSED else ""


def start_again(workspace: Workspace, run: Run) -> None:
    """Start or resume the run. For a callback."""
    _attempt(lambda: workspace.start(run.id, key=pasted_key))


def retry_failed(workspace: Workspace, run: Run) -> None:
    """For a callback."""

    def act() -> None:
        workspace.runs.retry_failed(run.id)
        workspace.start(run.id, limit=run.limit, key=pasted_key)  # a trial stays one

    _attempt(act)


def _show_buttons(workspace: Workspace, run: Run, progress: Progress) -> None:
    if run.state.is_live:
        st.button("Pause", icon=":material/pause:", on_click=_ask, args=(workspace, run, "pause"))
    may_go_on = run.state in (RunState.PAUSED, RunState.INTERRUPTED) and progress.pending
    if may_go_on:
        st.button(
            _go_on_label(run, progress),
            type="primary",
            icon=":material/play_arrow:",
            on_click=start_again,
            args=(workspace, run),
        )
    if progress.failed and not run.state.is_live:
        is_cancelled = run.state is RunState.CANCELLED
        label = f"Go on with the other {progress.failed:,}" if is_cancelled else f"Retry {progress.failed:,} failed"
        st.button(label, icon=":material/replay:", on_click=retry_failed, args=(workspace, run))
    if run.state.is_live or may_go_on:
        _show_cancel(workspace, run)
    records = workspace.records.count(Query(runs=(run.id,)))
    label = "Review what is there" if run.state.is_live else f"Review {count(records, 'record')}"
    if (records or run.state.is_live) and st.button(
        label,
        type="secondary" if run.state.is_live or may_go_on else "primary",
        icon=":material/rate_review:",
    ):
        go_to_review_of(run)


def _go_on_label(run: Run, progress: Progress) -> str:
    if not progress.done and not progress.failed:
        return "Start"
    return f"Start the rest ({progress.pending:,})" if run.limit is not None else "Resume"


def _show_cancel(workspace: Workspace, run: Run) -> None:
    with st.popover("Cancel", icon=":material/cancel:"):
        st.markdown("Its records are kept. Inputs that had no turn yet are listed as failed; they can be retried.")
        st.button("Cancel the run", type="primary", on_click=_ask, args=(workspace, run, "cancel"))


def _ask(workspace: Workspace, run: Run, request: str) -> None:
    _attempt(lambda: workspace.runs.ask(run.id, "cancel" if request == "cancel" else "pause"))


def _attempt(act: Callable[[], object]) -> None:
    try:
        act()
    except DataflowError as error:
        st.session_state[_ERROR] = str(error)


def _progress(workspace: Workspace, run_id: str, drawn: RunState, drawn_failed: int) -> None:
    run, progress = workspace.runs.get(run_id), workspace.runs.progress(run_id)
    if run.state is not drawn:
        st.rerun()  # of the whole page: its buttons are for another state
    st.progress(share_done(run, progress), text=_progress_text(run, progress))
    with st.grid(6, min_column_width=110):
        st.metric("Records", progress.done, border=True, format="localized")
        st.metric("Failed", progress.failed, border=True, format="localized")
        st.metric("Pending", progress.pending, border=True, format="localized")
        st.metric("Records a second", f"{progress.recent_per_second:.2g}" if run.state.is_live else "–", border=True)
        st.metric("Tokens", progress.usage.total, border=True, format="compact", help=_tokens(progress))
        st.metric("Time", _time(run), border=True, help="Since it was last started.")
    if progress.failed > drawn_failed and st.button(
        f"Show {count(progress.failed - drawn_failed, 'new failure')}", icon=":material/refresh:"
    ):
        st.rerun()


def _progress_text(run: Run, progress: Progress) -> str:
    ended = progress.done if run.state is RunState.CANCELLED else progress.ended
    target = run.target(progress)
    parts = [f"{ended:,} of {target:,}" + (f" to try, {progress.total:,} in all" if target < progress.total else "")]
    if run.state is RunState.QUEUED:
        parts.append("starting")
    elif run.state is RunState.RUNNING and progress.recent_per_second > 0 and target > ended:
        parts.append(f"{duration((target - ended) / progress.recent_per_second)} left")
    return " · ".join(parts)


def _tokens(progress: Progress) -> str:
    usage = progress.usage
    return f"{usage.prompt_tokens:,} in prompts, {usage.completion_tokens:,} in answers; {progress.calls:,} calls."


def _time(run: Run) -> str:
    if run.started_at is None:
        return "–"
    if run.state.is_live:
        return duration((datetime.now(UTC) - run.started_at).total_seconds())
    return duration((run.finished_at - run.started_at).total_seconds()) if run.finished_at else "–"

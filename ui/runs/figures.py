"""How far a run is, what it has used, and how fast it goes: read anew each second while it is live."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime

import streamlit as st

from dataflow_core.models import Progress, Run, RunState
from dataflow_core.storage.queries import Query
from dataflow_core.wording import about, budget_in_words, money
from dataflow_core.workspace import Workspace
from ui.budget import share_used, used_in_words
from ui.format import count, duration
from ui.pace import time_left
from ui.runs.traffic import show_traffic
from ui.sidebar import share_done
from ui.text import escape_markdown

_RATES = "average-rates"
_BUDGET_BAR = 160  # pixels
#: Seconds after a run's end: the sidebar sees to it by then. Two fragments that rerun the page at once may cut it off.
_PATIENCE = 3.0


def show_figures(workspace: Workspace, run: Run) -> None:
    failed = workspace.runs.progress(run.id).failed
    st.fragment(_figures, run_every=1.0 if run.state.is_live else None)(workspace, run.id, run.state, failed)


def _figures(workspace: Workspace, run_id: str, drawn: RunState, drawn_failed: int) -> None:
    run, progress = workspace.runs.get(run_id), workspace.runs.progress(run_id)
    if run.state is not drawn and (run.state.is_live or _has_ended_for(run) > _PATIENCE):
        st.rerun()  # of the whole page: its buttons are for another state
    with st.container(gap="xsmall"):
        st.progress(share_done(run, progress), text=_progress_text(run, progress))
        if run.state.is_live:
            show_traffic(workspace, run, progress)
        if budget_in_words(run.budget):
            _budget(run, progress)
    _metrics(workspace, run, progress)
    if progress.failed > drawn_failed and st.button(
        f"Show {count(progress.failed - drawn_failed, 'new failure')}", icon=":material/refresh:"
    ):
        st.rerun()


def _has_ended_for(run: Run) -> float:
    return (datetime.now(UTC) - run.finished_at).total_seconds() if run.finished_at else math.inf


def _budget(run: Run, progress: Progress) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        used = escape_markdown(f"Budget: {used_in_words(run, progress)}")
        st.caption(f":material/savings: {used}", width="content")
        st.progress(share_used(run, progress), width=_BUDGET_BAR)


def _metrics(workspace: Workspace, run: Run, progress: Progress) -> None:
    cost = run.cost(progress, workspace.endpoint_of(run))
    with st.grid(5 + (cost is not None) + (progress.waiting > 0), min_column_width=120):
        st.metric("Records", progress.done, border=True, format="localized")
        st.metric("Failed", progress.failed, border=True, format="localized")
        st.metric("Pending", progress.pending, border=True, format="localized")
        if progress.waiting:
            waiting = "Their questions are written; only accepted ones get their answers."
            st.metric("Waiting", progress.waiting, border=True, format="localized", help=waiting)
        st.metric("Tokens", progress.usage.total, border=True, format="compact", help=_tokens(progress))
        if cost is not None:
            st.metric("Money", escape_markdown(money(cost)), border=True)
        _rate_metric(workspace, run, progress)
    if facts := [*_each(progress, cost), *_effort(run, progress)]:
        st.caption(escape_markdown(" · ".join(facts)))


def _each(progress: Progress, cost: float | None) -> Iterator[str]:
    if progress.done and progress.usage.total:
        tokens = f"{about(progress.usage.total / progress.done)} tokens"
        yield f"{tokens if cost is None else f'{money(cost / progress.done)} and {tokens}'} a record"


def _effort(run: Run, progress: Progress) -> Iterator[str]:
    if progress.calls:
        yield count(progress.calls, "call")
    until = datetime.now(UTC) if run.state.is_live else run.finished_at
    if run.started_at is not None and until is not None:
        verb = "going for" if run.state.is_live else "last went on for"
        yield f"{verb} {duration((until - run.started_at).total_seconds())}"


def _rate_metric(workspace: Workspace, run: Run, progress: Progress) -> None:
    if run.state.is_live:
        rate, told = progress.recent_per_second, "Records a second, of the last half minute."
    else:
        rate, told = _average_rate(workspace, run), "Records a second, on average since it was last started."
    st.metric("Records/s", f"{rate:.2g}" if rate else "–", border=True, help=told)


def _average_rate(workspace: Workspace, run: Run) -> float:
    """Counted once for each time that the run has ended: it needs the numbers of all its records."""
    if run.started_at is None or run.finished_at is None:
        return 0.0
    rates: dict[tuple[str, datetime], float] = st.session_state.setdefault(_RATES, {})
    if (key := (run.id, run.finished_at)) not in rates:
        numbers = sorted(workspace.records.numbers(Query(runs=(run.id,), sort="newest")))

        def made_at(number: int) -> datetime:
            return workspace.records.page([number])[0].created_at

        made = bisect_left(numbers, run.finished_at, key=made_at) - bisect_left(numbers, run.started_at, key=made_at)
        rates[key] = made / max((run.finished_at - run.started_at).total_seconds(), 0.5)
    return rates[key]


def _progress_text(run: Run, progress: Progress) -> str:
    ended = progress.done if run.state is RunState.CANCELLED else progress.ended
    target = run.target(progress)
    parts = [f"{ended:,} of {target:,}" + (f" to try, {progress.total:,} in all" if target < progress.total else "")]
    if progress.waiting:
        parts.append(f"{progress.waiting:,} of them without answers yet")
    if run.state is RunState.QUEUED:
        parts.append("starting")
    elif run.state is RunState.RUNNING and (left := time_left(run, progress)):
        parts.append(left)
    return " · ".join(parts)


def _tokens(progress: Progress) -> str:
    usage = progress.usage
    return f"{usage.prompt_tokens:,} in prompts, {usage.completion_tokens:,} in answers; {progress.calls:,} calls."

"""What the calls of a live run do now, and changing how many it may make at a time."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Endpoint, Progress, Run, Traffic
from dataflow_core.serving.keys import base_url_of
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.shell import remark
from ui.text import escape_markdown

_MOST = 512


def show_traffic(workspace: Workspace, run: Run, progress: Progress) -> None:
    """Nothing for a run that makes no calls now."""
    traffic = workspace.leases.traffic(run.id)
    if traffic is None:
        return
    left = run.target(progress) - progress.ended
    sharing = sum(_is_same(other.endpoint, run.endpoint) for other in workspace.runs.live()) - 1
    with st.container(horizontal=True, gap="medium"):
        calls = escape_markdown(calls_in_words(run, traffic, left=left, sharing=sharing))
        st.caption(f":material/swap_calls: {calls}", width="content")
        if traffic.waiting:
            sentence = escape_markdown(waiting_in_words(traffic, datetime.now(UTC)))
            remark(f":material/hourglass_top: {sentence}", "orange", width="content")


def calls_in_words(run: Run, traffic: Traffic, *, left: int, sharing: int) -> str:
    """`left` is how many inputs are still to end, `sharing` how many other live runs call the same endpoint."""
    maximum = run.endpoint.max_workers
    if traffic.allowed >= min(maximum, left):
        of = f" of {maximum:,}" if traffic.allowed >= maximum else ""
        return f"{traffic.in_flight:,}{of} {'call' if traffic.in_flight == 1 and not of else 'calls'} under way"
    under_way = f"{traffic.in_flight:,} of {count(traffic.allowed, 'call')} under way"
    if sharing > 0:
        others = "another run" if sharing == 1 else f"{sharing} other runs"
        return f"{under_way} · shares the endpoint with {others}; your maximum is {maximum:,}"
    return f"{under_way} · the endpoint takes {traffic.allowed:,} at a time now; your maximum is {maximum:,}"


def waiting_in_words(traffic: Traffic, now: datetime) -> str:
    """Why calls wait, and for how long yet where that is known: "The endpoint asks to wait 12 s"."""
    seconds = (traffic.wait_until - now).total_seconds() if traffic.wait_until else 0.0
    if seconds <= 0:
        return traffic.waiting
    joint = " " if traffic.waiting.endswith(" wait") else " · next call in "
    return f"{traffic.waiting}{joint}{math.ceil(seconds)} s"


def choose_calls_at_a_time(workspace: Workspace, run: Run) -> None:
    """Of a live run. The embedded model takes one, for more would only slow it down."""
    if run.endpoint.kind == "embedded":
        return
    with st.popover("Calls at a time", icon=":material/speed:"):
        st.number_input(
            "Calls at a time",
            *(1, _MOST, run.endpoint.max_workers),
            key=_key(run),
            on_change=_set_workers,
            args=(workspace, run),
        )
        st.caption("The most for this run, from now on. Settings holds the number that new runs take.")
        if problem := st.session_state.pop(_problem(run), ""):
            st.error(escape_markdown(problem))


def _set_workers(workspace: Workspace, run: Run) -> None:
    try:
        workspace.runs.set_workers(run.id, st.session_state[_key(run)])
    except DataflowError as error:
        st.session_state[_problem(run)] = str(error)


def _key(run: Run) -> str:
    return f"calls-at-a-time-{run.id}-{run.endpoint.max_workers}"  # a number set elsewhere makes it another widget


def _problem(run: Run) -> str:
    return f"calls-at-a-time-problem-{run.id}"


def _is_same(one: Endpoint, other: Endpoint) -> bool:
    return (one.kind, one.model, base_url_of(one)) == (other.kind, other.model, base_url_of(other))

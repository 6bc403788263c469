"""The foot of the sidebar: the runs that are going on, and the workspace's name."""

from __future__ import annotations

from typing import Protocol

import streamlit as st

from dataflow_core.models import Progress, Run, RunState
from ui.format import count
from ui.pace import time_left
from ui.text import escape_markdown

_SHOWN = 3


class Runs(Protocol):
    def live(self) -> list[Run]: ...

    def progress(self, run_id: str) -> Progress: ...


class Workspace(Protocol):
    """What the sidebar reads of a workspace."""

    @property
    def name(self) -> str: ...

    @property
    def runs(self) -> Runs: ...


def run_indicator(workspace: Workspace) -> None:
    """Show the live runs' progress, read anew each second as long as there are any."""
    is_polling = bool(workspace.runs.live())
    with st.sidebar:
        st.fragment(_live_runs, run_every=1.0 if is_polling else None)(workspace, is_polling)
        st.caption(f":material/folder_open: {escape_markdown(workspace.name)}", wrap=False)


def _live_runs(workspace: Workspace, is_polling: bool) -> None:
    live = workspace.runs.live()
    if is_polling and not live:
        st.rerun()  # of the whole page: it ends the polling, and shows what the last run has brought
    for run in live[:_SHOWN]:
        _card(run, workspace.runs.progress(run.id))
    if len(live) > _SHOWN:
        st.caption(f"and {count(len(live) - _SHOWN, 'more run', 'more runs')}")


def _card(run: Run, progress: Progress) -> None:
    with st.container(border=True, gap="xsmall"):
        st.caption(f":material/bolt: **{escape_markdown(run.name)}**", wrap=False)
        st.progress(share_done(run, progress), text=_status(run, progress))


def share_done(run: Run, progress: Progress) -> float:
    """Return how much of what the run is to take up has ended, one way or the other, between 0 and 1.

    Of a cancelled run only its records count: what it left are failures, but nothing was tried.
    """
    target = run.target(progress)
    ended = progress.done if run.state is RunState.CANCELLED else progress.ended
    return min(ended / target, 1.0) if target else 0.0


def _status(run: Run, progress: Progress) -> str:
    if run.state is RunState.QUEUED:
        return "Starting"
    parts = [f"{share_done(run, progress):.0%}"]
    if left := time_left(run, progress):
        parts.append(left)
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    return " · ".join(parts)

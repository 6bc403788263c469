"""What a person does with a run, and what kept it from being done. For callbacks, or before `st.rerun`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Budget, Endpoint, Run, Stage
from dataflow_core.storage.runs import Request
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.session import pasted_key
from ui.text import escape_markdown

_PROBLEM = "run_error"


def show_problem() -> None:
    """Say once what the last action failed at."""
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(escape_markdown(problem))


def ask(workspace: Workspace, run: Run, request: Request) -> None:
    _attempt(lambda: workspace.runs.ask(run.id, request))


def start_again(workspace: Workspace, run: Run) -> None:
    """Start or resume the run, with all of its inputs."""
    _attempt(lambda: workspace.start(run.id, key=pasted_key))


def go_on_with(workspace: Workspace, run: Run, budget: Budget) -> None:
    def act() -> None:
        workspace.runs.set_budget(run.id, budget)
        workspace.start(run.id, limit=run.limit, key=pasted_key)  # a trial stays one

    _attempt(act)


def retry_failed(
    workspace: Workspace,
    run: Run,
    *,
    stage: Stage | None = None,
    input_ids: Sequence[str] | None = None,
    endpoint: Endpoint | None = None,
) -> None:
    """Have failed inputs, all of them or these, tried again, by another model where one is given."""

    def act() -> None:
        workspace.retry(run.id, stage=stage, input_ids=input_ids, endpoint=endpoint)
        workspace.start(run.id, limit=run.limit, key=pasted_key)

    _attempt(act)


def retry_or_queue(
    workspace: Workspace, run: Run, *, stage: Stage | None = None, input_ids: Sequence[str] | None = None
) -> None:
    """As `retry_failed`, but a run that stands still with others to do is left to the person to resume."""
    progress = workspace.runs.progress(run.id)
    if run.target(progress) <= progress.ended:
        retry_failed(workspace, run, stage=stage, input_ids=input_ids)
        return

    def act() -> None:
        number = workspace.retry(run.id, stage=stage, input_ids=input_ids)
        st.toast(f"{count(number, 'input')} will be tried again when the run goes on.", icon=":material/replay:")

    _attempt(act)


def answer_accepted(workspace: Workspace, run: Run) -> None:
    """Have accepted questions answered; a run that stands still with others to do is left to the person to resume."""
    progress = workspace.runs.progress(run.id)
    has_others = run.target(progress) > progress.ended

    def act() -> None:
        number = workspace.answer_accepted(run.id)
        if has_others:
            whose = count(number, "dialogue")
            st.toast(f"{whose} will get answers when the run goes on.", icon=":material/forum:")
        elif number:
            workspace.start(run.id, limit=run.limit, key=pasted_key)  # a trial stays one

    _attempt(act)


def _attempt(act: Callable[[], object]) -> None:
    try:
        act()
    except DataflowError as error:
        st.session_state[_PROBLEM] = str(error)

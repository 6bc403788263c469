"""Having the open record written again by a model: asking for it, what goes on meanwhile, and what it failed at."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.generators.rewrite import Scope
from dataflow_core.models import Endpoint, Record, ReviewStatus, Run, RunState
from dataflow_core.reviewing.rewriting import WHOLE
from dataflow_core.workspace import Workspace
from ui.endpoints import endpoint_label, endpoint_warning
from ui.format import count, duration
from ui.names import GENERATOR_NAMES
from ui.session import pasted_key, reviewer
from ui.text import escape_markdown

_PROBLEM, _STOPPING = "review_regenerate_problem", "review_regenerate_stopping"
_NO_NOTES = "The built-in model writes it again, but cannot follow a note."


def can_regenerate(record: Record) -> bool:
    return record.generator in GENERATOR_NAMES and record.status is not ReviewStatus.DELETED


def hint(workspace: Workspace, record: Record) -> str:
    """What is to be known before one asks: which model writes, or what is missing for it."""
    endpoint = writer_of(workspace, record)
    if endpoint.kind == "embedded":
        return _NO_NOTES
    if problem := endpoint_warning(endpoint):
        return problem
    return f"{endpoint_label(endpoint)} writes it. The text stays as it is until you have seen the new one."


def writer_of(workspace: Workspace, record: Record) -> Endpoint:
    """The model that made the record, where it can be called; else the workspace's default.

    One that can follow a note comes before one that cannot.
    """
    default = workspace.endpoints.default()
    candidates = [default]
    if record.run_id is not None:
        candidates.insert(0, workspace.endpoint_of(workspace.runs.get(record.run_id)))
    candidates.sort(key=lambda endpoint: endpoint.recipe == "small")
    return next((one for one in candidates if one.kind == "embedded" or endpoint_warning(one) is None), candidates[0])


def ask(workspace: Workspace, record: Record, note: str, scope: Scope = WHOLE) -> None:
    """Have it written again, as a proposal. For a callback; what keeps it from being done is shown then."""
    endpoint = writer_of(workspace, record)
    st.session_state.pop(_PROBLEM, None)
    if problem := endpoint_warning(endpoint):
        st.session_state[_PROBLEM] = problem
        return
    try:
        run = workspace.rewriting.plan([record.id], note, endpoint=endpoint, author=reviewer(), scope=scope)
        workspace.start(run.id, key=pasted_key)
    except DataflowError as error:
        st.session_state[_PROBLEM] = str(error)


def show_requests(workspace: Workspace, record: Record) -> None:
    """Show what is being written at the moment, read anew each second as long as something is, and what has failed."""
    with st.container():  # always there: a fragment that moves is another one, and this would go on being read
        if problem := st.session_state.get(_PROBLEM):
            _show_problem(problem)
    under_way = frozenset(workspace.requests.under_way())
    st.fragment(_requests, run_every=1.0 if under_way else None)(workspace, record, under_way)


def _requests(workspace: Workspace, record: Record, was_under_way: frozenset[str]) -> None:
    under_way = workspace.requests.under_way()
    if under_way.keys() != was_under_way:
        st.rerun()  # of the whole page: a proposal has come, or a failure
    asked = workspace.requests.of(record.number)
    for run in asked:
        if run.id in under_way:
            _show_under_way(workspace, run)
    ended = next((run for run in asked if not run.state.is_live and run.state is not RunState.CANCELLED), None)
    if ended is not None:
        _show_failure(workspace, record, ended)
    if others := len({number for number in under_way.values() if number != record.number}):
        verb = "is" if others == 1 else "are"
        st.caption(f":material/autorenew: {count(others, 'other record')} {verb} being written again.")


def _show_under_way(workspace: Workspace, run: Run) -> None:
    seconds = (datetime.now(UTC) - run.created_at).total_seconds()
    stopping: set[str] = st.session_state.get(_STOPPING, set())
    words = "Stopping" if run.id in stopping else f"Being written again{_as_asked(run)} · {_passed(seconds)}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"regenerating-{run.id}"):
        st.caption(f":material/autorenew: {escape_markdown(words)}", width="content")
        st.button(
            "Stop",
            type="tertiary",
            icon=":material/stop:",
            key=f"regenerating-stop-{run.id}",
            disabled=run.id in stopping,
            on_click=_stop,
            args=(workspace, run),
        )


def _passed(seconds: float) -> str:
    return f"{int(seconds)} s" if seconds < 10 else duration(seconds)


def _as_asked(run: Run) -> str:
    """Return " after turn 2: “shorter”" or what else was asked for."""
    scope = Scope.of(run.params["scope"])
    place = "" if scope.turn is None else f", {'turn' if scope.kind == 'turn' else 'all after turn'} {scope.turn + 1}"
    author, note = run.params.get("author"), run.params.get("note")
    whose = f" for {author}" if author != reviewer() else ""
    return place + whose + (f": “{note}”" if note else "")


def _show_failure(workspace: Workspace, record: Record, run: Run) -> None:
    reason, raw = _what_failed(workspace, run)
    if not reason:
        return
    with st.container(border=True, gap="small", key=f"regenerate-failed-{run.id}"):
        st.markdown(f":orange[:material/error:] Not written again{escape_markdown(_as_asked(run))}")
        st.caption(escape_markdown(reason))
        if raw:
            with st.expander("What the model answered"):
                st.code(raw, language=None, wrap_lines=True)
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Try again",
                icon=":material/replay:",
                key=f"regenerate-again-{run.id}",
                on_click=_try_again,
                args=(workspace, record, run),
            )
            st.button(
                "Dismiss",
                type="tertiary",
                key=f"regenerate-dismiss-{run.id}",
                on_click=_put_away,
                args=(workspace, run),
            )


def _what_failed(workspace: Workspace, run: Run) -> tuple[str, str]:
    """The reason, in a sentence, and what the model answered; ("", "") where nothing has failed."""
    if run.state is RunState.FINISHED:
        failures = workspace.runs.failures(run.id, limit=1)
        return (failures[0].reason, failures[0].raw_text) if failures else ("", "")
    if run.state is RunState.INTERRUPTED:
        return "The process that was to write it has ended before it had.", ""
    return run.reason or "It was paused.", ""


def _stop(workspace: Workspace, run: Run) -> None:
    st.session_state.setdefault(_STOPPING, set()).add(run.id)
    workspace.runs.ask(run.id, "cancel")


def _try_again(workspace: Workspace, record: Record, run: Run) -> None:
    _put_away(workspace, run)
    ask(workspace, record, str(run.params.get("note", "")), Scope.of(run.params["scope"]))


def _put_away(workspace: Workspace, run: Run) -> None:
    if run.state is not RunState.FINISHED:
        workspace.runs.ask(run.id, "cancel")
    workspace.requests.put_away(run.id)


def _show_problem(problem: str) -> None:
    with st.container(border=True, gap="small", key="regenerate-problem"):
        st.markdown(f":orange[:material/warning:] It cannot be written again. {escape_markdown(problem)}")
        with st.container(horizontal=True, gap="small"):
            if st.button("Open Settings", icon=":material/settings:", key="regenerate-settings"):
                st.switch_page("pages/settings.py")
            st.button("Dismiss", type="tertiary", key="regenerate-problem-dismiss", on_click=_dismiss_problem)


def _dismiss_problem() -> None:
    st.session_state.pop(_PROBLEM, None)

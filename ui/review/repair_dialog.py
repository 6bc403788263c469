"""The dialog in which selected records are written again: an instruction, tried on a few, and then on all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st
from ulid import ULID

from dataflow_core.errors import DataflowError
from dataflow_core.models import Endpoint, Failure, Run, RunState, Stage
from dataflow_core.running.estimate import estimate
from dataflow_core.workspace import Workspace
from ui.budget import estimate_in_words
from ui.endpoints import choose_endpoint
from ui.format import count
from ui.review import repair
from ui.review.repair import TRIAL, Standing
from ui.review.repair_results import show_failure, show_results
from ui.review.selection import Selection
from ui.review.snapshots import read_anew
from ui.session import pasted_key, reviewer
from ui.text import escape_markdown

_OPEN, _MODEL = "review_repair_open", "review_repair_model"
_MOST_FAILURES = 25
_PLACEHOLDER = "Shorter, and in plain words. — Leave it empty to have them simply written again."


@dataclass(frozen=True)
class _Open:
    """The dialog as it is open: asking what is wanted of `numbers`, or showing what came of a run."""

    what: Literal["ask", "tried", "failures"]
    prefix: str  # of its widgets' keys: new ones each time
    numbers: Sequence[int] = ()
    in_words: str = ""
    run_id: str = ""  # of what was tried before, while another instruction is asked for
    note: str = ""


def open_repair(selection: Selection) -> None:
    """Have the dialog shown from the next run of the page on. For callbacks, as the others are."""
    _open(_Open("ask", _prefix(), selection.numbers, selection.in_words))


def open_run(run_id: str) -> None:
    _open(_Open("tried", _prefix(), run_id=run_id))


def open_failures(run_id: str) -> None:
    _open(_Open("failures", _prefix(), run_id=run_id))


def show_open_repair(workspace: Workspace) -> None:
    """Show the dialog in each run of the page while it is open."""
    opened: _Open | None = st.session_state.get(_OPEN)
    if opened is None:
        return
    show, title = {
        "ask": (_ask, "Write again"),
        "tried": (_tried, "Write again"),
        "failures": (_failures, "What could not be written again"),
    }[opened.what]
    st.dialog(title, width="large", on_dismiss=_close)(show)(workspace, opened)


def _open(opened: _Open) -> None:
    st.session_state[_OPEN] = opened


def _close() -> None:
    st.session_state.pop(_OPEN, None)
    if repair.was_any_settled():
        read_anew()


def _prefix() -> str:
    return f"review_repair_{ULID()}"


# ---- Asking


def _ask(workspace: Workspace, opened: _Open) -> None:
    number = len(opened.numbers)
    st.caption(f"For {opened.in_words}. Nothing is changed before you have seen what is proposed and taken it.")
    note = st.text_area(
        "What should be different?",
        opened.note,
        key=f"{opened.prefix}_note",
        height=110,
        placeholder=_PLACEHOLDER,
    )
    endpoint = choose_endpoint(workspace, _MODEL)
    if endpoint.kind == "embedded" and note.strip():
        st.markdown(
            ":small[:orange[:material/warning:] It cannot follow an instruction: it would write them again in another "
            "way, whatever the instruction says.]"
        )
    problem = st.empty()
    with st.container(horizontal=True, gap="small"):
        is_tried = st.button(
            f"Try on {TRIAL}" if number > TRIAL else f"Write {count(number, 'record')} again",
            type="primary",
            icon=":material/science:" if number > TRIAL else ":material/edit_note:",
            key=f"{opened.prefix}_try",
        )
        is_off = st.button("Cancel", key=f"{opened.prefix}_cancel")
    if is_off:
        _close()
        st.rerun()
    if is_tried:
        try:
            with st.spinner("Beginning ..."):
                run = _begin(workspace, opened, note, endpoint)
        except DataflowError as error:
            problem.error(escape_markdown(str(error)))
            return
        open_run(run.id)
        st.rerun()


def _begin(workspace: Workspace, opened: _Open, note: str, endpoint: Endpoint) -> Run:
    run = workspace.rewriting.plan_selection(opened.numbers, note, endpoint=endpoint, author=reviewer())
    if opened.run_id:
        workspace.rewriting.give_up(opened.run_id, author=reviewer())
    workspace.start(run.id, limit=TRIAL, key=pasted_key)
    return run


# ---- What came of it


def _tried(workspace: Workspace, opened: _Open) -> None:
    standing = repair.standing_of(workspace, opened.run_id)
    note = repair.titled(standing.run) or "No instruction: simply written again"
    st.caption(escape_markdown(f"{note} · {standing.run.endpoint.name} · {count(standing.total, 'record')} selected"))
    st.fragment(_so_far, run_every=1.0 if standing.is_live else None)(workspace, opened, standing.is_live)


def _so_far(workspace: Workspace, opened: _Open, was_live: bool) -> None:
    standing = repair.standing_of(workspace, opened.run_id)
    if was_live and not standing.is_live:
        st.rerun()
    run, progress = standing.run, standing.progress
    if standing.is_live:
        _show_progress(workspace, standing, opened)
    elif standing.is_unfinished:
        _show_why_it_stands(standing)
    show_results(workspace, run, key=opened.prefix, limit=TRIAL)
    failures = [one for one in workspace.runs.failures(run.id, limit=TRIAL) if one.stage is not Stage.CANCELLED]
    for failure in failures:
        show_failure(workspace, failure)
    if not standing.is_live:
        if progress.ended:
            _show_estimate(workspace, standing)
        _show_next(workspace, standing, opened)


def _show_progress(workspace: Workspace, standing: Standing, opened: _Open) -> None:
    target = max(standing.run.target(standing.progress), 1)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        begun = standing.run.state is RunState.RUNNING
        words = f"{standing.progress.ended} of {target} written" if begun else "Starting ..."
        st.progress(min(standing.progress.ended / target, 1.0), text=words)
        if st.button("Stop", icon=":material/stop:", key=f"{opened.prefix}_stop"):
            repair.told(repair.stop(workspace, standing))
    st.caption("You may close this: nothing is lost, and a line above the table leads back here.")


def _show_why_it_stands(standing: Standing) -> None:
    run = standing.run
    why = "Its process has ended unexpectedly." if run.state is RunState.INTERRUPTED else run.reason or "Stopped."
    st.warning(escape_markdown(why), icon=":material/pause_circle:")


def _show_estimate(workspace: Workspace, standing: Standing) -> None:
    found = estimate(workspace.runs.usage_per_input(standing.run.id), standing.total)
    if found is not None and standing.is_trial:
        expected, how_sure = estimate_in_words(found, standing.run.endpoint)
        st.markdown(f"**{escape_markdown(expected)}**")
        st.caption(escape_markdown(how_sure))


def _show_next(workspace: Workspace, standing: Standing, opened: _Open) -> None:
    run, is_any_written = standing.run, standing.progress.ended > 0
    with st.container(horizontal=True, gap="small"):
        is_on = standing.is_unfinished and st.button(
            "Go on",
            type="secondary" if is_any_written else "primary",
            icon=":material/play_arrow:",
            key=f"{opened.prefix}_go_on",
        )
        is_all = (
            standing.is_trial
            and standing.progress.ended
            and st.button(
                f"Write all {standing.total:,}",
                type="primary",
                icon=":material/edit_note:",
                key=f"{opened.prefix}_all",
                help="In the background. What is written waits as proposals until you take or refuse them.",
            )
        )
        is_changed = run.state is not RunState.CANCELLED and st.button(
            "Change the instruction" if is_any_written else "Change the instruction or the model",
            icon=":material/edit:",
            key=f"{opened.prefix}_change",
            help="What was written so far is refused once the new instruction is tried.",
        )
        is_over = (
            not standing.is_trial
            and is_any_written
            and st.button("Close", type="primary", key=f"{opened.prefix}_close")
        )
    if is_on:
        _act(repair.go_on(workspace, standing))
    if is_all:
        with st.spinner("Beginning ..."):
            problem = repair.write_all(workspace, run.id)
        if not problem:
            _close()
        _act(problem)
    if is_changed:
        numbers = workspace.rewriting.selection_of(run.id)
        words = f"{count(len(numbers), 'record')} selected before"
        _open(_Open("ask", _prefix(), numbers, words, run.id, str(run.params.get("note", ""))))
        st.rerun()
    if is_over:
        _close()
        st.rerun()


def _act(problem: str) -> None:
    """Have the page shown anew where it was done; else say why it was not."""
    if problem:
        st.error(escape_markdown(problem))
    else:
        st.rerun()


# ---- Failures


def _failures(workspace: Workspace, opened: _Open) -> None:
    run = workspace.runs.get(opened.run_id)
    found: list[Failure] = [
        one for one in workspace.runs.failures(run.id, limit=None) if one.stage not in (Stage.CANCELLED, Stage.BUDGET)
    ]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        note = repair.titled(run)
        st.caption(escape_markdown(" · ".join(filter(None, [count(len(found), "record"), note, run.endpoint.name]))))
        can_retry = found and not run.state.is_live and run.state is not RunState.CANCELLED
        is_again = can_retry and st.button(
            "Try the failed ones again", type="primary", icon=":material/replay:", key=f"{opened.prefix}_retry"
        )
    if is_again:
        problem = repair.retry(workspace, run)
        if not problem:
            _close()
        _act(problem)
    for failure in found[:_MOST_FAILURES]:
        show_failure(workspace, failure)
    if len(found) > _MOST_FAILURES:
        st.caption(f"The first {_MOST_FAILURES} are shown.")
    if not found:
        st.caption("Nothing has failed.")

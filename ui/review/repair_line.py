"""Lines above the table: how far the writing again of selected records is, and what is proposed and waits."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import Run, RunState
from dataflow_core.storage.proposals import Undecided
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.pace import time_left
from ui.review import repair
from ui.review.actions import carry_out
from ui.review.repair import Standing
from ui.review.repair_dialog import open_failures, open_run
from ui.session import reviewer
from ui.text import escape_markdown


def show_repairs(workspace: Workspace) -> None:
    """Show a line for each of the latest, read anew each second while any goes on."""
    is_live = repair.is_any_live(workspace)
    st.fragment(_lines, run_every=1.0 if is_live else None)(workspace, is_live)


def _lines(workspace: Workspace, was_live: bool) -> None:
    standings = repair.standings(workspace)
    for standing in standings:
        if workspace.rewriting.has_outrun(standing.run):
            repair.told(repair.go_on(workspace, standing))
            st.rerun()
        _show(workspace, standing)
    if was_live and not any(standing.is_live for standing in standings):
        st.rerun()


def _show(workspace: Workspace, standing: Standing) -> None:
    run = standing.run
    if standing.is_trial:
        _show_trial(workspace, standing)
    elif standing.is_live:
        _show_live(workspace, standing)
    elif standing.is_unfinished:
        _show_unfinished(workspace, standing)
    else:
        if repair.is_being_settled(workspace, run):
            return  # the line of that action tells how far it is
        waits, failures = repair.waiting(workspace, run), repair.failed(workspace, standing)
        if waits.total or (failures and run.state is not RunState.CANCELLED):
            _show_ended(workspace, standing, waits, failures)


def _line(run: Run) -> st.delta_generator.DeltaGenerator:
    key = f"review_repair_{run.id}"
    return st.container(horizontal=True, gap="small", vertical_alignment="center", key=key)


def _show_trial(workspace: Workspace, standing: Standing) -> None:
    run, wanted, tried = standing.run, standing.run.target(standing.progress), standing.progress.ended
    what = f"{repair.titled(run) or 'Writing again'} {'is being' if standing.is_live else 'was'}"
    words = f"{what} tried on {wanted if standing.is_live else tried} of {standing.total:,} records"
    if not standing.is_live and not tried:
        words = f"{what} to be tried on {wanted} of {standing.total:,} records, and came to a stop"
    with _line(run):
        st.markdown(f":material/science: {escape_markdown(f'{words} · {_author(run)}')}", width="content")
        if st.button("Look at them", key=f"repair_look_{run.id}"):
            open_run(run.id)
            st.rerun()
        if not standing.is_live and _quiet("Drop it", f"repair_drop_{run.id}", "Refuses what was written so far."):
            repair.told(repair.give_up(workspace, run.id))
            st.rerun()


def _show_live(workspace: Workspace, standing: Standing) -> None:
    run = standing.run
    parts = [_how_far(standing)]
    if number := repair.failed(workspace, standing):
        parts.append(f"{number:,} failed")
    parts += [time_left(run, standing.whole) if run.state is RunState.RUNNING else "starting", _author(run)]
    with _line(run):
        st.progress(_share(standing), text=escape_markdown(" · ".join(filter(None, parts))))
        if run.state.is_live and st.button(
            "Stop", icon=":material/stop:", key=f"repair_stop_{run.id}", help="It can go on later. Nothing is lost."
        ):
            repair.told(repair.stop(workspace, standing))
            st.rerun()


def _show_unfinished(workspace: Workspace, standing: Standing) -> None:
    run = standing.run
    why = "interrupted" if run.state is RunState.INTERRUPTED else "stopped"
    if run.stopped_by == "problem":
        why = run.reason
    words = escape_markdown(f"{_how_far(standing)} · {why}")
    with _line(run):
        st.progress(_share(standing), text=f":orange[:material/pause_circle:] {words}")
        is_on = st.button("Go on", icon=":material/play_arrow:", key=f"repair_go_on_{run.id}")
        is_left = _quiet(
            "Leave it at that", f"repair_leave_{run.id}", "Nothing more is written. What is proposed waits for you."
        )
    if is_on or is_left:
        act = repair.go_on if is_on else repair.leave_it
        repair.told(act(workspace, standing))
        st.rerun()


def _show_ended(workspace: Workspace, standing: Standing, waits: Undecided, failures: int) -> None:
    run = standing.run
    with _line(run):
        title = f"{repair.titled(run)}: " if repair.titled(run) else "Written again: "
        waiting = _in_words(waits) if waits.total else "nothing is proposed"
        st.markdown(f":material/edit_note: {escape_markdown(title + waiting)}", width="content")
        if waits.total:
            _show_decisions(workspace, run, waits)
        if failures and st.button(f"{failures:,} failed", type="tertiary", key=f"repair_failures_{run.id}"):
            open_failures(run.id)
            st.rerun()
        if not waits.total and _quiet("Dismiss", f"repair_dismiss_{run.id}", "Shows this line no more."):
            repair.dismiss(run)
            st.rerun()


def _show_decisions(workspace: Workspace, run: Run, waits: Undecided) -> None:
    is_look = st.button(
        "Look through them",
        icon=":material/center_focus_strong:",
        key=f"repair_through_{run.id}",
        on_click=repair.look_through,
        args=(workspace, run),
        help="One by one, with the differences: Y takes the new text, N keeps the record as it is.",
    )
    is_used = waits.free > 0 and st.button(
        "Use all" if waits.free == waits.total else f"Use {waits.free:,}",
        icon=":material/done_all:",
        key=f"repair_use_{run.id}",
        help=_help_of_use(waits),
    )
    is_kept = _quiet(
        "Keep all", f"repair_keep_{run.id}", "Keeps all records as they are, and refuses what is proposed."
    )
    if is_used:
        carry_out(workspace, lambda: workspace.rewriting.accept_all(run.id, author=reviewer()))
    elif is_kept:
        carry_out(workspace, lambda: workspace.rewriting.refuse_all(run.id, author=reviewer()))
    if is_look or is_used or is_kept:
        st.rerun()


def _in_words(waits: Undecided) -> str:
    words = f"{count(waits.total, 'proposal')} {'waits' if waits.total == 1 else 'wait'}"
    special = {"for edited records": waits.edited, "for records changed since": waits.outdated}
    parts = [f"{number:,} {which}" for which, number in special.items() if number]
    return ", ".join([words, *parts])


def _help_of_use(waits: Undecided) -> str:
    sentences = [f"{count(waits.free, 'record')} will say what is proposed. It can be undone as one."]
    if waits.edited:
        sentences.append(f"The {waits.edited:,} that people have edited are left for you to look at.")
    if waits.outdated:
        sentences.append(f"The {waits.outdated:,} changed since stay as they are.")
    return " ".join(sentences)


def _how_far(standing: Standing) -> str:
    title = repair.titled(standing.run)
    doing = f"Writing again {title}" if title else "Writing again"
    return f"{doing}: {standing.progress.ended:,} of {standing.total:,}"


def _share(standing: Standing) -> float:
    return standing.progress.ended / standing.total if standing.total else 0.0


def _author(run: Run) -> str:
    return str(run.params.get("author", ""))


def _quiet(label: str, key: str, help_: str) -> bool:
    return st.button(label, type="tertiary", key=key, help=help_)

"""What people do with many records at one go: begun, followed while it goes on, told of, and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Action, ActionState, Fields, ReviewStatus
from dataflow_core.workspace import Workspace
from ui.format import ago, count
from ui.names import STATUS_NAMES
from ui.review.saving import notice, save_status
from ui.review.selection import Selection
from ui.review.snapshots import read_anew, take_new_snapshot
from ui.review.table import save_edits
from ui.session import reviewer
from ui.text import escape_markdown

_OUTCOME = "review_bulk_outcome"
_RECENT = 8
_LONGEST = 60  # characters of a text that was replaced
_UNDONE = {
    "decide": "decisions",
    "tag": "tags",
    "replace": "a replacement",
    "edit": "an edit",
    "undo": "an undoing",
    "regenerate": "a rewriting",
    "accept-proposal": "the use of a proposal",
    "accept-proposals": "the use of proposals",
    "refuse-proposal": "the refusal of a proposal",
    "refuse-proposals": "the refusal of proposals",
}


@dataclass(frozen=True)
class _Outcome:
    """What this session did last: the action, or that there was nothing to do."""

    action: int | None
    changed_since: int = 0
    """Records that were left alone because their text is no longer the one on screen."""
    is_shown: bool = True
    """Whether the table has been read since."""


# ---- Acting. For callbacks, or before `st.rerun`.


def carry_out(workspace: Workspace, plan: Callable[[], Action]) -> None:
    """Do what is planned, and have the person told what became of it."""
    save_edits(workspace)
    try:
        action = plan()
    except DataflowError as error:
        notice(str(error))
        return
    try:
        action = workspace.carry_out(action)
    except DataflowError as error:
        notice(str(error))
        workspace.bulk.stop(action.number)
        action = workspace.bulk.get(action.number)
    is_over = action.state is not ActionState.RUNNING
    st.session_state[_OUTCOME] = _Outcome(action.number, is_shown=is_over)
    if is_over:
        read_anew()


def decide(workspace: Workspace, selection: Selection, status: ReviewStatus, reason: str = "") -> None:
    """Decide the selected records, no text of theirs that was not on screen or in the list."""
    if not selection.is_on_screen:
        carry_out(
            workspace,
            lambda: workspace.bulk.decide(
                selection.numbers, status, reviewer=reviewer(), reason=reason, listed_at=selection.listed_at
            ),
        )
        return
    save_edits(workspace)
    before = workspace.bulk.latest(reviewer())
    left_alone = save_status(workspace, selection.seen(workspace), status, reason=reason)
    if left_alone is None:
        return
    action = workspace.bulk.latest(reviewer())
    number = action.number if action and (before is None or action.number > before.number) else None
    st.session_state[_OUTCOME] = _Outcome(number, len(left_alone))
    read_anew()


def undo(workspace: Workspace, number: int) -> None:
    carry_out(workspace, lambda: workspace.bulk.undo(number, author=reviewer()))


# ---- Telling


def show_actions(workspace: Workspace) -> None:
    """Show how far the actions on many records are that go on now, what became of the person's own last one until the
    next, and a menu of the latest ones.
    """
    is_live = _any_live(workspace)
    st.fragment(_actions, run_every=1.0 if is_live else None)(workspace, is_live)


def in_words(action: Action) -> str:
    """What was done: "Rejected: too vague". To be escaped."""
    match action.kind:
        case "decide":
            return _decision(action.params)
        case "tag":
            tag = action.params["tag"]
            return f"Tagged “{tag}”" if action.params["is_added"] else f"Took the tag “{tag}” away"
        case "replace":
            pattern, by = (_shortened(action.params[name]) for name in ("pattern", "by"))
            field = action.params["field"]
            return f"Replaced “{pattern}” by “{by}”" + (f" in {field}" if field else "")
        case "accept-proposals" | "accept-proposal":
            return f"Used what was proposed{_for_note(action)}"
        case "refuse-proposals" | "refuse-proposal":
            return f"Kept as they were, against what was proposed{_for_note(action)}"
        case "undo":
            kind = action.params.get("kind", "")
            return f"Undid {_UNDONE.get(kind, kind)}"
        case _:
            return action.kind.capitalize()


def _for_note(action: Action) -> str:
    note = " ".join(str(action.params.get("note", "")).split())
    return f" for “{_shortened(note)}”" if note else ""


def _decision(params: Fields) -> str:
    status = ReviewStatus(params["status"])
    if status is ReviewStatus.UNREVIEWED:
        return "Marked as unreviewed"
    return STATUS_NAMES[status] + (f": {params['reason']}" if params.get("reason") else "")


def _outcome_in_words(action: Action, changed_since: int = 0) -> str:
    parts = [f"{in_words(action)} · {count(action.touched, 'record')}"]
    if changed_since:
        parts.append(_changed_since(changed_since))
    elif (left := action.done - action.touched) > 0:
        parts.append(_why_left(action, left))
    if action.state is ActionState.STOPPED:
        parts.append(f"stopped after {action.done:,} of {action.total:,}")
    if problem := action.params.get("problem"):
        parts.append(str(problem))
    return " · ".join(parts)


def _why_left(action: Action, left: int) -> str:
    reasons: Mapping[str, int] = action.params.get("left", {})
    changed, rest = reasons.get("changed", 0), left - sum(reasons.values())
    match action.kind:
        case "decide":
            others = f"{rest:,} so already"
        case "tag":
            others = f"{rest:,} had it already" if action.params["is_added"] else f"{rest:,} did not have it"
        case "replace":
            others = f"{rest:,} without it"
        case "accept-proposals" | "refuse-proposals":
            others = f"{rest:,} decided already"
        case _:
            return _changed_since(left)
    edited, deleted = reasons.get("edited", 0), reasons.get("deleted", 0)
    parts = {
        others: rest,
        f"{edited:,} edited by people {'is' if edited == 1 else 'are'} left for you to look at": edited,
        f"{deleted:,} deleted": deleted,
        _changed_since(changed): changed,
    }
    return " · ".join(words for words, number in parts.items() if number > 0)


def _changed_since(left: int) -> str:
    return f"{left:,} left alone, changed since"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


# ---- The running and the latest ones


def _any_live(workspace: Workspace) -> bool:
    return any(not action.is_interrupted for action in workspace.bulk.running())


def _actions(workspace: Workspace, was_live: bool) -> None:
    for action in workspace.bulk.running():
        _show_running(workspace, action)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="review_bulk_actions"):
        _show_outcome(workspace)
        if workspace.bulk.recent(limit=1):
            with st.popover(
                "Recent changes",
                icon=":material/history:",
                type="tertiary",
                key="review_bulk_recent",
                on_change="rerun",
            ) as recent:
                if recent.open:
                    _show_recent(workspace)
    if was_live and not _any_live(workspace):
        # The table stays as it is: somebody may be typing in it.
        st.rerun()


def _show_outcome(workspace: Workspace) -> None:
    outcome: _Outcome | None = st.session_state.get(_OUTCOME)
    if outcome is None:
        return
    if outcome.action is None:
        left_alone = f" · {_changed_since(outcome.changed_since)}" if outcome.changed_since else ""
        st.markdown(f"No record had to be changed{left_alone}", width="content")
        return
    action = workspace.bulk.get(outcome.action)
    if action.state is ActionState.RUNNING:
        return
    st.markdown(escape_markdown(_outcome_in_words(action, outcome.changed_since)), width="content")
    _undo_button(workspace, action, key="review_bulk_undo_last", is_quiet=True)
    if not outcome.is_shown and st.button(
        "Refresh the table", type="tertiary", icon=":material/refresh:", key="review_bulk_refresh"
    ):
        st.session_state[_OUTCOME] = replace(outcome, is_shown=True)
        take_new_snapshot()
        st.rerun()


def _show_running(workspace: Workspace, action: Action) -> None:
    words = f"{in_words(action)} · {action.done:,} of {count(action.total, 'record')} · {action.author}"
    share = action.done / action.total if action.total else 1.0
    with st.container(
        horizontal=True, gap="small", vertical_alignment="bottom", key=f"review_bulk_run_{action.number}"
    ):
        if action.is_interrupted:
            why = "interrupted" if action.done else "its process did not start"
            st.progress(share, text=f":orange[:material/pause_circle:] {escape_markdown(words)} · {why}")
            if st.button("Go on", icon=":material/play_arrow:", key=f"review_bulk_go_on_{action.number}"):
                carry_out(workspace, lambda: action)
                st.rerun()
            _undo_button(workspace, action, key=f"review_bulk_undo_{action.number}")
        else:
            st.progress(share, text=escape_markdown(words))
            stop = st.button(
                "Stop",
                icon=":material/stop:",
                key=f"review_bulk_stop_{action.number}",
                help="Leaves the rest as it is. What is done stays, and can be undone.",
            )
            if stop:
                workspace.bulk.stop(action.number)
                st.rerun()


def _show_recent(workspace: Workspace) -> None:
    actions = [one for one in workspace.bulk.recent(limit=_RECENT) if one.state is not ActionState.RUNNING]
    if not actions:
        st.caption("Nothing is done yet.")
    for action in actions:
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            with st.container(gap=None, width="content"):
                st.markdown(escape_markdown(_outcome_in_words(action)))
                st.caption(escape_markdown(f"{action.author} · {ago(action.at)}"))
            _undo_button(workspace, action, key=f"review_bulk_undo_{action.number}")


def _undo_button(workspace: Workspace, action: Action, *, key: str, is_quiet: bool = False) -> None:
    if action.undone_by is not None:
        st.caption("undone, then redone" if _stands(workspace, action) else "undone", width="content")
    elif action.touched or action.is_interrupted:
        is_undo = action.kind == "undo"
        if st.button(
            "Redo" if is_undo else "Undo",
            icon=":material/redo:" if is_undo else ":material/undo:",
            type="tertiary" if is_quiet else "secondary",
            key=key,
        ):
            undo(workspace, action.number)
            st.rerun()


def _stands(workspace: Workspace, action: Action) -> bool:
    stands = True
    while action.undone_by is not None:
        action = workspace.bulk.get(action.undone_by)
        stands = not stands
    return stands

"""One record, opened from the table: every field in full, decided by a button or a key."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import Record, ReviewStatus
from dataflow_core.workspace import Workspace
from ui.format import ago
from ui.names import DIALOGUES, STATUS_COLORS, STATUS_NAMES
from ui.review.columns import ordered_fields
from ui.review.draft import Draft, open_draft
from ui.review.filters import Snapshot, go_to_page_of, read_anew
from ui.review.history import show_history
from ui.review.saving import is_written_here, saved_caption
from ui.review.turn_editor import edited_turns, turn_editor
from ui.text import escape_markdown
from ui.values import CONVERSATION, as_editable, from_text

_PARAM = "record"
_DECISIONS = (
    ("Accept", "A", ReviewStatus.ACCEPTED),
    ("Reject", "X", ReviewStatus.REJECTED),
    ("Flag", "F", ReviewStatus.FLAGGED),
)


def open_record(record_id: str) -> None:
    st.query_params[_PARAM] = record_id


def close_record() -> None:
    st.query_params.pop(_PARAM, None)


def record_in_address() -> str:
    return st.query_params.get(_PARAM, "")


def show_record(workspace: Workspace, snapshot: Snapshot, record: Record) -> None:
    draft = open_draft(record)
    if record.revision != draft.decided_at and not draft.sent and is_written_here(record):
        read_anew()  # the table's last edit has come in after the record was opened from it
        draft = open_draft(record)
    _show_bar(workspace, snapshot, record, draft)
    if record.revision != draft.decided_at:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(":orange[:material/info: Someone else has changed this record since you opened it.]")
            st.button("Load the present text", on_click=read_anew)
    if record.repairs:
        st.caption(f":material/build: {escape_markdown('Mended: ' + ', '.join(record.repairs))}")
    if record.generator == DIALOGUES:
        text, facts = st.columns([2.2, 1], gap="medium")
        with text:
            _conversation(workspace, draft)
        with facts:
            _text_fields(workspace, draft, [name for name in record.fields if name != CONVERSATION], are_short=True)
    else:
        leading, others = ordered_fields(workspace, [record])
        _text_fields(workspace, draft, [*leading, *others])
        st.caption(saved_caption())


def _show_bar(workspace: Workspace, snapshot: Snapshot, record: Record, draft: Draft) -> None:
    numbers = snapshot.numbers
    place = numbers.index(record.number) if record.number in numbers else None
    before = numbers[place - 1] if place else None
    after = numbers[place + 1] if place is not None and place + 1 < len(numbers) else None
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            st.button("Table", icon=":material/arrow_back:", on_click=_close, args=(snapshot, record.number))
            st.markdown(f"**Record {record.number}**", width="content")
            st.badge(STATUS_NAMES[record.status], color=STATUS_COLORS[record.status])
            where = f"{place + 1:,} of {len(numbers):,}" if place is not None else "not among the records listed"
            st.caption(f"{where} · changed {ago(record.updated_at)}", width="content")
        with st.container(horizontal=True, width="content", gap="xsmall"):
            for label, shortcut, status in _DECISIONS:
                st.button(
                    label,
                    shortcut=shortcut,
                    type="primary" if status is ReviewStatus.ACCEPTED else "secondary",
                    on_click=_decide,
                    args=(workspace, draft, status, after),
                )
            with st.popover("History", icon=":material/history:", key="review_history", on_change="rerun") as history:
                if history.open:
                    show_history(workspace, record)
            _step(workspace, "Previous", "K", ":material/keyboard_arrow_up:", before)
            _step(workspace, "Next", "J", ":material/keyboard_arrow_down:", after)


def _step(workspace: Workspace, label: str, shortcut: str, icon: str, number: int | None) -> None:
    st.button(
        label,
        icon=icon,
        shortcut=shortcut,
        disabled=number is None,
        on_click=_go_to,
        args=(workspace, number),
        key=f"review_{label.lower()}",
    )


def _decide(workspace: Workspace, draft: Draft, status: ReviewStatus, after: int | None) -> None:
    if draft.decide(workspace, status):
        _go_to(workspace, after)


def _go_to(workspace: Workspace, number: int | None) -> None:
    if number is not None:
        open_record(workspace.records.page([number])[0].id)


def _close(snapshot: Snapshot, number: int) -> None:
    close_record()
    go_to_page_of(snapshot, number)
    read_anew()


def _text_fields(workspace: Workspace, draft: Draft, names: list[str], *, are_short: bool = False) -> None:
    for name in names:
        before = draft.record.fields.get(name)
        shown, key = as_editable(before), draft.key(name)
        label, args = escape_markdown(name), (workspace, draft, name)
        if are_short and "\n" not in shown:
            text = st.text_input(label, shown, key=key, on_change=_save_text, args=args)
        else:
            text = st.text_area(label, shown, key=key, on_change=_save_text, args=args, height="content")
        draft.show(workspace, name, from_text(text, before))


def _save_text(workspace: Workspace, draft: Draft, name: str) -> None:
    text = st.session_state.get(draft.key(name))
    draft.save(workspace, name, from_text(text, draft.record.fields.get(name)))


def _conversation(workspace: Workspace, draft: Draft) -> None:
    # Not a fragment: a button pressed while its editor still saves would be handled in a run of the fragment alone,
    # and the rest of the page would stay as it was.
    key = draft.key(CONVERSATION)

    def save() -> None:
        if (turns := edited_turns(key)) is not None:
            draft.save(workspace, CONVERSATION, turns)

    turns = draft.record.fields.get(CONVERSATION) or []
    turn_editor(turns, key=key, on_change=save)
    if (edited := edited_turns(key)) is not None:
        turns = edited
    draft.show(workspace, CONVERSATION, turns)
    if sentence := _what_is_odd(turns):
        st.caption(f":orange[:material/info: {sentence}]")
    st.caption(f"{saved_caption()} · Alt+↑/↓ moves between turns, Ctrl+Enter adds one, Esc leaves the text.")


def _what_is_odd(turns: list[dict[str, str]]) -> str:
    """Say what trainers of chat models would stumble over, if anything."""
    for position, turn in enumerate(turns, start=1):
        if not turn["value"].strip():
            return f"Turn {position} is empty."
        if position > 1 and turn["role"] == turns[position - 2]["role"]:
            return f"Turns {position - 1} and {position} are both by the {turn['role']}."
    return ""

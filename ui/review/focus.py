"""One record at a time, decided by a key: the queue that the filters have found, a record after the other."""

from __future__ import annotations

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.models import ProposalState, Record, ReviewStatus
from dataflow_core.storage.queries import DUPLICATE
from dataflow_core.workspace import Workspace
from ui.format import ago, count, duration
from ui.names import CUSTOM, DIALOGUES, STATUS_COLORS, STATUS_NAMES, generator_name
from ui.review.components.decision_bar import decision_bar, pressed
from ui.review.content import save_content, show_content, show_facts_of_dialogue, wish_for_turn
from ui.review.draft import Draft, open_draft
from ui.review.filters import FINDING_NAMES, filter_by_proposals
from ui.review.history import show_history
from ui.review.paging import go_to_page_of
from ui.review.presence import note_open, open_by_others, stay_open
from ui.review.proposal import Shown, keep, proposal_of, run_in, show_proposal, take
from ui.review.provenance import show_provenance
from ui.review.regenerating import ask, can_regenerate, hint, show_requests
from ui.review.saving import is_written_here, notice, saved_caption, show_problems
from ui.review.snapshots import Snapshot, proposals_waiting, read_anew, statuses_of
from ui.review.talk import show_comments, show_tags
from ui.session import reviewer
from ui.shell import remark
from ui.text import escape_markdown

_PARAM, _BAR = "record", "review_bar"
_PLACE, _TURN = "review_place", "review_turn"
_DECISIONS = {
    "accept": ReviewStatus.ACCEPTED,
    "reject": ReviewStatus.REJECTED,
    "flag": ReviewStatus.FLAGGED,
}
#: Records looked through for the next one that nobody has decided.
_FAR = 20_000
_DONE = {"decide": "decision", "accept-proposal": "use of a proposal", "refuse-proposal": "refusal of a proposal"}
_PANELS = ("About", "History", "Notes", "Origin")


def record_in_address() -> str:
    return st.query_params.get(_PARAM, "")


def open_record(record_id: str) -> None:
    st.query_params[_PARAM] = record_id


def close_record() -> None:
    st.query_params.pop(_PARAM, None)


def first_to_review(workspace: Workspace, snapshot: Snapshot) -> str:
    """The record that the focus view begins with: the first that nobody has decided, or the first there is."""
    nearest = snapshot.numbers[:_FAR]
    if snapshot.query.proposals:
        number = workspace.proposals.first_open(nearest, run_in(snapshot))
    else:
        number = workspace.records.next_unreviewed(nearest)
    if number is None and snapshot.numbers:
        number = snapshot.numbers[0]
    found = workspace.records.page([number]) if number is not None else []
    return found[0].id if found else ""


@st.fragment
def show_focus(workspace: Workspace, snapshot: Snapshot) -> None:
    save_content(workspace)
    if show_problems(workspace):
        read_anew()
        st.rerun(scope="fragment")
    record = workspace.records.get(record_in_address())
    if record is None:
        st.rerun()
    draft = open_draft(record)
    if record.revision != draft.decided_at and not draft.sent and is_written_here(record):
        read_anew()  # an edit in the table has come in after the record was opened from it
        draft = open_draft(record)
    place = snapshot.place_of(record.number, st.session_state.get(_PLACE, -1))
    st.session_state[_PLACE] = -1 if place is None else place
    others = open_by_others()
    stay_open(record.number)
    shown = proposal_of(workspace, record, draft, snapshot)
    _show_bar(workspace, snapshot, record, draft, place, shown)
    _show_warnings(record, draft, others)
    text, facts = st.columns([2.5, 1], gap="medium")
    findings = workspace.records.findings(record.id)
    with text:
        # Always there: what comes and goes in it must not move the content, somebody may be typing in that.
        with st.container(gap="small"):
            with st.container():
                _show_waiting(workspace, snapshot, besides=len(shown.waiting) if shown else 0)
            show_requests(workspace, record)
            if shown is not None:
                show_proposal(workspace, record, shown)
        show_content(workspace, record, draft, findings, on_regenerate=lambda: _regenerate_turn(workspace))
        st.caption(f"{saved_caption()} · Esc gives the keys back · ? shows them")
    with facts:
        _show_panel(workspace, record, draft)


def _show_bar(
    workspace: Workspace, snapshot: Snapshot, record: Record, draft: Draft, place: int | None, shown: Shown | None
) -> None:
    total = len(snapshot.numbers)
    last = workspace.review.last_action(reviewer())
    decision_bar(
        key=_BAR,
        stamp=draft.stamp,
        status=record.status.value,
        reasons=workspace.preferences.reasons(),
        place=f"{place + 1:,} of {total:,}" if place is not None else "not in this queue",
        progress=progress(workspace, snapshot),
        undo_label=f"Take back: {_DONE.get(last.kind, last.kind)} of record {last.record}" if last else "",
        has_previous=bool(place),
        has_next=place is not None and place + 1 < total,
        can_regenerate=can_regenerate(record),
        regenerate_hint=hint(workspace, record),
        proposal=shown.stamp if shown else "",
        is_takeable=shown is not None and shown.is_takeable,
        turn=st.session_state.get(_TURN, 0),
        on_press=lambda: _pressed(workspace, snapshot),
    )


def _pressed(workspace: Workspace, snapshot: Snapshot) -> None:
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    press = pressed(_BAR)
    if press is None:
        return
    save_content(workspace)  # what was typed before the key came first
    record = workspace.records.get(record_in_address())
    if record is None:
        return
    place = snapshot.place_of(record.number, st.session_state.get(_PLACE, -1))
    match press.action:
        case "accept" | "reject" | "flag":
            if open_draft(record).decide(workspace, press.stamp, _DECISIONS[press.action], press.reason):
                _go_on(workspace, snapshot, place)
        case "regenerate":
            if press.stamp.partition(":")[0] == record.id:
                ask(workspace, record, press.note)
        case "take" | "keep":
            is_seen = press.stamp.partition(":")[0] == record.id
            if is_seen and (take if press.action == "take" else keep)(workspace, press.stamp):
                _go_on_with_proposals(workspace, snapshot, record, place)
        case "undo":
            _undo(workspace)
        case "next":
            _step(workspace, snapshot, place, 1)
        case "previous":
            _step(workspace, snapshot, place, -1)
        case "table":
            leave_focus(workspace, snapshot, place)


def leave_focus(workspace: Workspace, snapshot: Snapshot, place: int | None) -> None:
    note_open(None)
    st.query_params.pop("view", None)
    close_record()
    go_to_page_of(snapshot, place)
    read_anew()


def _go_on(workspace: Workspace, snapshot: Snapshot, place: int | None) -> None:
    """To the next record that nobody has decided; where the filters ask for decided ones, to the next."""
    if place is None:
        return
    following = snapshot.numbers[place + 1 : place + 1 + _FAR]
    number = None
    if snapshot.query.proposals:
        number = workspace.proposals.first_open(following, run_in(snapshot))
        following = following[:0]
    elif not snapshot.query.statuses or ReviewStatus.UNREVIEWED in snapshot.query.statuses:
        taken = open_by_others()
        number = workspace.records.next_unreviewed([one for one in following if one not in taken])
    if number is None and following:
        number = following[0]
    if number is None:
        notice("That was the last record of this queue.")
    else:
        _open(workspace, number, snapshot.place_of(number, place + 1))


def _go_on_with_proposals(workspace: Workspace, snapshot: Snapshot, record: Record, place: int | None) -> None:
    """In a queue of proposals, to the next record that has one, once no more can be used for this one."""
    run_id = run_in(snapshot)
    left = workspace.proposals.open_for(record.number) if snapshot.query.proposals else []
    can_go_on = not any(one.state is ProposalState.OPEN and run_id in ("", one.run_id) for one in left)
    if snapshot.query.proposals and can_go_on:
        _go_on(workspace, snapshot, place)


def _regenerate_turn(workspace: Workspace) -> None:
    wish = wish_for_turn()
    save_content(workspace)
    record = workspace.records.get(record_in_address())
    if wish is None or record is None:
        return
    if record.revision != open_draft(record).decided_at:
        notice("Somebody else has changed the conversation since you opened it. Look at the present one first.")
    else:
        ask(workspace, record, wish[1], wish[0])


def _step(workspace: Workspace, snapshot: Snapshot, place: int | None, by: int) -> None:
    if place is not None and 0 <= place + by < len(snapshot.numbers):
        _open(workspace, snapshot.numbers[place + by], place + by)


def _open(workspace: Workspace, number: int, place: int | None) -> None:
    if found := workspace.records.page([number]):
        st.session_state[_PLACE] = -1 if place is None else place
        open_record(found[0].id)


def _undo(workspace: Workspace) -> None:
    try:
        undone = workspace.review.undo_last(reviewer())
    except DataflowError as error:
        notice(str(error))
        return
    if undone is not None:
        read_anew()
        open_record(undone.record.id)


def _show_waiting(workspace: Workspace, snapshot: Snapshot, *, besides: int) -> None:
    """Tell of the proposals that wait elsewhere."""
    waiting = 0 if snapshot.query.proposals else proposals_waiting(workspace) - besides
    if waiting > 0:
        st.button(
            f"{count(waiting, 'proposal')} waiting{' elsewhere' if besides else ''}",
            type="tertiary",
            icon=":material/auto_awesome:",
            key="review_proposals_waiting",
            on_click=_go_to_proposals,
            args=(workspace,),
        )


def _go_to_proposals(workspace: Workspace) -> None:
    filter_by_proposals(workspace)
    close_record()
    st.query_params["view"] = "focus"


def _show_warnings(record: Record, draft: Draft, others: dict[int, str]) -> None:
    if record.revision != draft.decided_at:
        with st.container(horizontal=True, vertical_alignment="center"):
            remark(":material/info: Someone else has changed this record since you opened it.", "orange")
            st.button("Load the present text", on_click=read_anew)
    if who := others.get(record.number):
        remark(f":material/group: {escape_markdown(who)} has this record open, too.", "violet")


def progress(workspace: Workspace, snapshot: Snapshot) -> str:
    counts = statuses_of(workspace, snapshot.query)
    if snapshot.query.proposals:
        wanted = snapshot.query.statuses or [status for status in counts if status is not ReviewStatus.DELETED]
        waiting = sum(counts[status] for status in wanted)
        return f"{max(len(snapshot.numbers) - waiting, 0):,} looked through · {waiting:,} left"
    left = counts[ReviewStatus.UNREVIEWED]
    done = sum(counts.values()) - left - counts[ReviewStatus.DELETED]
    pace = workspace.review.pace(reviewer())
    parts = [f"{done:,} done", f"{left:,} left"]
    if pace.seconds is not None:
        parts += [f"{pace.seconds:.0f} s a record", f"about {duration(pace.seconds * left)} left"] if left else []
    return " · ".join([*parts, f"{pace.today:,} today"])


def _show_panel(workspace: Workspace, record: Record, draft: Draft) -> None:
    panel = st.segmented_control(
        "About this record",
        _PANELS,
        default=_PANELS[0],
        required=True,
        key="review_panel",
        label_visibility="collapsed",
        width="stretch",
    )
    match panel:
        case "History":
            show_history(workspace, record)
        case "Notes":
            show_comments(workspace, record)
        case "Origin":
            show_provenance(workspace, record)
        case _:
            _show_about(workspace, record, draft)


def _show_about(workspace: Workspace, record: Record, draft: Draft) -> None:
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.badge(STATUS_NAMES[record.status], color=STATUS_COLORS[record.status])
        st.caption(f"Record {record.number} · {generator_name(record.generator)}", width="content")
    if record.reason:
        st.caption(f"{escape_markdown(record.reason)}")
    by = f" by {escape_markdown(record.reviewer)}" if record.reviewer else ""
    st.caption(f"Changed {ago(record.updated_at)}{by}")
    if same := workspace.records.same_as(record.id, most=5):
        numbers = ", ".join(f"{number:,}" for number in same)
        remark(f":material/content_copy: {FINDING_NAMES[DUPLICATE]}: {numbers}", "orange")
    if record.repairs:
        st.caption(f":material/build: {escape_markdown('Mended: ' + ', '.join(record.repairs))}")
    if record.generator == DIALOGUES:
        show_facts_of_dialogue(workspace, draft)
    elif record.generator == CUSTOM and (model := str(record.fields.get(MODEL_NAME) or "")):
        st.caption(escape_markdown(f"Written by {model}"))
    show_tags(workspace, record)

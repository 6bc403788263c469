"""What has happened to a record since it was made, how its versions differ, and going back to one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Comment, Decision, Fields, Record, ReviewStatus, Revision, RevisionKind
from dataflow_core.storage.provenance import Event, Refusal, Tagging
from dataflow_core.word_diff import record_diff
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.review.components.diff_view import diff_view
from ui.review.components.timeline import Entry, Tone, timeline
from ui.review.saving import notice
from ui.review.snapshots import read_anew
from ui.session import reviewer
from ui.typed import as_edited

#: Edits by one person with no more than this between them are told as one.
_ONE_EDIT = timedelta(seconds=30)
_MOST_NAMED, _MOST_QUOTED = 3, 160  # fields; characters
_DECIDED: Mapping[ReviewStatus, tuple[str, Tone]] = {
    ReviewStatus.ACCEPTED: ("accepted", "accepted"),
    ReviewStatus.REJECTED: ("rejected", "rejected"),
    ReviewStatus.FLAGGED: ("flagged", "flagged"),
    ReviewStatus.DELETED: ("deleted", "rejected"),
    ReviewStatus.UNREVIEWED: ("marked as unreviewed", "calm"),
}
_MADE = {
    RevisionKind.GENERATED: "generated",
    RevisionKind.EDITED: "edited",
    RevisionKind.WRITTEN: "written",
    RevisionKind.IMPORTED: "imported",
    RevisionKind.RESTORED: "restored",
    RevisionKind.REGENERATED: "regenerated",
    RevisionKind.ANSWERED: "answered",
}
_RESTORED = re.compile(r"Revision (\d+) restored")


def show_history(workspace: Workspace, record: Record) -> None:
    events = workspace.provenance.events(record)
    sessions = _sessions(events)
    revisions = {event.what.number: event.what for event in events if isinstance(event.what, Revision)}
    timeline(entries(sessions, revisions, record), key=f"history-{record.id}")
    if len(revisions) > 1:
        edited = [session[-1].what.number for session in sessions if isinstance(session[-1].what, Revision)]
        _compare(workspace, record, revisions, before=sorted(edited)[-2] if len(edited) > 1 else 1)


def entries(sessions: Sequence[Sequence[Event]], revisions: Mapping[int, Revision], record: Record) -> list[Entry]:
    """What happened, in words, newest first. `sessions` are events told as one, oldest first."""
    return [_entry(session, revisions, record) for session in reversed(sessions)]


def _sessions(events: Sequence[Event]) -> list[list[Event]]:
    """Put edits together that follow one another closely."""
    sessions: list[list[Event]] = []
    for event in events:
        if sessions and _goes_on(sessions[-1][-1], event):
            sessions[-1].append(event)
        else:
            sessions.append([event])
    return sessions


def _goes_on(last: Event, event: Event) -> bool:
    return (
        all(isinstance(one.what, Revision) and one.what.kind is RevisionKind.EDITED for one in (last, event))
        and last.records == event.records == 1
        and last.author == event.author
        and event.at - last.at <= _ONE_EDIT
    )


# ---- In words


def _entry(session: Sequence[Event], revisions: Mapping[int, Revision], record: Record) -> Entry:
    event = session[-1]
    who, details, versions = event.author, [], ""
    tone: Tone = "text"
    match event.what:
        case Revision() as revision:
            if revision.kind is RevisionKind.GENERATED:
                who = record.model or "A model"
            elif revision.kind is RevisionKind.IMPORTED:
                who = revision.author or "An import"
            what = _revised(session, revisions)
            if revision.kind is RevisionKind.REGENERATED:
                details += [_quoted(revision.reason), f"taken by {event.taken_by}" if event.taken_by else ""]
            elif revision.kind is not RevisionKind.RESTORED:
                details.append(revision.reason)
            versions = _versions(session)
        case Decision() as decision:
            what, tone = _DECIDED[decision.status]
            if event.is_undo:
                what, tone = f"undid a decision: {decision.status.value} again", "calm"
            elif event.taken_by:
                what, tone = "took a new text, which is to be reviewed", "calm"
            details.append(decision.reason)
        case Tagging() as tagging:
            what, tone = f"{'tagged' if tagging.is_added else 'took away the tag'} {tagging.tag}", "calm"
            if event.is_undo:
                what = f"undid {'taking away' if tagging.is_added else 'adding'} the tag {tagging.tag}"
        case Comment() as comment:
            what, tone = "commented", "calm"
            details.append(_quoted(comment.text))
        case Refusal() as refusal:
            what, tone = f"kept the text rather than that of {refusal.model or 'a model'}", "calm"
            details.append(_quoted(refusal.note))
    if event.records > 1:
        details.append(f"with {count(event.records - 1, 'other record')}")
    return Entry(who, what, " · ".join(filter(None, details)), event.at, versions, tone)


def _revised(session: Sequence[Event], revisions: Mapping[int, Revision]) -> str:
    revision = session[-1].what
    if not isinstance(revision, Revision):
        return ""
    if revision.kind is RevisionKind.WRITTEN:
        return "wrote it"
    if revision.kind is RevisionKind.RESTORED:
        restored = _RESTORED.fullmatch(revision.reason)
        back = f"version {restored[1]}" if restored else "an earlier version"
        return f"undid a change: back to {back}" if session[-1].is_undo else f"went back to {back}"
    if revision.kind is RevisionKind.EDITED:
        return f"edited {_named(_changed(session, revisions)) or 'it'}"
    return f"{_MADE[revision.kind]} it"


def _changed(session: Sequence[Event], revisions: Mapping[int, Revision]) -> list[str]:
    """The fields that the edits changed, one or all of them, in the record's order."""
    changed: dict[str, None] = {}
    for event in session:
        if isinstance(event.what, Revision):
            before = revisions.get(event.what.number - 1)
            changed.update(dict.fromkeys(_differing(before.fields if before else {}, event.what.fields)))
    return list(changed)


def _differing(before: Fields, after: Fields) -> list[str]:
    return [name for name in after if before.get(name) != after[name] or name not in before]


def _named(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMED:
        return f"{', '.join(names[: _MOST_NAMED - 1])} and {len(names) - _MOST_NAMED + 1} more fields"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _versions(session: Sequence[Event]) -> str:
    numbers = [event.what.number for event in session if isinstance(event.what, Revision)]
    return f"version {numbers[0]}" if len(numbers) == 1 else f"versions {numbers[0]}–{numbers[-1]}"


def _quoted(text: str) -> str:
    return f"“{_short(text)}”" if text.strip() else ""


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _MOST_QUOTED else f"{one_line[:_MOST_QUOTED].rstrip()}…"


# ---- Comparing, and going back


def _compare(workspace: Workspace, record: Record, revisions: Mapping[int, Revision], *, before: int) -> None:
    """`before` is the version that the present one is compared with until the person chooses."""
    present = max(revisions)
    # Of this version alone: with the next one, what was new is no longer. The labels must not change with time.
    first_key, second_key = (f"compare-{side}-{record.id}-{present}" for side in ("first", "second"))
    labels = {number: _label(revision) for number, revision in sorted(revisions.items(), reverse=True)}
    st.session_state.setdefault(first_key, before)
    st.session_state.setdefault(second_key, present)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Compare**", width="content")
        if before > 1:
            for name, number in {"Last change": before, "All since the first": 1}.items():
                st.button(
                    name,
                    type="tertiary",
                    key=f"compare-{number}-{record.id}",
                    on_click=_choose,
                    args=({first_key: number, second_key: present},),
                )
    sides = st.columns(2, gap="small")
    first: int = sides[0].selectbox("Before", list(labels), format_func=labels.__getitem__, key=first_key)
    second: int = sides[1].selectbox("After", list(labels), format_func=labels.__getitem__, key=second_key)
    diffs = record_diff(*(as_edited(record.generator, revisions[number].fields) for number in (first, second)))
    diff_view(diffs, key=f"compare-diff-{record.id}")
    if revisions[first].fields != revisions[present].fields:
        st.button(
            f"Go back to version {first}",
            icon=":material/restore:",
            key=f"restore-{record.id}",
            on_click=_restore,
            args=(workspace, record, first, present),
            help="Adds it as the newest version. Nothing is deleted.",
        )


def _choose(versions: Mapping[str, int]) -> None:
    for key, number in versions.items():
        st.session_state[key] = number


def _restore(workspace: Workspace, record: Record, revision: int, seen: int) -> None:
    try:
        now = workspace.records.get(record.id)
        if now is None or now.revision == seen:
            workspace.review.restore(record.id, revision, author=reviewer())
        else:
            notice(
                f"Record {record.number} was not taken back to version {revision}: it has been changed since its "
                "versions were listed. Look at the present one first."
            )
    except DataflowError as error:
        notice(str(error))
    read_anew()


def _label(revision: Revision) -> str:
    if revision.kind is RevisionKind.GENERATED:
        return f"{revision.number} · generated"
    if revision.kind is RevisionKind.IMPORTED:
        return f"{revision.number} · imported"
    return f"{revision.number} · {revision.author}, {_MADE[revision.kind]}"

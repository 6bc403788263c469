"""Actions of people: noting them, and taking them back as long as nobody has changed the same since.

The one or the many records of an action are undone alike, a chunk of them a transaction: by the decisions, revisions
and tags that it left, each put back to what it had taken the place of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, literal, select, update

from dataflow_core.models import Action, Record, RevisionKind
from dataflow_core.storage import proposals, writing
from dataflow_core.storage.planning import unindexed
from dataflow_core.storage.records import find
from dataflow_core.storage.rows import action_of
from dataflow_core.storage.schema import actions, decisions, records, revisions, taggings

#: Edits of one record by one person with less than so many seconds between them are one action.
ONE_EDIT = 30.0
UNDO = "undo"
DECIDED = (
    *("record", "revision", "status", "reason", "reviewer", "at", "action"),
    *("status_before", "reason_before", "reviewer_before"),
)

Revise = Callable[..., None]


def count(connection: Connection, action: int, records_touched: int) -> None:
    values = {"total": records_touched, "done": records_touched, "touched": records_touched}
    connection.execute(update(actions).where(actions.c.number == action).values(values))


def forget(connection: Connection, action: int) -> None:
    """It turned out to change nothing."""
    connection.execute(delete(actions).where(actions.c.number == action))


def continue_edit(connection: Connection, record: int, author: str) -> int | None:
    """The action that an edit of this record goes on with; None where it is another one."""
    newest = select(actions).where(actions.c.author == author).order_by(actions.c.number.desc()).limit(1)
    last = connection.execute(newest).mappings().first()
    now = time.time()
    if last is None or (last["kind"], last["record"], last["undone_by"]) != ("edit", record, None):
        return None
    newest_revision = select(revisions.c.action).where(revisions.c.record == record)
    if connection.scalar(newest_revision.order_by(revisions.c.number.desc()).limit(1)) != last["number"]:
        return None
    if now - last["at"] > ONE_EDIT:
        return None
    connection.execute(update(actions).where(actions.c.number == last["number"]).values(at=now))
    return int(last["number"])


def last_of(connection: Connection, author: str) -> Action | None:
    """What this person did last on one record and has not taken back."""
    own = (actions.c.author == author) & actions.c.record.is_not(None)
    standing = own & actions.c.undone_by.is_(None) & (actions.c.kind != UNDO)
    row = connection.execute(select(actions).where(standing).order_by(actions.c.number.desc()).limit(1)).mappings()
    found = row.first()
    return action_of(found) if found else None


def undo_here(connection: Connection, action: Action, author: str, revise: Revise) -> int:
    """Undo an action in this one transaction; returns how many records that changed."""
    params = {"action": action.number, "kind": action.kind}
    undo = writing.begin_action(connection, UNDO, author, record=action.record, params=params)
    mark_undone(connection, action.number, undo)
    touched = undo_decisions(connection, action.number, undo, author)
    touched |= undo_revisions(connection, action.number, undo, author, revise)
    touched |= proposals.reopen(connection, action.number, touched, undo=undo)
    touched |= undo_tags(connection, action.number, undo, author)
    count(connection, undo, len(touched))
    return len(touched)


def root_of(connection: Connection, action: int) -> str:
    """The kind of what an action does, undoes, or does again."""
    while True:
        kind, params = connection.execute(
            select(actions.c.kind, actions.c.params).where(actions.c.number == action)
        ).one()
        if kind != UNDO:
            return str(kind)
        action = params["action"]


def mark_undone(connection: Connection, action: int, undo: int | None) -> None:
    """Note what takes the action back; None where that was not done to its end, so that it can be asked for again.

    Where the action is an undo itself, what it had taken back stands again, and so on.
    """
    while True:
        connection.execute(update(actions).where(actions.c.number == action).values(undone_by=undo))
        kind, params = connection.execute(
            select(actions.c.kind, actions.c.params).where(actions.c.number == action)
        ).one()
        if kind != UNDO:
            return
        action, undo = params["action"], action if undo is None else None


def undo_decisions(
    connection: Connection, action: int, undo: int, author: str, *, among: list[int] | None = None
) -> set[int]:
    """Put back what the action's decisions took the place of, where they are what their records still have.

    Not where the action has written a text, too, which was changed since, or a model has written another one since: the
    decision before it was not on that.
    """
    now = time.time()
    before: int = connection.scalar(select(func.max(decisions.c.number))) or 0
    inverse = select(
        decisions.c.record,
        records.c.revision,
        decisions.c.status_before,
        decisions.c.reason_before,
        literal(author),
        literal(now),
        literal(undo),
        decisions.c.status,
        decisions.c.reason,
        decisions.c.reviewer,
    ).join(records, records.c.number == decisions.c.record)
    # A part of them may be undone already, by an undo that was stopped.
    is_as_left = (records.c.status == decisions.c.status) & (records.c.reason == decisions.c.reason)
    inverse = inverse.where(_is_of(action, decisions, among), is_as_left, ~_changed_since(decisions))
    inverse = inverse.where(~_is_written_again_since(action))
    if connection.scalar(select(revisions.c.number).where(revisions.c.action == action).limit(1)) is not None:
        inverse = inverse.where(~_is_rewritten_since(action))
    connection.execute(insert(decisions).from_select(DECIDED, inverse))
    made, undone = decisions.alias(), decisions.alias()
    put_back = update(records).where(made.c.number > before, records.c.number == made.c.record)
    is_undone = (undone.c.record == made.c.record) & (unindexed(undone.c.action) == action)
    connection.execute(
        put_back.where(is_undone).values(
            status=made.c.status,
            reason=made.c.reason,
            reviewer=undone.c.reviewer_before,
            decision=made.c.number,
            updated_at=now,
        )
    )
    return set(connection.scalars(select(decisions.c.record).where(decisions.c.number > before)))


def undo_revisions(
    connection: Connection, action: int, undo: int, author: str, revise: Revise, *, among: list[int] | None = None
) -> set[int]:
    """Restore what records said before the action, where it has written their present text.

    Not where that is more than an edit, which leaves decisions standing, and was judged since: the decision on it would
    then be one on another text.
    """
    is_judged = (revisions.c.kind != RevisionKind.EDITED.value) & _is_judged_since(action)
    own = select(revisions.c.record, revisions.c.number).where(_is_of(action, revisions, among), ~is_judged)
    own = own.order_by(revisions.c.record, revisions.c.number)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for number, revision in connection.execute(own):
        first.setdefault(number, revision)
        last[number] = revision
    touched: set[int] = set()
    for number, revision in first.items():
        record = find(connection, records.c.number == number)
        if record is None or revision == 1 or not _is_as_left(connection, record, last[number]):
            continue
        fields = writing.fields_at(connection, number, revision - 1)
        reason = f"Revision {revision - 1} restored"
        revise(connection, record, fields, kind=RevisionKind.RESTORED, author=author, action=undo, reason=reason)
        touched.add(number)
    return touched


def undo_tags(
    connection: Connection, action: int, undo: int, author: str, *, among: list[int] | None = None
) -> set[int]:
    own = select(taggings.c.record, taggings.c.tag, taggings.c.is_added).where(
        _is_of(action, taggings, among), ~_changed_since(taggings, "tag")
    )
    by_tag: dict[tuple[str, bool], list[int]] = {}
    for number, tag, was_added in connection.execute(own):
        by_tag.setdefault((tag, was_added), []).append(number)
    touched: set[int] = set()
    for (tag, was_added), numbers in by_tag.items():
        touched.update(writing.tag_many(connection, numbers, tag, is_added=not was_added, author=author, action=undo))
    return touched


def _is_as_left(connection: Connection, record: Record, revision: int) -> bool:
    """Whether the record says what it did at that revision, and nobody has changed that since."""
    if record.revision == revision:
        return True
    own = (revisions.c.record == record.number) & (revisions.c.number == revision)
    stands = connection.scalar(select(revisions.c.number).where(own, ~_changed_since(revisions)))
    return stands is not None and record.fields == writing.fields_at(connection, record.number, revision)


def _changed_since(table: Table, *same: str) -> ColumnElement[bool]:
    """Whether the record of a row in `table` has a later one there, of what has not been taken back itself.

    Going back further needs this: undoing adds rows, too.
    """
    later, by = table.alias(), actions.alias()
    is_later = (later.c.record == table.c.record) & (later.c.number > table.c.number)
    since = select(1).select_from(later.outerjoin(by, by.c.number == later.c.action)).where(is_later, _stands(by))
    for name in same:
        since = since.where(later.c[name] == table.c[name])
    return since.correlate(table).exists()


def _is_rewritten_since(action: int) -> ColumnElement[bool]:
    """Whether the text that the action gave to the record of a decision has been changed since."""
    own = (revisions.c.record == decisions.c.record) & (unindexed(revisions.c.action) == action)
    return select(1).select_from(revisions).where(own, _changed_since(revisions)).correlate(decisions).exists()


def _is_written_again_since(action: int) -> ColumnElement[bool]:
    """Whether a model's text has been put in the place of the one that the decision was on."""
    by = actions.alias()
    is_later = (revisions.c.record == decisions.c.record) & (revisions.c.number > decisions.c.revision)
    is_another = (revisions.c.kind == RevisionKind.REGENERATED.value) & (unindexed(revisions.c.action) != action)
    both = revisions.outerjoin(by, by.c.number == revisions.c.action)
    return select(1).select_from(both).where(is_later, is_another, _stands(by)).correlate(decisions).exists()


def _is_judged_since(action: int) -> ColumnElement[bool]:
    """Whether a decision on a revision or a later one stands that is not the action's own."""
    by = actions.alias()
    on_it = (decisions.c.record == revisions.c.record) & (decisions.c.revision >= revisions.c.number)
    is_other = decisions.c.action.is_(None) | (unindexed(decisions.c.action) != action)
    both = decisions.outerjoin(by, by.c.number == decisions.c.action)
    return select(1).select_from(both).where(on_it, is_other, _stands(by)).correlate(revisions).exists()


def _stands(by: Any) -> ColumnElement[bool]:
    """Whether what this action did, or what was done without one, has not been taken back and takes nothing back."""
    stands: ColumnElement[bool] = by.c.number.is_(None) | (by.c.undone_by.is_(None) & (by.c.kind != UNDO))
    return stands


def _is_of(action: int, table: Any, among: list[int] | None) -> ColumnElement[bool]:
    """Rows that the action left; `among` these records alone, which are then what they are looked up by."""
    by_action: ColumnElement[bool] = table.c.action == action
    if among is None:
        return by_action
    return and_(unindexed(table.c.action) == action, table.c.record.in_(among))

"""Actions of people: noting them, and taking them back as long as nobody has changed the same since.

The one or the many records of an action are undone alike, a chunk of them a transaction: by the decisions, revisions
and tags that it left, each put back to what it had taken the place of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, delete, insert, literal, select, update

from dataflow_core.models import Action, RevisionKind
from dataflow_core.storage import proposals, writing
from dataflow_core.storage.records import find
from dataflow_core.storage.rows import action_of
from dataflow_core.storage.schema import actions, decisions, records, revisions, taggings

#: Edits of one record by one person with less than so many seconds between them are one action.
ONE_EDIT = 30.0
UNDO = "undo"
_COLUMNS = (
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
    touched |= proposals.reopen(connection, action.number, touched)
    touched |= undo_tags(connection, action.number, undo, author)
    count(connection, undo, len(touched))
    return len(touched)


def mark_undone(connection: Connection, action: int, undo: int) -> None:
    connection.execute(update(actions).where(actions.c.number == action).values(undone_by=undo))


def undo_decisions(
    connection: Connection, action: int, undo: int, author: str, *, among: list[int] | None = None
) -> set[int]:
    """Put back what the action's decisions took the place of, where they are still the newest of their records."""
    is_newest = (records.c.number == decisions.c.record) & (records.c.decision == decisions.c.number)
    standing = select(decisions.c.record, decisions.c.number).join(records, is_newest)
    standing = standing.where(decisions.c.action == action)
    if among is not None:
        standing = standing.where(decisions.c.record.in_(among))
    found = connection.execute(standing).all()
    if not found:
        return set()
    now = time.time()
    made = decisions.alias()
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
    numbers = [number for _, number in found]
    connection.execute(insert(decisions).from_select(_COLUMNS, inverse.where(decisions.c.number.in_(numbers))))
    touched = [record for record, _ in found]
    undone = (made.c.record == records.c.number) & (made.c.action == undo)
    before = (decisions.c.record == records.c.number) & (decisions.c.number.in_(numbers))
    connection.execute(
        update(records)
        .where(records.c.number.in_(touched))
        .values(
            status=select(made.c.status).where(undone).scalar_subquery(),
            reason=select(made.c.reason).where(undone).scalar_subquery(),
            reviewer=select(decisions.c.reviewer_before).where(before).scalar_subquery(),
            decision=select(made.c.number).where(undone).scalar_subquery(),
            updated_at=now,
        )
    )
    return set(touched)


def undo_revisions(
    connection: Connection, action: int, undo: int, author: str, revise: Revise, *, among: list[int] | None = None
) -> set[int]:
    """Restore what records said before the action, where it has written their present text."""
    own: Any = (
        select(revisions.c.record, revisions.c.number)
        .where(revisions.c.action == action)
        .order_by(revisions.c.record, revisions.c.number)
    )
    if among is not None:
        own = own.where(revisions.c.record.in_(among))
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for number, revision in connection.execute(own):
        first.setdefault(number, revision)
        last[number] = revision
    touched: set[int] = set()
    for number, revision in first.items():
        record = find(connection, records.c.number == number)
        if record is None or record.revision != last[number] or revision == 1:
            continue
        fields = writing.fields_at(connection, number, revision - 1)
        reason = f"Revision {revision - 1} restored"
        revise(connection, record, fields, kind=RevisionKind.RESTORED, author=author, action=undo, reason=reason)
        touched.add(number)
    return touched


def undo_tags(
    connection: Connection, action: int, undo: int, author: str, *, among: list[int] | None = None
) -> set[int]:
    own = select(taggings.c.record, taggings.c.tag, taggings.c.is_added).where(taggings.c.action == action)
    if among is not None:
        own = own.where(taggings.c.record.in_(among))
    by_tag: dict[tuple[str, bool], list[int]] = {}
    for number, tag, was_added in connection.execute(own):
        by_tag.setdefault((tag, was_added), []).append(number)
    touched: set[int] = set()
    for (tag, was_added), numbers in by_tag.items():
        writing.tag_many(connection, numbers, tag, is_added=not was_added, author=author, action=undo)
        touched.update(numbers)
    return touched

"""What each kind of action on many records does to a chunk of them."""

from __future__ import annotations

import time

from sqlalchemy import Connection, func, insert, literal, select, update

from dataflow_core.errors import UsageError
from dataflow_core.models import Action, ProposalState, RevisionKind
from dataflow_core.reviewing import accepting
from dataflow_core.reviewing.replacing import Replacement
from dataflow_core.reviewing.review import revise
from dataflow_core.storage import proposals, rewrite_inputs, undoing, writing
from dataflow_core.storage.records import page
from dataflow_core.storage.schema import decisions, records

#: Planning to have records written again; no action of its own to those who look back, and nothing to be undone.
EXTEND = "extend-rewriting"
#: How proposals are settled where the undoing of these kinds of actions is undone.
_SETTLED = {"accept-proposals": ProposalState.ACCEPTED, "refuse-proposals": ProposalState.REFUSED}


def is_of_texts(action: Action) -> bool:
    """Whether it writes what records say, which takes longer a record than a decision."""
    return bool(action.params.get("is_of_texts", action.kind not in ("decide", "tag")))


def do(connection: Connection, action: Action, numbers: list[int]) -> tuple[int, dict[str, int]]:
    """Do the action on these records; returns how many that changed, and how many it left alone for which reason."""
    match action.kind:
        case "decide":
            return _decide(connection, action, numbers)
        case "tag":
            return _tag(connection, action, numbers), {}
        case "replace":
            return _replace(connection, action, numbers)
        case "accept-proposals":
            run_id = action.params["run"]
            return accepting.accept_many(connection, run_id, numbers, author=action.author, action=action.number)
        case "refuse-proposals":
            return accepting.refuse_many(connection, action.params["run"], numbers, action=action.number), {}
        case undoing.UNDO:
            return _undo(connection, action, numbers), {}
        case kind if kind == EXTEND:
            return rewrite_inputs.extend(connection, action.params["run"], numbers), {}
        case _:
            raise UsageError(f"This version of Dataflow Studio knows no action {action.kind!r}.")


def _undo(connection: Connection, action: Action, numbers: list[int]) -> int:
    undone, author = action.params["action"], action.author
    touched = undoing.undo_decisions(connection, undone, action.number, author, among=numbers)
    touched |= undoing.undo_revisions(connection, undone, action.number, author, revise, among=numbers)
    if settled := _SETTLED.get(undoing.root_of(connection, undone)):
        restored = frozenset(touched)
        touched |= proposals.settle_again(connection, undone, restored, settled, redo=action.number, among=numbers)
        touched |= proposals.reopen(connection, undone, restored, undo=action.number, among=numbers)
    touched |= undoing.undo_tags(connection, undone, action.number, author, among=numbers)
    return len(touched)


def _decide(connection: Connection, action: Action, numbers: list[int]) -> tuple[int, dict[str, int]]:
    status, reason = action.params["status"], action.params["reason"]
    is_other = (records.c.status != status) | (records.c.reason != reason)
    as_listed = records.c.revised_at <= action.params["listed_at"]
    due = records.c.number.in_(numbers) & is_other
    chosen = due & as_listed
    now = time.time()
    first: int = connection.scalar(select(func.max(decisions.c.number))) or 0
    made = select(
        records.c.number,
        records.c.revision,
        literal(status),
        literal(reason),
        literal(action.author),
        literal(now),
        literal(action.number),
        records.c.status,
        records.c.reason,
        records.c.reviewer,
    ).where(chosen)
    connection.execute(insert(decisions).from_select(undoing.DECIDED, made))
    newest = (decisions.c.number > first) & (records.c.number == decisions.c.record)
    changed = connection.execute(
        update(records)
        .where(newest)
        .values(status=status, reason=reason, reviewer=action.author, decision=decisions.c.number, updated_at=now)
    )
    if changed.rowcount == len(numbers):
        return changed.rowcount, {}
    changed_since = connection.scalar(select(func.count()).select_from(records).where(due, ~as_listed)) or 0
    return changed.rowcount, _left(changed=changed_since)


def _tag(connection: Connection, action: Action, numbers: list[int]) -> int:
    tag, is_added = action.params["tag"], action.params["is_added"]
    return len(
        writing.tag_many(connection, numbers, tag, is_added=is_added, author=action.author, action=action.number)
    )


def _replace(connection: Connection, action: Action, numbers: list[int]) -> tuple[int, dict[str, int]]:
    replacement = Replacement.of(action.params)
    listed_at = action.params.get("listed_at")
    changed_since: set[int] = set()
    if listed_at is not None:
        later = (records.c.number.in_(numbers)) & (records.c.revised_at > listed_at)
        changed_since = set(connection.scalars(select(records.c.number).where(later)))
    touched = left = 0
    for record in page(connection, numbers):
        fields = replacement.apply(record.fields)
        if fields == record.fields:
            continue
        if record.number in changed_since:
            left += 1
            continue
        kind, reason = RevisionKind.EDITED, replacement.description
        revise(connection, record, fields, kind=kind, author=action.author, action=action.number, reason=reason)
        touched += 1
    return touched, _left(changed=left)


def _left(**counts: int) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}

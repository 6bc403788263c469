"""Adding records, and adding to them: revisions, decisions, tags, comments. Each in a transaction of the caller's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from dataflow_core.errors import UsageError
from dataflow_core.models import (
    ActionState,
    Digest,
    Fields,
    InputState,
    Record,
    RecordStage,
    ReviewStatus,
    RevisionKind,
    RunKind,
)
from dataflow_core.storage import fulltext
from dataflow_core.storage.database import storable
from dataflow_core.storage.digests import UNCHECKED, add_digests, replace_digests, unindexed_among
from dataflow_core.storage.schema import (
    actions,
    comments,
    decisions,
    inputs,
    record_tags,
    records,
    revisions,
    runs,
    taggings,
)

#: How a record comes to be in one go, rather than by a change to it.
WHOLE = (RevisionKind.GENERATED, RevisionKind.REGENERATED, RevisionKind.WRITTEN, RevisionKind.IMPORTED)


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to be stored; the ids and the place of what it was made from are None where it is made from nothing."""

    id: str
    fields: Fields
    run_id: str | None = None
    input_id: str | None = None
    position: int | None = None
    repairs: tuple[str, ...] = ()
    model: str = ""
    digest: Digest = UNCHECKED
    stage: RecordStage = ""


def add_records(
    connection: Connection,
    made: Sequence[NewRecord],
    *,
    generator: str,
    kind: RevisionKind,
    author: str,
    status: ReviewStatus,
    now: float,
) -> None:
    """Store records, each with its first revision."""
    if not made:
        return
    last: int = connection.scalar(select(func.coalesce(func.max(records.c.number), 0))) or 0
    reviewer = author if status is not ReviewStatus.UNREVIEWED else ""
    # Every column is given: a default would be worked out again for each record.
    shared: Fields = {"generator": generator, "status": status.value, "reason": "", "reviewer": reviewer}
    shared |= {"decision": None, "revision": 1, "is_edited": False}
    shared |= {"created_at": now, "revised_at": now, "updated_at": now}
    new_records: list[Fields] = []
    first_revisions: list[Fields] = []
    texts: list[tuple[int, str]] = []
    digests: list[tuple[int, Digest]] = []
    for number, record in enumerate(made, start=last + 1):
        fields = storable_fields(record.fields)
        text = fulltext.text_of(fields)
        own: Fields = {"number": number, "id": record.id, "run_id": record.run_id, "input_id": record.input_id}
        own |= {"position": record.position, "repairs": list(record.repairs), "model": storable(record.model)}
        own |= {"intent": intent_of(fields), "length": len(text), "stage": record.stage}
        own |= {"fingerprint": record.digest.fingerprint, "checked": record.digest.version}
        new_records.append(shared | own)
        first_revisions.append(_revision(number, 1, kind, fields, author, "", now, None))
        texts.append((number, text))
        digests.append((number, record.digest))
    connection.execute(insert(records), new_records)
    connection.execute(insert(revisions), first_revisions)
    fulltext.add(connection, texts)
    add_digests(connection, digests)


def add_written(connection: Connection, written: NewRecord, *, generator: str, author: str) -> None:
    """Store a record that a person has written, as accepted: whoever wrote it has judged it."""
    add_records(
        connection,
        [written],
        generator=generator,
        kind=RevisionKind.WRITTEN,
        author=author,
        status=ReviewStatus.ACCEPTED,
        now=time.time(),
    )


def make_good(connection: Connection, input_id: str) -> RowMapping | None:
    """Count a failed input as done; returns what is known of it and its run. None if not failed."""
    generating = select(runs.c.id).where(runs.c.kind == RunKind.GENERATE)
    is_failed = (inputs.c.id == input_id) & (inputs.c.state == InputState.FAILED.value)
    is_failed &= inputs.c.run_id.in_(generating)
    query = select(inputs.c.run_id, inputs.c.position, inputs.c.fields, runs.c.generator, runs.c.params)
    found = connection.execute(query.join_from(inputs, runs).where(is_failed)).mappings().first()
    if found is not None:
        connection.execute(update(inputs).where(is_failed).values(state=InputState.DONE.value))
    return found


def revise(
    connection: Connection,
    record: Record,
    fields: Fields,
    *,
    kind: RevisionKind,
    author: str,
    digest: Digest,
    action: int | None,
    reason: str = "",
) -> None:
    """Add a revision. The decision that stands on the record is kept."""
    now = time.time()
    fields = storable_fields(fields)
    before, text = fulltext.text_of(record.fields), fulltext.text_of(fields)
    number = record.revision + 1
    is_indexed = record.number not in unindexed_among(connection, [record.number])
    connection.execute(insert(revisions), _revision(record.number, number, kind, fields, author, reason, now, action))
    changed: Fields = {"intent": intent_of(fields), "length": len(text), "revision": number}
    changed |= {"fingerprint": digest.fingerprint, "checked": digest.version}
    is_edited = not _is_as_made(connection, record.number, fields)
    changed |= {"is_edited": is_edited, "revised_at": now, "updated_at": now}
    connection.execute(update(records).where(records.c.number == record.number).values(changed))
    if is_indexed:
        fulltext.replace(connection, record.number, before, text)
    else:
        fulltext.add(connection, [(record.number, text)])
    replace_digests(connection, [(record.number, digest)])


def decide(
    connection: Connection, record: Record, status: ReviewStatus, *, reviewer: str, reason: str, action: int
) -> None:
    now = time.time()
    made = connection.execute(
        insert(decisions)
        .values(
            record=record.number,
            revision=record.revision,
            status=status.value,
            reason=reason,
            reviewer=reviewer,
            at=now,
            action=action,
            status_before=record.status.value,
            reason_before=record.reason,
            reviewer_before=record.reviewer,
        )
        .returning(decisions.c.number)
    )
    connection.execute(
        update(records)
        .where(records.c.number == record.number)
        .values(status=status.value, reason=reason, reviewer=reviewer, decision=made.scalar_one(), updated_at=now)
    )


def tag_many(
    connection: Connection, numbers: Sequence[int], name: str, *, is_added: bool, author: str, action: int
) -> list[int]:
    """Add a tag to the records with these numbers, or take it away; returns those which that changed."""
    having = select(record_tags.c.record).where(record_tags.c.tag == name, record_tags.c.record.in_(numbers))
    have = set(connection.scalars(having))
    touched = [number for number in numbers if (number in have) != is_added]
    if not touched:
        return []
    now = time.time()
    shared: Fields = {"tag": name, "is_added": is_added, "author": author, "at": now, "action": action}
    connection.execute(insert(taggings), [shared | {"record": number} for number in touched])
    if is_added:
        connection.execute(insert(record_tags), [{"record": number, "tag": name} for number in touched])
    else:
        is_one = (record_tags.c.tag == name) & record_tags.c.record.in_(touched)
        connection.execute(delete(record_tags).where(is_one))
    connection.execute(update(records).where(records.c.number.in_(touched)).values(updated_at=now))
    return touched


def tag_name(text: str) -> str:
    """The tag as it is stored. Raises `UsageError` for an empty one."""
    if name := " ".join(storable(text).split())[:60]:
        return name
    raise UsageError("The tag is empty.")


def comment(connection: Connection, record: Record, text: str, *, author: str) -> None:
    now = time.time()
    connection.execute(insert(comments).values(record=record.number, author=author, text=storable(text), at=now))
    connection.execute(update(records).where(records.c.number == record.number).values(updated_at=now))


def begin_action(
    connection: Connection, kind: str, author: str, *, record: int | None, params: Fields | None = None
) -> int:
    """Note something that a person does, at once and in whole; returns its number."""
    now = time.time()
    values: Fields = {"kind": kind, "author": author, "record": record, "params": params or {}, "total": 1, "done": 1}
    values |= {"touched": 1, "state": ActionState.DONE.value, "began_at": now, "at": now}
    number: int = connection.execute(insert(actions).values(values).returning(actions.c.number)).scalar_one()
    return number


def fields_at(connection: Connection, record: int, revision: int) -> Fields:
    """The record's fields at that revision. Raises `UsageError` where it has none of that number."""
    found = connection.scalar(
        select(revisions.c.fields).where(revisions.c.record == record, revisions.c.number == revision)
    )
    if found is None:
        raise UsageError(f"The record has no revision {revision}.")
    fields: Fields = found
    return fields


def storable_fields(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): storable_fields(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable_fields(part) for part in value]
    return value


def _is_as_made(connection: Connection, record: int, fields: Fields) -> bool:
    """Whether these are, word for word, what a model wrote, or who added the record."""
    written = select(revisions.c.number, revisions.c.kind, revisions.c.fields).where(
        revisions.c.record == record, revisions.c.kind.in_([kind.value for kind in (*WHOLE, RevisionKind.ANSWERED)])
    )
    return any(
        # Answers to what a person has written make it no model's.
        kind != RevisionKind.ANSWERED or _is_as_made(connection, record, fields_at(connection, record, number - 1))
        for number, kind, one in connection.execute(written).all()
        if one == fields
    )


def intent_of(fields: Fields) -> str:
    """What records are filtered by as their intent: of a dialogue that has none, its category, which is the same."""
    intent = fields.get("intent")
    if intent is None and "conversation" in fields:
        intent = fields.get("category")
    return intent[:200] if isinstance(intent, str) else ""


def _revision(
    record: int,
    number: int,
    kind: RevisionKind,
    fields: Fields,
    author: str,
    reason: str,
    at: float,
    action: int | None,
) -> Fields:
    return {
        "record": record,
        "number": number,
        "kind": kind.value,
        "fields": fields,
        "author": author,
        "reason": reason,
        "at": at,
        "action": action,
    }

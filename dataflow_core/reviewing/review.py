"""A person's work on records: edits, decisions, tags, comments, records written by hand. Nothing is ever overwritten.

An edit adds a revision, and what is done at one go is an action, which is undone as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, select
from ulid import ULID

from dataflow_core.checks.digest import digest_of
from dataflow_core.errors import UsageError
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.custom import CustomGenerator, as_typed
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.models import (
    SKELETON,
    Action,
    Digest,
    Fields,
    Record,
    RecordStage,
    ReviewStatus,
    RevisionKind,
)
from dataflow_core.reviewing.staleness import stale_findings
from dataflow_core.storage import stage_gate, undoing, writing
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.pace import Pace, pace_of
from dataflow_core.storage.records import find, params_of
from dataflow_core.storage.schema import records, revisions


@dataclass(frozen=True, slots=True)
class Edited:
    """What became of an edit: the record as it is now and, where someone else changed the same fields since,
    their values in `conflicts`; then nothing was written.
    """

    record: Record
    conflicts: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Undone:
    """What `undo_last` took back: the kind of action, and the record that it was about."""

    kind: str
    record: Record


class Review:
    def __init__(self, database: Database) -> None:
        self._database = database

    def edit(self, record_id: str, changes: Mapping[str, Any], *, base_revision: int, author: str) -> Edited:
        """Write the changed fields over the record as a new revision, at once and durably.

        `base_revision` is the one the author saw. Fields that someone else has changed since are a
        conflict, unless to the same value. Equal values are no change, so repeating an edit does nothing.
        Edits that follow one another closely are one action, which is undone at once.
        Raises `UsageError` for a record or field that is not there or a conversation of another shape.
        """
        with self._database.write() as connection:
            record = _present(connection, record_id)
            if unknown := [name for name in changes if name not in record.fields]:
                raise UsageError(f"The record has no field {unknown[0]!r}.")
            stored = writing.storable_fields(dict(changes))
            if record.generator == CustomGenerator.name:
                stored = as_typed(stored, params_of(connection, record))
            changed = {name: value for name, value in stored.items() if record.fields.get(name) != value}
            if not changed:
                return Edited(record)
            _check(record.generator, changed, record.stage)
            if base_revision != record.revision:
                seen = writing.fields_at(connection, record.number, base_revision)
                if theirs := {name: record.fields[name] for name in changed if seen.get(name) != record.fields[name]}:
                    return Edited(record, theirs)
            action = undoing.continue_edit(connection, record.number, author)
            if action is None:
                action = writing.begin_action(connection, "edit", author, record=record.number)
            revise(connection, record, record.fields | changed, kind=RevisionKind.EDITED, author=author, action=action)
            return Edited(_present(connection, record_id))

    def restore(self, record_id: str, revision: int, *, author: str) -> Record:
        """Make an earlier revision's fields the present ones, as a new revision.

        Raises `UsageError` for a revision that is not there, and for the questions of a dialogue answered since.
        """
        with self._database.write() as connection:
            record = _present(connection, record_id)
            fields = writing.fields_at(connection, record.number, revision)
            if stage_gate.was_completed_after(connection, record, revision):
                raise UsageError(
                    f"Revision {revision} is the questions alone, which have been answered since. Going back to it "
                    "would leave a dialogue without answers."
                )
            if fields != record.fields:
                reason = f"Revision {revision} restored"
                action = writing.begin_action(connection, "restore", author, record=record.number)
                kind = RevisionKind.RESTORED
                revise(connection, record, fields, kind=kind, author=author, action=action, reason=reason)
            return _present(connection, record_id)

    def decide(
        self, seen: Mapping[str, int], status: ReviewStatus, *, reviewer: str, reason: str = ""
    ) -> Sequence[str]:
        """Decide records as one action; `seen` gives each record's id and the revision that was on screen.

        Returns the ids left alone, for their content has changed since.
        """
        reason = storable(reason)
        changed_since: list[str] = []
        with self._database.write() as connection:
            to_decide: list[Record] = []
            for record_id, revision in seen.items():
                record = _present(connection, record_id)
                if record.revision != revision:
                    changed_since.append(record_id)
                elif (record.status, record.reason) != (status, reason):
                    to_decide.append(record)
            if to_decide:
                one = to_decide[0].number if len(to_decide) == 1 else None
                params = {"status": status.value, "reason": reason}
                action = writing.begin_action(connection, "decide", reviewer, record=one, params=params)
                undoing.count(connection, action, len(to_decide))
                for record in to_decide:
                    writing.decide(connection, record, status, reviewer=reviewer, reason=reason, action=action)
        return changed_since

    def tag(self, record_id: str, tag: str, *, author: str, is_added: bool = True) -> None:
        """Add a tag to the record, or take it away. Raises `UsageError` for an empty one."""
        name = writing.tag_name(tag)
        with self._database.write() as connection:
            record = _present(connection, record_id)
            params = {"tag": name, "is_added": is_added}
            action = writing.begin_action(connection, "tag", author, record=record.number, params=params)
            one = [record.number]
            if not writing.tag_many(connection, one, name, is_added=is_added, author=author, action=action):
                undoing.forget(connection, action)

    def comment(self, record_id: str, text: str, *, author: str) -> None:
        """Add a comment. Raises `UsageError` for an empty one."""
        if not text.strip():
            raise UsageError("The comment is empty.")
        with self._database.write() as connection:
            writing.comment(connection, _present(connection, record_id), text.strip(), author=author)

    def last_action(self, author: str) -> Action | None:
        """What `undo_last` would take back."""
        with self._database.read() as connection:
            return undoing.last_of(connection, author)

    def pace(self, author: str) -> Pace:
        """How quickly this person decides, and how much they have decided today."""
        with self._database.read() as connection:
            return pace_of(connection, author)

    def undo_last(self, author: str) -> Undone | None:
        """Take back what this person did last on one record, if that was not changed since; None where nothing is.

        Asked again, it goes back further, also after the `UsageError` that it raises where it was.
        """
        with self._database.write() as connection:
            last = undoing.last_of(connection, author)
            if last is None or last.record is None:
                return None
            touched = undoing.undo_here(connection, last, author, revise)
            record = find(connection, records.c.number == last.record)
        if record is None or not touched:
            raise UsageError(f"Record {last.record} was changed again since, so it stays as it is.")
        return Undone(last.kind, record)

    def add(self, fields: Fields, *, generator: str, author: str) -> Record:
        """Store a record written by hand, as accepted: whoever wrote it has judged it."""
        if not any(str(value).strip() for value in fields.values()):
            raise UsageError("The record is empty: fill in its fields first.")
        _check(generator, fields)
        written = writing.NewRecord(str(ULID()), fields, digest=digest_of(generator, fields, {}))
        with self._database.write() as connection:
            writing.add_written(connection, written, generator=generator, author=author)
            return _present(connection, written.id)

    def write_for_failed(self, input_id: str, fields: Fields, *, author: str) -> Record:
        """Store, as accepted, the record of a failed input that a person has written; the input is then done.

        Raises `UsageError` when the input is not failed, or something is still to be filled in.
        """
        with self._database.write() as connection:
            failed = writing.make_good(connection, input_id)
            if failed is None:
                raise UsageError("This input is no longer failed: it was retried, or has a record already.")
            generator = failed["generator"]
            _check(generator, fields)
            if generator == CustomGenerator.name:
                if empty := [name for name, value in fields.items() if name != MODEL_NAME and _is_empty(value)]:
                    raise UsageError(f"{empty[0]} is still empty: fill it in first.")
                fields = as_typed(fields, failed["params"])
            elif empty := _empty_fields(fields, besides=failed["fields"]):
                raise UsageError(f"{empty[0]} is still empty: fill it in first.")
            digest = digest_of(generator, fields, failed["params"])
            if skeleton := stage_gate.skeletons_of(connection, failed["run_id"], [input_id]).get(input_id):
                kind = RevisionKind.WRITTEN
                stage_gate.complete(connection, skeleton, fields, kind=kind, author=author, digest=digest)
                return _present(connection, skeleton.id)
            written = writing.NewRecord(
                str(ULID()), fields, failed["run_id"], input_id, failed["position"], digest=digest
            )
            writing.add_written(connection, written, generator=generator, author=author)
            return _present(connection, written.id)


def revise(
    connection: Connection,
    record: Record,
    fields: Fields,
    *,
    kind: RevisionKind,
    author: str,
    action: int | None,
    reason: str = "",
) -> None:
    """Add a revision, with what the checks say of it and which of its fields may no longer fit the others."""
    digest = _digest(connection, record, fields, kind)
    writing.revise(connection, record, fields, kind=kind, author=author, digest=digest, action=action, reason=reason)


def judged(connection: Connection, record: Record) -> Digest:
    """What the checks say of the record as it stands."""
    newest = (revisions.c.record == record.number) & (revisions.c.number == record.revision)
    kind = RevisionKind(connection.execute(select(revisions.c.kind).where(newest)).scalar_one())
    return _digest(connection, record, record.fields, kind)


def judged_each(connection: Connection, found: Sequence[Record]) -> list[tuple[int, Digest]]:
    """What the checks say of each of many records as they stand, by number."""
    is_newest = (revisions.c.record == records.c.number) & (revisions.c.number == records.c.revision)
    chosen = records.c.number.in_([record.number for record in found])
    newest = select(records.c.number, revisions.c.kind).join(revisions, is_newest).where(chosen)
    kinds = {number: RevisionKind(kind) for number, kind in connection.execute(newest)}
    params = {record.run_id: record for record in found}  # one of each run
    shared = {run: params_of(connection, record) for run, record in params.items()}
    return [
        (one.number, _digest_with(connection, one, one.fields, kinds[one.number], shared[one.run_id])) for one in found
    ]


def _digest(connection: Connection, record: Record, fields: Fields, kind: RevisionKind) -> Digest:
    return _digest_with(connection, record, fields, kind, params_of(connection, record))


def _digest_with(connection: Connection, record: Record, fields: Fields, kind: RevisionKind, params: Fields) -> Digest:
    digest = digest_of(record.generator, fields, params, stage=record.stage)
    stale = stale_findings(connection, record, fields, params, kind)
    return replace(digest, findings=(*digest.findings, *stale))


def _present(connection: Connection, record_id: str) -> Record:
    record = find(connection, records.c.id == record_id)
    if record is None:
        raise UsageError("This record is no longer in the workspace.")
    return record


def _check(generator: str, fields: Mapping[str, Any], stage: RecordStage = "") -> None:
    """An upload may have a column of the same name, which holds anything."""
    turns = fields.get("conversation")
    if turns is None or generator != ConsistentChatGenerator.name:
        return
    if not isinstance(turns, list) or not all(
        isinstance(turn, dict) and turn.get("role") in ("user", "assistant") and isinstance(turn.get("value"), str)
        for turn in turns
    ):
        raise UsageError('A conversation is a list of turns {"role": "user" or "assistant", "value": text}.')
    if stage == SKELETON and any(turn["role"] != "user" for turn in turns):
        raise UsageError("Only the questions are under review: the answers are written once these are accepted.")


def _empty_fields(fields: Fields, *, besides: Fields) -> list[str]:
    """What has no text yet, turns of a conversation included; what the input brought along may be empty."""
    own = {name: value for name, value in fields.items() if name not in besides}
    turns = own.get("conversation")
    if isinstance(turns, list):
        own |= {f"Turn {number} of the conversation": turn["value"] for number, turn in enumerate(turns, start=1)}
    return [name for name, value in own.items() if not value or _is_empty(value)]


def _is_empty(value: Any) -> bool:
    """0 and no are something."""
    return value is None or value == [] or not str(value).strip()

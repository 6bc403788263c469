"""A person's work on records: edits, decisions, records written by hand. An edit is a revision; none is overwritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ulid import ULID

from dataflow_core.errors import UsageError
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.models import Fields, Record, ReviewStatus, RevisionKind
from dataflow_core.storage import records as store
from dataflow_core.storage.database import Database


@dataclass(frozen=True, slots=True)
class Edited:
    """What became of an edit: the record as it is now and, where someone else changed the same fields since,
    their values in `conflicts`; then nothing was written.
    """

    record: Record
    conflicts: Fields = field(default_factory=dict)


class Review:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.records = store.RecordStore(database)

    def edit(self, record_id: str, changes: Mapping[str, Any], *, base_revision: int, author: str) -> Edited:
        """Write the changed fields over the record as a new revision, at once and durably.

        `base_revision` is the one the author saw. Fields that someone else has changed since are a
        conflict, unless to the same value. Equal values are no change, so repeating an edit does nothing.
        Raises `UsageError` for a record or field that is not there or a conversation of another shape.
        """
        with self._database.write() as connection:
            record = _present(store.current(connection, record_id))
            if unknown := [name for name in changes if name not in record.fields]:
                raise UsageError(f"The record has no field {unknown[0]!r}.")
            changed = {name: value for name, value in changes.items() if record.fields[name] != value}
            if not changed:
                return Edited(record)
            _check(record.generator, changed)
            if base_revision != record.revision:
                seen = store.fields_at(connection, record_id, base_revision)
                if theirs := {name: record.fields[name] for name in changed if seen[name] != record.fields[name]}:
                    return Edited(record, theirs)
            store.revise(connection, record, record.fields | changed, kind=RevisionKind.EDITED, author=author)
            return Edited(_present(store.current(connection, record_id)))

    def restore(self, record_id: str, revision: int, *, author: str) -> Record:
        """Make an earlier revision's fields the present ones, as a new revision."""
        with self._database.write() as connection:
            record = _present(store.current(connection, record_id))
            fields = store.fields_at(connection, record_id, revision)
            if fields != record.fields:
                reason = f"Restored revision {revision}."
                store.revise(connection, record, fields, kind=RevisionKind.RESTORED, author=author, reason=reason)
            return _present(store.current(connection, record_id))

    def decide(
        self, seen: Mapping[str, int], status: ReviewStatus, *, reviewer: str, reason: str = ""
    ) -> Sequence[str]:
        """Decide records as one transaction; `seen` gives each record's id and the revision that was on screen.

        Returns the ids left alone, for their content has changed since.
        """
        changed_since: list[str] = []
        with self._database.write() as connection:
            for record_id, revision in seen.items():
                record = _present(store.current(connection, record_id))
                if record.revision != revision:
                    changed_since.append(record_id)
                elif record.status is not status or record.reason != reason:
                    store.decide(connection, record, status, reviewer=reviewer, reason=reason)
        return changed_since

    def add(self, fields: Fields, *, generator: str, author: str) -> Record:
        """Store a record written by hand, as accepted: whoever wrote it has judged it."""
        if not any(str(value).strip() for value in fields.values()):
            raise UsageError("The record is empty: fill in its fields first.")
        _check(generator, fields)
        written = store.NewRecord(str(ULID()), fields)
        with self._database.write() as connection:
            store.add_written(connection, written, generator=generator, author=author)
            return _present(store.current(connection, written.id))

    def write_for_failed(self, input_id: str, fields: Fields, *, author: str) -> Record:
        """Store, as accepted, the record of a failed input that a person has written; the input is then done.

        Raises `UsageError` when the input is not failed, or something is still to be filled in.
        """
        with self._database.write() as connection:
            failed = store.make_good(connection, input_id)
            if failed is None:
                raise UsageError("This input is no longer failed: it was retried, or has a record already.")
            _check(failed["generator"], fields)
            if empty := _empty_fields(fields, besides=failed["fields"]):
                raise UsageError(f"{empty[0]} is still empty: fill it in first.")
            written = store.NewRecord(str(ULID()), fields, failed["run_id"], input_id, failed["position"])
            store.add_written(connection, written, generator=failed["generator"], author=author)
            return _present(store.current(connection, written.id))


def _present(record: Record | None) -> Record:
    if record is None:
        raise UsageError("This record is no longer in the workspace.")
    return record


def _check(generator: str, fields: Mapping[str, Any]) -> None:
    """An upload may have a column of the same name, which holds anything."""
    turns = fields.get("conversation")
    if turns is None or generator != ConsistentChatGenerator.name:
        return
    if not isinstance(turns, list) or not all(
        isinstance(turn, dict) and turn.get("role") in ("user", "assistant") and isinstance(turn.get("value"), str)
        for turn in turns
    ):
        raise UsageError('A conversation is a list of turns {"role": "user" or "assistant", "value": text}.')


def _empty_fields(fields: Fields, *, besides: Fields) -> list[str]:
    """What has no text yet, turns of a conversation included; what the input brought along may be empty."""
    own = {name: value for name, value in fields.items() if name not in besides}
    turns = own.get("conversation")
    if isinstance(turns, list):
        own |= {f"Turn {number} of the conversation": turn["value"] for number, turn in enumerate(turns, start=1)}
    return [name for name, value in own.items() if not value or not str(value).strip()]

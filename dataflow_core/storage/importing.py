"""Storing the records of a file: very many at once, as plain rows, in the caller's one transaction.

They are stored unchecked: not indexed for search, without findings and without keys to be sorted by. `rechecking` does
that afterwards, a few at a time, while the records are there to be read.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from sqlalchemy import Column, Connection, Table, func, insert, literal, select
from ulid import ULID

from dataflow_core.models import EMBEDDED, Fields, ReviewStatus, RevisionKind, RunKind, RunState, SourceLine
from dataflow_core.storage.digests import UNINDEXED
from dataflow_core.storage.fulltext import text_of
from dataflow_core.storage.schema import records, revisions, runs, source_lines
from dataflow_core.storage.writing import intent_of

#: Rows, and characters of their fields, that are handed to the database at once.
_ROWS, _CHARACTERS = 2_000, 4 << 20
#: Seconds after which a thread of Python lets another one go on, which else wait for one another too long here.
_HAND_OVER = 0.0005
#: Fewer records than this are not worth making the indexes anew for.
_FEW = 5_000
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TWO_DIGITS = [first + second for first in _DIGITS for second in _DIGITS]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

#: What differs from one record to the next, in the order of the tables' columns.
_OWN_OF_RECORD = ("number", "id", "position", "intent", "length")
_OWN_OF_REVISION = ("record", "fields")


@dataclass(slots=True)
class _Chunk:
    """The values of some rows, one row's after another's, and the characters of their fields."""

    records: list[Any] = field(default_factory=list)
    revisions: list[Any] = field(default_factory=list)
    size: int = 0


class _Insert:
    """Inserts many rows by one statement, into which is written once what all of them share."""

    def __init__(self, connection: Connection, table: Table, own: tuple[str, ...], shared: Fields) -> None:
        if given := sorted(column.name for column in table.columns if _must_be_given(column, {*own, *shared})):
            raise AssertionError(f"{table.name} has columns that are not given: {given}.")
        literals = [_literal(connection, table.c[name], value) for name, value in shared.items()]
        values = [f"column{place}" for place in range(1, len(own) + 1)] + literals
        self._beginning = f"INSERT INTO {table.name} ({', '.join([*own, *shared])}) SELECT {', '.join(values)} FROM"
        self._row = f"({', '.join('?' * len(own))})"
        self._last = (0, "")

    def of(self, rows: int) -> str:
        if self._last[0] != rows:
            self._last = rows, f"{self._beginning} (VALUES {', '.join([self._row] * rows)})"
        return self._last[1]


def _must_be_given(column: Column[Any], given: set[str]) -> bool:
    """Whether a default of the column's would be left out, which only an insert of SQLAlchemy's own brings in."""
    has_none = not column.nullable and column.server_default is None
    return column.name not in given and (has_none or column.default is not None)


def _literal(connection: Connection, column: Column[Any], value: Any) -> str:
    made = literal(value, column.type).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    return str(made)


class ImportWriter:
    """Stores one import: its run, its records, and the lines of the file that did not become any.

    The database writes a chunk in a thread of its own, while the next one is made. To be used in a `with` block, at
    whose end nothing is under way any more.
    """

    def __init__(self, connection: Connection, *, name: str, generator: str, params: Fields, author: str) -> None:
        self.run_id, self._now = str(ULID()), time.time()
        self._connection = connection
        self._generator, self._author = generator, author
        self._name, self._params = name, params
        shared: Fields = {"run_id": self.run_id, "generator": generator, "status": ReviewStatus.UNREVIEWED.value}
        shared |= {"reason": "", "reviewer": "", "model": "", "stage": ""}
        shared |= {"revision": 1, "is_edited": False, "checked": UNINDEXED}
        shared |= {"created_at": self._now, "revised_at": self._now, "updated_at": self._now}
        self._add_records = _Insert(connection, records, _OWN_OF_RECORD, shared)
        shared = {"number": 1, "kind": RevisionKind.IMPORTED.value, "author": author, "reason": "", "at": self._now}
        self._add_revisions = _Insert(connection, revisions, _OWN_OF_REVISION, shared)
        last: int = connection.scalar(select(func.coalesce(func.max(records.c.number), 0))) or 0
        self._there = last
        self._dropped = False
        self._ids = _ids()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="import")
        self._written: Future[None] | None = None
        self.stored = 0
        self._begin()

    def __enter__(self) -> Self:
        self._hand_over = sys.getswitchinterval()
        sys.setswitchinterval(min(self._hand_over, _HAND_OVER))
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True)
        sys.setswitchinterval(self._hand_over)

    def _begin(self) -> None:
        values: dict[str, Any] = {"id": self.run_id, "name": self._name, "generator": self._generator}
        values |= {"params": self._params, "endpoint": asdict(EMBEDDED), "prompt_version": "", "source": {}}
        values |= {"state": RunState.FINISHED, "kind": RunKind.IMPORT, "created_at": self._now}
        self._connection.execute(insert(runs).values(values))

    def add(self, made: Iterable[tuple[Fields, str]]) -> Iterator[int]:
        """Store records, each with its fields as JSON, or "" where they are to be written so; yields after each chunk
        how many there are by now.
        """
        position, number, ids = self.stored, self._there + self.stored, self._ids
        chunk = _Chunk()
        for fields, text in made:
            number += 1
            text = text or _encode(fields)
            intent = intent_of(fields) if "intent" in fields or "conversation" in fields else ""
            chunk.records += (number, next(ids), position, intent, _length(fields))
            chunk.revisions += (number, text)
            position += 1
            chunk.size += len(text)
            if chunk.size > _CHARACTERS or len(chunk.revisions) >= 2 * _ROWS:
                self._store(chunk)
                chunk = _Chunk()
                yield self.stored
        self._store(chunk)
        self._wait()
        yield self.stored

    def _store(self, chunk: _Chunk) -> None:
        count = len(chunk.revisions) // 2
        if not count:
            return
        self._wait()
        self.stored += count
        if not self._dropped and self.stored > max(self._there, _FEW):
            self._drop_indexes()
        self._written = self._thread.submit(self._insert, count, tuple(chunk.records), tuple(chunk.revisions))

    def _insert(self, count: int, of_records: tuple[Any, ...], of_revisions: tuple[Any, ...]) -> None:
        self._connection.exec_driver_sql(self._add_records.of(count), of_records)
        self._connection.exec_driver_sql(self._add_revisions.of(count), of_revisions)

    def _wait(self) -> None:
        """Until the database is free. Raises what kept it from storing the chunk before."""
        written, self._written = self._written, None
        if written:
            written.result()

    def add_problems(self, problems: list[SourceLine]) -> None:
        if problems:
            self._wait()
            rows = [asdict(line) | {"run_id": self.run_id} for line in problems]
            self._connection.execute(insert(source_lines), rows)

    def end(self, source: Fields) -> None:
        """Say where the records came from."""
        self._wait()
        if self._dropped:
            for index in sorted(records.indexes, key=lambda one: str(one.name)):
                index.create(self._connection, checkfirst=True)
        ended = {"source": source, "started_at": self._now, "finished_at": time.time()}
        self._connection.execute(runs.update().where(runs.c.id == self.run_id).values(ended))

    def _drop_indexes(self) -> None:
        """Made anew at the end, they take a third of the time that keeping them up to date does."""
        for index in records.indexes:
            index.drop(self._connection, checkfirst=True)
        self._dropped = True


def _ids() -> Iterator[str]:
    """ULIDs that go on from one another: each made on its own would take a sixth of the time that a record takes."""
    head = str(ULID())[:10] + "".join(secrets.choice(_DIGITS) for _ in range(10))
    for first in _TWO_DIGITS:
        for second in _TWO_DIGITS:
            for third in _TWO_DIGITS:
                yield head + first + second + third


def _length(fields: Fields) -> int:
    """As many characters as `text_of` gives, which is slower."""
    try:
        return len("\n".join(fields.values()))  # where all are texts, which is quickest
    except TypeError:
        pass
    characters = texts = 0
    for name, value in fields.items():
        if type(value) is str:
            characters += len(value)
            texts += 1
        elif type(value) is int:
            characters += len(str(value))
            texts += 1
        elif name == "conversation" and type(value) is list:
            for turn in value:
                if type(turn) is not dict or len(turn) != 2 or type(turn.get("value")) is not str:
                    return len(text_of(fields))
                characters += len(turn["value"])
            texts += len(value)
        else:
            return len(text_of(fields))
    return characters + max(0, texts - 1)

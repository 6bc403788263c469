"""One connection pool to a workspace's database, with short, exclusive write transactions."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from dataflow_core.errors import DiskFullError, WorkspaceError
from dataflow_core.storage.migrations import migrate

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a decision once shown as saved outlives a power cut
    "PRAGMA busy_timeout=30000",  # for reads; writers take turns by `_begin_write`
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-32768",
)
_FOR_MANY = (
    "PRAGMA foreign_keys=OFF",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA cache_size=-65536",
)
_AFTER_MANY = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=1000",
    "PRAGMA cache_size=-32768",
)
#: Seconds, for others' writes: an import of a million records is one.
LONGEST_WAIT, LOOK_AGAIN = 300.0, 0.004
#: Made once: `json.dumps` would make an encoder for each value.
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_UNSTORABLE = re.compile("[\ud800-\udfff\0]")


class Readable(Protocol):
    """The database, or one state of it."""

    def read(self) -> AbstractContextManager[Connection]: ...


class Database:
    """Reads see one consistent snapshot each; writes are serialised, in this process by a lock and across
    processes by SQLite's own.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = create_engine(url, json_serializer=_as_json)
        self._lock = threading.Lock()
        event.listen(self._engine, "connect", _set_up_connection)
        event.listen(self._engine, "begin", _begin)
        with self.write() as connection:
            migrate(connection)

    @property
    def path(self) -> str:
        """The file that it is in; "" where it is in none."""
        name = self._engine.url.database or ""
        return "" if name == ":memory:" else name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with _clear_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block. Raises `DiskFullError`; nothing is written then."""
        with self._lock, _clear_errors(), self._engine.connect() as connection:
            connection = connection.execution_options(is_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write_many(self) -> Iterator[Connection]:
        """As `write`, for very many rows that are known to refer to one another rightly, which is not looked at.

        SQLite's log is left as it is, however long, and a power cut right after may take all of it back, but no part of
        it; `tidy` carries the log over, and makes what is in it last.
        """
        with self._lock, _clear_errors(), self._engine.connect() as connection:
            raw = connection.connection.cursor()
            for pragma in _FOR_MANY:  # outside a transaction, or they do nothing
                raw.execute(pragma)
            try:
                connection = connection.execution_options(is_write=True)
                with connection.begin():
                    yield connection
            finally:
                for pragma in _AFTER_MANY:
                    raw.execute(pragma)

    def tidy(self) -> None:
        """After a great write: bring it over into the database, and give the room that SQLite's log took back."""
        with _clear_errors(), self._engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._engine.dispose()


def storable(text: str) -> str:
    """The text without what a database cannot hold (lone surrogates, NUL), each shown as U+FFFD."""
    if text.isascii() and "\0" not in text:  # which most are, and this is much quicker to see
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def _set_up_connection(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own transactions would begin too late
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("is_write", False):
        _begin_write(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_write(connection: Connection) -> None:
    """Wait for other processes' writes, looking often.

    SQLite itself would wait a tenth of a second between looks, and never see the short gaps that somebody leaves who
    writes chunk after chunk.
    """
    give_up_at = time.monotonic() + LONGEST_WAIT
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except OperationalError as error:
                if "locked" not in str(error.orig) or time.monotonic() > give_up_at:
                    raise
                time.sleep(LOOK_AGAIN)
            else:
                return
    finally:
        connection.exec_driver_sql("PRAGMA busy_timeout=30000")


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        cause = str(error.orig)
        if "disk is full" in cause:
            raise DiskFullError("The disk that holds the workspace is full. Free some space, then resume.") from error
        if "disk I/O error" in cause:
            raise DiskFullError(f"The disk that holds the workspace is full or failing ({cause}).") from error
        if "readonly" in cause:
            raise WorkspaceError("The workspace's database cannot be written to: check its permissions.") from error
        if "locked" in cause:
            raise WorkspaceError(f"The workspace's database was busy for {LONGEST_WAIT:g} s. Try again.") from error
        if "not a database" in cause or "malformed" in cause:
            raise WorkspaceError(
                f"The workspace's database is damaged ({cause}). Open a backup of it instead; it was not changed."
            ) from error
        if "unable to open" in cause:
            raise WorkspaceError(
                "The workspace's database cannot be opened: check that its folder is there and may be written to."
            ) from error
        raise

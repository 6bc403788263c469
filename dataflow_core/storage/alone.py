"""What only one process at a time may do in a workspace. Who has it lets go of it by ending, however that comes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from dataflow_core.storage.database import Database


@contextmanager
def alone(database: Database, what: str) -> Iterator[bool]:
    """Whether nobody else does it, who would have to wait for the end of the block.

    The lock is that of an empty database beside the workspace's own, which SQLite keeps on every system.
    """
    if not database.path:  # of one process, in memory
        yield True
        return
    with closing(sqlite3.connect(f"{database.path}.{what}", timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            yield error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY  # a disk without locks keeps nobody away
        else:
            yield True

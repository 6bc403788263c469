"""`python -m dataflow_core`, with next to no cache in SQLite: the memory that still grows with a run is then ours."""

from __future__ import annotations

import sqlite3
import sys

from sqlalchemy import event
from sqlalchemy.pool import Pool

from dataflow_core.cli.program import main


def shrink(connection: sqlite3.Connection, *_: object) -> None:
    connection.execute("PRAGMA cache_size=-256")


if __name__ == "__main__":
    event.listen(Pool, "checkout", shrink)
    sys.exit(main())

"""Named schema changes, each applied once to a database made before it. A new database starts at the newest schema."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, inspect, select

from dataflow_core.errors import WorkspaceError
from dataflow_core.storage import schema

#: Oldest first. Never rename or reorder; add at the end, and change `schema` alike.
MIGRATIONS: dict[str, Callable[[Connection], None]] = {}

INITIAL = "0001_initial"


def migrate(connection: Connection) -> None:
    """Bring the database to this code's schema. Raises `WorkspaceError` for a newer schema than this code's."""
    known = [INITIAL, *MIGRATIONS]
    if not inspect(connection).has_table(schema.migrations.name):
        schema.metadata.create_all(connection)
        _mark(connection, known)
        return
    applied = set(connection.scalars(select(schema.migrations.c.name)))
    if unknown := sorted(applied - set(known)):
        raise WorkspaceError(
            f"This workspace was made by a newer version of Dataflow Studio (its schema has {unknown[-1]}). "
            "Update the program to open it; nothing was changed."
        )
    for name in known:
        if name not in applied:
            MIGRATIONS[name](connection)
            _mark(connection, [name])


def _mark(connection: Connection, names: list[str]) -> None:
    now = time.time()
    connection.execute(schema.migrations.insert(), [{"name": name, "applied_at": now} for name in names])

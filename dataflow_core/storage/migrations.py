"""Named schema changes, each applied once to a database made before it. A new database starts at the newest schema."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, inspect, select

from dataflow_core.errors import WorkspaceError
from dataflow_core.storage import schema

INITIAL = "0001_initial"


def _traffic(connection: Connection) -> None:
    """What runs need to share endpoints, to keep to budgets, and to say what was mended."""
    for column in (
        "endpoints ADD COLUMN timeout FLOAT NOT NULL DEFAULT 120",
        "endpoints ADD COLUMN requests_per_minute INTEGER",
        "endpoints ADD COLUMN tokens_per_minute INTEGER",
        "endpoints ADD COLUMN input_price FLOAT",
        "endpoints ADD COLUMN output_price FLOAT",
        "runs ADD COLUMN workers INTEGER",
        "runs ADD COLUMN token_budget INTEGER",
        "runs ADD COLUMN money_budget FLOAT",
        "calls ADD COLUMN cost FLOAT",
        "failures ADD COLUMN calls INTEGER NOT NULL DEFAULT 0",
        "records ADD COLUMN repairs JSON NOT NULL DEFAULT '[]'",
    ):
        connection.exec_driver_sql(f"ALTER TABLE {column}")
    for change in (
        "DROP INDEX calls_tokens",
        "CREATE INDEX calls_usage ON calls (run_id, model, step, prompt_tokens, completion_tokens, cost)",
        "CREATE INDEX failures_by_time ON failures (run_id, at)",
        "CREATE INDEX records_repaired ON records (run_id) WHERE CAST(repairs AS TEXT) <> '[]'",
    ):
        connection.exec_driver_sql(change)
    for table in (schema.dialects, schema.leases, schema.throttles):
        table.create(connection)


#: Oldest first. Never rename or reorder; add at the end, and change `schema` alike.
MIGRATIONS: dict[str, Callable[[Connection], None]] = {"0002_traffic": _traffic}


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

"""Named schema changes, each applied once to a database made before it. A new database starts at the newest schema."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from sqlalchemy import Connection, inspect, select, text

from dataflow_core.errors import WorkspaceError
from dataflow_core.storage import fulltext, schema

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


#: The tables as `0002_traffic` left them are taken over into new ones, which are made as the schema says today; so the
#: names here are those of then.
_CARRIED = (
    """INSERT INTO records (number, id, run_id, input_id, position, generator, status, reason, reviewer, repairs,
        revision, is_edited, created_at, revised_at, updated_at, model, intent, length, checked)
    SELECT number, id, run_id, input_id, position, generator, status, reason, reviewer, repairs,
        revision, is_edited, created_at, updated_at, updated_at,
        coalesce((SELECT model FROM calls WHERE calls.input_id = old_records.input_id AND is_valid
                  AND EXISTS (SELECT 1 FROM old_revisions v WHERE v.record_id = old_records.id AND v.kind = 'generated')
                  ORDER BY calls.number DESC LIMIT 1), ''), '', 0, 0
    FROM old_records""",
    """INSERT INTO revisions (record, number, kind, author, reason, at, fields)
    SELECT r.number, v.number, v.kind, v.author, v.reason, v.at, v.fields
    FROM old_revisions v JOIN old_records r ON r.id = v.record_id ORDER BY r.number, v.number""",
    """INSERT INTO decisions (number, record, revision, status, reason, reviewer, at,
        status_before, reason_before, reviewer_before)
    SELECT d.number, r.number, d.revision, d.status, d.reason, d.reviewer, d.at,
        coalesce(lag(d.status) OVER one, 'unreviewed'), coalesce(lag(d.reason) OVER one, ''),
        coalesce(lag(d.reviewer) OVER one, '')
    FROM old_decisions d JOIN old_records r ON r.id = d.record_id
    WINDOW one AS (PARTITION BY d.record_id ORDER BY d.number)""",
    "UPDATE records SET decision = (SELECT max(d.number) FROM decisions d WHERE d.record = records.number)",
)
_CHUNK = 1_000


def _curation(connection: Connection) -> None:
    """Records apart from what they say, so that a million can be searched; what is done at one go undone as one."""
    for index in (
        "records_by_status",
        "records_by_time",
        "records_in_order",
        "records_repaired",
        "ix_records_input_id",
    ):
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {index}")
    connection.exec_driver_sql("DROP INDEX IF EXISTS ix_decisions_record_id")
    for table in ("records", "revisions", "decisions"):
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO old_{table}")
    made = (schema.records, schema.revisions, schema.decisions, schema.taggings, schema.record_tags, schema.comments)
    for new_table in (*made, schema.actions, schema.findings, schema.sort_keys):
        new_table.create(connection)
    _rewriting(connection)
    fulltext.create(connection)
    for statement in _CARRIED:
        connection.exec_driver_sql(statement)
    for table in ("decisions", "revisions", "records"):
        connection.exec_driver_sql(f"DROP TABLE old_{table}")
    _index_texts(connection)


def _rewriting(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN kind VARCHAR NOT NULL DEFAULT 'generate'")
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN worker VARCHAR")
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN record INTEGER")
    connection.exec_driver_sql("CREATE INDEX runs_by_kind ON runs (kind, state)")
    connection.exec_driver_sql("CREATE INDEX runs_by_record ON runs (record)")
    for new_table in (schema.proposals, schema.workers):
        new_table.create(connection)


def _index_texts(connection: Connection) -> None:
    last = 0
    query = (
        "SELECT r.number, v.fields FROM records r JOIN revisions v ON v.record = r.number AND v.number = r.revision "
        "WHERE r.number > ? ORDER BY r.number LIMIT ?"
    )
    while found := connection.exec_driver_sql(query, (last, _CHUNK)).all():
        contents = [(number, json.loads(fields)) for number, fields in found]
        texts = [(number, fulltext.text_of(fields)) for number, fields in contents]
        fulltext.add(connection, texts)
        connection.execute(
            text("UPDATE records SET length = :length, intent = :intent WHERE number = :number"),
            [
                {"number": number, "length": len(words), "intent": _intent(fields)}
                for (number, fields), (_, words) in zip(contents, texts, strict=True)
            ],
        )
        last = found[-1][0]


def _intent(fields: dict[str, object]) -> str:
    intent = fields.get("intent")
    return intent[:200] if isinstance(intent, str) else ""


def _prompts(connection: Connection) -> None:
    """Prompts and recipes as data, and examples shown with an input."""
    for new_table in (schema.recipes, schema.prompts, schema.examples):
        new_table.create(connection)
    connection.exec_driver_sql("ALTER TABLE inputs ADD COLUMN examples JSON")


#: Oldest first. Never rename or reorder; add at the end, and change `schema` alike.
MIGRATIONS: dict[str, Callable[[Connection], None]] = {
    "0002_traffic": _traffic,
    "0003_curation": _curation,
    "0004_prompts": _prompts,
}


def migrate(connection: Connection) -> None:
    """Bring the database to this code's schema. Raises `WorkspaceError` for a newer schema than this code's."""
    known = [INITIAL, *MIGRATIONS]
    if not inspect(connection).has_table(schema.migrations.name):
        schema.metadata.create_all(connection)
        fulltext.create(connection)
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

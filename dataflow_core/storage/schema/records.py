"""The tables of records and of what people do with them.

`records` is kept narrow, for it is scanned, filtered and counted over a million of them: what a record says is in its
revisions, the newest of which is the present one. `record_texts`, the full-text index, is made by `storage.fulltext`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    literal_column,
    text,
)

from dataflow_core.storage.schema.base import metadata

#: Spelt out, for a query has to say the same for an index over only some records to be used.
REPAIRED = text("CAST(repairs AS TEXT) <> '[]'")
BY_ACTION = text("action IS NOT NULL")
IS_SKELETON = text("stage = 'skeleton'")

records = Table(
    "records",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("run_id", ForeignKey("runs.id")),
    Column("input_id", ForeignKey("inputs.id")),
    Column("position", Integer),  # the input's, so that records come in the order of the inputs
    Column("generator", String, nullable=False),
    Column("model", String, nullable=False, server_default=""),  # that made it; "" where a person did
    Column("intent", String, nullable=False, server_default=""),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("reviewer", String, nullable=False, default=""),
    Column("decision", Integer),  # the newest one's number
    Column("repairs", JSON, nullable=False, server_default="[]"),
    Column("revision", Integer, nullable=False),
    Column("is_edited", Boolean, nullable=False),
    Column("stage", String, nullable=False, server_default=""),
    Column("length", Integer, nullable=False, server_default="0"),  # characters in all its texts
    Column("fingerprint", BigInteger),  # the same for records that say the same
    Column("checked", Integer, nullable=False, server_default="0"),  # the version of the checks its findings are of
    Column("created_at", Float, nullable=False),
    Column("revised_at", Float, nullable=False, server_default="0"),
    Column("updated_at", Float, nullable=False),
    # In the orders in which records are listed, and by what few values are shared by many (`storage.columns`).
    Index("records_in_order", "run_id", "position", "number"),
    Index("records_by_change", "updated_at"),
    Index("records_by_length", "length"),
    Index("records_by_status", "status"),
    Index("records_by_generator", "generator"),
    Index("records_by_model", "model"),
    Index("records_by_intent", "intent"),
    Index("records_by_reviewer", "reviewer"),
    Index("records_by_reason", "reason"),
    Index("records_by_edited", "is_edited"),
    Index("records_by_check", "checked"),
    Index("records_by_fingerprint", "fingerprint"),
    Index("records_by_time", "run_id", "created_at"),
    Index("records_repaired", "run_id", sqlite_where=REPAIRED, postgresql_where=REPAIRED),
    Index(
        "records_skeletons",
        *("run_id", "input_id", "status", "stage"),  # the stage, too, lest the record itself be read for it
        sqlite_where=IS_SKELETON,
        postgresql_where=IS_SKELETON,
    ),
)

revisions = Table(
    "revisions",
    metadata,
    Column("record", ForeignKey("records.number"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("author", String, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
    Column("action", Integer),
    Column("fields", JSON, nullable=False),
    Index("revisions_by_action", "action", sqlite_where=BY_ACTION, postgresql_where=BY_ACTION),
)

decisions = Table(
    "decisions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("record", ForeignKey("records.number"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("reviewer", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("action", Integer, index=True),
    # What it took the place of, which undoing it brings back.
    Column("status_before", String, nullable=False, server_default="unreviewed"),
    Column("reason_before", Text, nullable=False, server_default=""),
    Column("reviewer_before", String, nullable=False, server_default=""),
)

taggings = Table(
    "taggings",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("record", ForeignKey("records.number"), nullable=False, index=True),
    Column("tag", String, nullable=False),
    Column("is_added", Boolean, nullable=False),
    Column("author", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("action", Integer, index=True),
)

record_tags = Table(
    "record_tags",
    metadata,
    Column("tag", String, primary_key=True),
    Column("record", ForeignKey("records.number"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

comments = Table(
    "comments",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("record", ForeignKey("records.number"), nullable=False, index=True),
    Column("author", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Float, nullable=False),
)

actions = Table(
    "actions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("author", String, nullable=False),
    Column("record", Integer, index=True),  # NULL where it is about many
    Column("params", JSON, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),  # of the selection
    Column("touched", Integer, nullable=False),  # of those done; the others had changed meanwhile, or were so already
    Column("state", String, nullable=False),
    Column("owner", JSON),
    Column("undone_by", Integer),
    Column("began_at", Float, nullable=False),
    Column("at", Float, nullable=False),
    Column("selection", LargeBinary),  # the numbers to be done, while it goes on; last, for it is long
    Index("actions_by_author", "author", "number"),
    Index("actions_by_state", "state"),
)

findings = Table(
    "findings",
    metadata,
    Column("check", String, primary_key=True),
    Column("record", ForeignKey("records.number"), primary_key=True, index=True),
    Column("field", String, primary_key=True),
    Column("message", Text, nullable=False),
    sqlite_with_rowid=False,
)

sort_keys = Table(
    "sort_keys",
    metadata,
    Column("place", Integer, primary_key=True),  # of the field among those that a reviewer judges, from 0
    Column("key", String, primary_key=True),  # how its text begins
    Column("record", ForeignKey("records.number"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

proposals = Table(
    "proposals",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("input_id", ForeignKey("inputs.id"), nullable=False),
    Column("record", ForeignKey("records.number"), nullable=False),
    Column("base_revision", Integer, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("author", String, nullable=False),  # who asked for it
    Column("model", String, nullable=False),
    Column("state", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("decided_at", Float),
    Column("action", Integer, index=True),
    Index("proposals_by_run", "run_id", "state", "number"),
    Index("proposals_by_record", "record", "state"),
    Index("proposals_by_time", "run_id", "at"),
)
IS_OPEN = proposals.c.state == literal_column("'open'")
Index("proposals_open", proposals.c.run_id, proposals.c.record, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)

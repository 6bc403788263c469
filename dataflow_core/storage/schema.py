"""The workspace database's tables. Times are seconds since the epoch, UTC; ids are ULIDs, which sort by time.

runs ─┬─ inputs ─┬─ calls      every answer of a model, as it came: what a resumed run goes on from
      │          ├─ failures   why an attempt at an input brought no record
      │          └─ records ─── revisions
      └─ source_lines          lines of the uploaded file that did not become inputs
leases, throttles   how live runs share the endpoints they call
dialects            how an endpoint turned out to want to be asked
endpoints, intents, preferences, migrations
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text, text

metadata = MetaData()

#: Spelt out, for a query has to say the same for an index over only some records to be used.
REPAIRED = text("CAST(repairs AS TEXT) <> '[]'")

migrations = Table(
    "migrations",
    metadata,
    Column("name", String, primary_key=True),
    Column("applied_at", Float, nullable=False),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("base_url", String, nullable=False),
    Column("model", String, nullable=False),
    Column("key_env", String, nullable=False),
    Column("max_workers", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("timeout", Float, nullable=False, server_default="120"),
    Column("requests_per_minute", Integer),
    Column("tokens_per_minute", Integer),
    Column("input_price", Float),  # of a million tokens
    Column("output_price", Float),
)

dialects = Table(
    "dialects",
    metadata,
    Column("base_url", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("dialect", JSON, nullable=False),
    Column("learned_at", Float, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("endpoint", String, nullable=False),  # its address and model: what runs share
    Column("owner", JSON, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("maximum", Integer, nullable=False),  # the person's
    Column("left_over", Integer, nullable=False),  # inputs that it still has to take to their end
    Column("granted", Integer, nullable=False),  # calls at a time that it may make
    Column("in_flight", Integer, nullable=False),
    Column("waiting", String, nullable=False),  # why calls wait, in a sentence; "" when they do not
    Column("wait_until", Float, nullable=False),
)

throttles = Table(
    "throttles",
    metadata,
    Column("endpoint", String, primary_key=True),
    Column("allowed", Float, nullable=False),  # calls at a time that it has turned out to take, of all runs together
    Column("maximum", Integer, nullable=False),
    Column("wait_until", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
)

preferences = Table(
    "preferences",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
)

intents = Table(
    "intents",
    metadata,
    Column("name", String, primary_key=True),
    Column("description", Text, nullable=False),
    Column("flows", JSON, nullable=False),  # [{"name", "steps"}]
    Column("topics", JSON, nullable=False),
    Column("updated_at", Float, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("generator", String, nullable=False),
    Column("params", JSON, nullable=False),
    Column("endpoint", JSON, nullable=False),  # as it was when the run was last started; no key
    Column("prompt_version", String, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("stopped_by", String, nullable=False, default=""),
    Column("take_up", Integer),  # only inputs at positions below this; NULL for all
    Column("workers", Integer),  # calls at a time, where a person has changed them for this run
    Column("token_budget", Integer),
    Column("money_budget", Float),
    Column("source", JSON, nullable=False),
    Column("request", String),  # what a person asked of the live process: pause or cancel
    Column("owner", JSON),  # the process that executes it: {"host", "pid", "started"}
    Column("heartbeat_at", Float),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
)

inputs = Table(
    "inputs",
    metadata,
    Column("id", String, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Index("inputs_by_state", "run_id", "state", "position"),
)

source_lines = Table(
    "source_lines",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False, index=True),
    Column("line", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("text", Text, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("input_id", ForeignKey("inputs.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("step", String, nullable=False),
    Column("is_valid", Boolean, nullable=False),
    Column("prompt_hash", String, nullable=False),
    Column("prompt_version", String, nullable=False),
    Column("sampling", JSON, nullable=False),
    Column("model", String, nullable=False),
    Column("texts", JSON, nullable=False),
    Column("finish_reason", String, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost", Float),  # at the endpoint's prices of then; NULL where it had none
    Column("seconds", Float, nullable=False),
    Column("at", Float, nullable=False),
    Index("calls_by_input", "input_id", "attempt", "step"),
    # All that is counted and summed over a run's calls is read from here, never from the calls with their texts.
    Index("calls_usage", "run_id", "model", "step", "prompt_tokens", "completion_tokens", "cost"),
)

failures = Table(
    "failures",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("input_id", ForeignKey("inputs.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("stage", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw_text", Text, nullable=False),
    Column("calls", Integer, nullable=False, server_default="0"),
    Column("at", Float, nullable=False),
    Index("failures_by_input", "input_id", "attempt"),
    Index("failures_by_time", "run_id", "at"),
)

records = Table(
    "records",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("run_id", ForeignKey("runs.id")),
    Column("input_id", ForeignKey("inputs.id"), index=True),
    Column("position", Integer),  # the input's, so that records come in the order of the inputs
    Column("generator", String, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("search_text", Text, nullable=False),  # casefolded, for searching only
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("reviewer", String, nullable=False, default=""),
    Column("repairs", JSON, nullable=False, server_default="[]"),
    Column("revision", Integer, nullable=False),
    Column("is_edited", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("records_by_status", "status", "number"),
    Index("records_by_time", "run_id", "created_at"),
    Index("records_in_order", "run_id", "position", "number"),
    Index("records_repaired", "run_id", sqlite_where=REPAIRED, postgresql_where=REPAIRED),
)

revisions = Table(
    "revisions",
    metadata,
    Column("record_id", ForeignKey("records.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("author", String, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("record_id", ForeignKey("records.id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("reviewer", String, nullable=False),
    Column("at", Float, nullable=False),
)

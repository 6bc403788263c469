"""The tables of runs: what they are to do, what was answered, how they share endpoints."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from dataflow_core.storage.schema.base import metadata

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
    Column("kind", String, nullable=False, server_default="generate"),
    Column("worker", String),  # the name of the one that a rewriting run is meant for
    Column("record", Integer),  # the number of the one that a person asked to have written again
    Index("runs_by_kind", "kind", "state"),
    Index("runs_by_record", "record"),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String, primary_key=True),
    Column("owner", JSON),  # NULL while it is about to begin
    Column("seen_at", Float, nullable=False),
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
    Column("examples", JSON),  # the digests of those shown to the model with it, best last; NULL for none
    Index("inputs_by_state", "run_id", "state", "position"),
)

examples = Table(
    "examples",
    metadata,
    Column("digest", String, primary_key=True),  # of the record's id and the fields
    Column("record", String, nullable=False),  # the id of the record that they were taken from; may be gone
    Column("fields", JSON, nullable=False),
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

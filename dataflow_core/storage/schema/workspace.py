"""The tables of what a workspace is set up with."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Integer, String, Table, Text, UniqueConstraint

from dataflow_core.storage.schema.base import metadata

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

recipes = Table(
    "recipes",
    metadata,
    Column("name", String, primary_key=True),
    Column("content", JSON, nullable=False),
    Column("updated_at", Float, nullable=False),
)

prompts = Table(
    "prompts",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("version", Integer, nullable=False),  # counted from 1 for each name
    Column("generator", String, nullable=False),
    Column("recipe", String, nullable=False),  # whom it is for: "capable" or "small" models
    Column("texts", JSON, nullable=False),  # by what each is for: {"system": …}
    Column("author", String, nullable=False),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("name", "version"),
)

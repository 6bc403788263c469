"""A workspace's intents: the built-in ones, those a person has changed, and those a person has added."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from dataflow_core.errors import UsageError
from dataflow_core.models import Flow, Intent
from dataflow_core.storage.database import Database
from dataflow_core.storage.schema import intents


class IntentStore:
    """`builtin` are the intents as shipped; what a person saves under the same name stands in front of them."""

    def __init__(self, database: Database, builtin: Sequence[Intent]) -> None:
        self._database = database
        self._builtin = builtin

    def all(self) -> list[Intent]:
        """Built-in ones first, each as a person may have changed it (then `builtin` is False)."""
        with self._database.read() as connection:
            rows = connection.execute(select(intents).order_by(intents.c.updated_at)).mappings().all()
        own = {
            row["name"]: Intent(
                name=row["name"],
                description=row["description"],
                flows=tuple(Flow(flow["name"], tuple(flow["steps"])) for flow in row["flows"]),
                topics=tuple(row["topics"]),
            )
            for row in rows
        }
        shipped = [own.pop(intent.name, intent) for intent in self._builtin]
        return [*shipped, *own.values()]

    def is_builtin_name(self, name: str) -> bool:
        return any(intent.name == name for intent in self._builtin)

    def save(self, intent: Intent) -> None:
        """Add an intent or change one. Raises `UsageError` unless it has a name, a topic, and a flow with steps."""
        if not intent.name.strip():
            raise UsageError("The intent needs a name.")
        if not intent.topics or not all(topic.strip() for topic in intent.topics):
            raise UsageError(f"{intent.name}: give at least one topic, and no empty ones.")
        if not intent.flows or not all(flow.name.strip() and flow.steps for flow in intent.flows):
            raise UsageError(f"{intent.name}: give at least one flow, each with a name and at least one step.")
        with self._database.write() as connection:
            connection.execute(delete(intents).where(intents.c.name == intent.name))
            connection.execute(
                insert(intents).values(
                    name=intent.name,
                    description=intent.description,
                    flows=[{"name": flow.name, "steps": list(flow.steps)} for flow in intent.flows],
                    topics=list(intent.topics),
                    updated_at=time.time(),
                )
            )

    def remove(self, name: str) -> None:
        """Delete an own intent; a changed built-in one becomes again what was shipped."""
        with self._database.write() as connection:
            connection.execute(delete(intents).where(intents.c.name == name))

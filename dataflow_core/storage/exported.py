"""What an export says of its records besides their content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from dataflow_core.storage.database import Database
from dataflow_core.storage.schema import records

_CHUNK = 500


class Origin(NamedTuple):
    """Where a record comes from: the model that made it, "" for a person; the intent of a dialogue, "" for none."""

    model: str
    intent: str
    is_edited: bool


def origins(database: Database, numbers: Sequence[int]) -> list[Origin]:
    """Those of the records with these numbers, in any order."""
    found: list[Origin] = []
    with database.read() as connection:
        for start in range(0, len(numbers), _CHUNK):
            chunk = records.c.number.in_(list(numbers[start : start + _CHUNK]))
            statement = select(records.c.model, records.c.intent, records.c.is_edited).where(chunk)
            found.extend(Origin(*row) for row in connection.execute(statement))
    return found

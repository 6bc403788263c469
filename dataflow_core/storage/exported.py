"""What an export says of its records besides their content, and records as they were when they were exported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from dataflow_core.storage.contents import StoredContent
from dataflow_core.storage.database import Readable
from dataflow_core.storage.schema import records

_CHUNK = 500
_AT_REVISIONS = text(
    "SELECT r.number, r.id, r.generator, r.run_id, r.input_id, v.number, r.stage, r.intent, v.fields, r.revision "
    "FROM json_each(:wanted) AS wanted CROSS JOIN records AS r ON r.id = json_extract(wanted.value, '$[0]') "
    "JOIN revisions AS v ON v.record = r.number AND v.number = json_extract(wanted.value, '$[1]')"
)


class Origin(NamedTuple):
    """Where a record comes from: the model that made it, "" for a person; the intent of a dialogue, "" for none."""

    model: str
    intent: str
    is_edited: bool


def origins(database: Readable, numbers: Sequence[int]) -> list[Origin]:
    """Those of the records with these numbers, in any order."""
    found: list[Origin] = []
    with database.read() as connection:
        for start in range(0, len(numbers), _CHUNK):
            chunk = records.c.number.in_(list(numbers[start : start + _CHUNK]))
            statement = select(records.c.model, records.c.intent, records.c.is_edited).where(chunk)
            found.extend(Origin(*row) for row in connection.execute(statement))
    return found


def at_revisions(
    connection: Connection, wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], tuple[StoredContent, int]]:
    """Records by id as they stood at these revisions, each with the number of its present one.

    Those that are not there, or have no such revision, are left out.
    """
    rows = connection.execute(_AT_REVISIONS, {"wanted": json.dumps(list(wanted))})
    found = ((StoredContent._make(row[:-1]), row[-1]) for row in rows)
    return {(stored.id, stored.revision): (stored, present) for stored, present in found}

"""What is needed of records to export them, read fast and as one state, whatever is written meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text

from dataflow_core.models import Fields, ReviewStatus, RevisionKind
from dataflow_core.storage.database import Database
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import findings, inputs, record_tags, records, revisions, runs

#: Numbers handed to the database at once.
_CHUNK = 2_000
# CROSS JOIN has SQLite go through the numbers as they stand, so that texts need not be held to be put in order.
_CONTENTS = text(
    "SELECT r.number, r.id, r.generator, r.run_id, r.input_id, r.revision, r.stage, r.intent, v.fields "
    "FROM json_each(:numbers) AS wanted CROSS JOIN records AS r ON r.number = wanted.value "
    "JOIN revisions AS v ON v.record = r.number AND v.number = r.revision"
)
#: By whom a person's version can have been preferred to: what a model made, or a file held.
_NO_PERSONS = {
    kind.value
    for kind in (RevisionKind.GENERATED, RevisionKind.REGENERATED, RevisionKind.ANSWERED, RevisionKind.IMPORTED)
}


class StoredContent(NamedTuple):
    """A record as it is stored. `fields` is JSON text."""

    number: int
    id: str
    generator: str
    run_id: str | None
    input_id: str | None
    revision: int
    stage: str
    intent: str
    fields: str


@dataclass(frozen=True, slots=True)
class RunAbout:
    """What an export says of the run that a record is of."""

    name: str
    params: Fields
    prompt_version: str


class Snapshot:
    """One state of a workspace's records. It is no longer seen by anybody once another one is opened."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._runs: dict[str, RunAbout] = {}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        yield self._connection

    def numbers(self, query: Query) -> Sequence[int]:
        """The numbers of the query's records, in its order: a few bytes each."""
        from dataflow_core.storage.listing import Listing  # only here: numpy takes long to load

        return Listing(self).numbers(query)

    def counts(self, query: Query) -> dict[str, int]:
        """How many of the query's records each generator has."""
        from dataflow_core.storage.listing import Listing

        return Listing(self).count_by("generators", query)

    def count_by_status(self, query: Query) -> dict[ReviewStatus, int]:
        """Counts over the query without its own restriction to statuses."""
        from dataflow_core.storage.listing import Listing

        return Listing(self).count_by_status(query)

    def contents(self, numbers: Sequence[int]) -> Iterator[StoredContent]:
        """In the order of the numbers, read as they are asked for."""
        for start in range(0, len(numbers), _CHUNK):
            chunk = json.dumps(list(numbers[start : start + _CHUNK]))
            # The driver's own rows: those of SQLAlchemy would take as long again as reading does.
            rows: Any = self._connection.execute(_CONTENTS, {"numbers": chunk}).cursor
            yield from map(_as_content, rows)

    def run(self, run_id: str | None) -> RunAbout:
        if run_id is None:
            return _NO_RUN
        if run_id not in self._runs:
            wanted = select(runs.c.name, runs.c.params, runs.c.prompt_version).where(runs.c.id == run_id)
            name, params, version = self._connection.execute(wanted).one()
            self._runs[run_id] = RunAbout(name, params, version)
        return self._runs[run_id]

    def refused(self, contents: Sequence[StoredContent]) -> dict[int, Fields]:
        """What these versions of the records were preferred to, by number, where there is anything.

        For a person's edit of what a model made, or a file held, that is the newest earlier version that no person
        wrote; for what a model wrote again, and a person took, the version whose place it took.
        """
        revised = {content.number: content.revision for content in contents if content.revision > 1}
        if not revised:
            return {}
        wanted = select(revisions.c.record, revisions.c.number, revisions.c.kind, revisions.c.fields)
        wanted = wanted.where(revisions.c.record.in_(revised)).order_by(revisions.c.record, revisions.c.number)
        history: dict[int, list[tuple[str, Fields]]] = {}
        for record, number, kind, fields in self._connection.execute(wanted):
            if number <= revised[record]:
                history.setdefault(record, []).append((kind, fields))
        found = {number: _preferred_to(versions) for number, versions in history.items()}
        return {number: fields for number, fields in found.items() if fields is not None}

    def about(self, contents: Sequence[StoredContent]) -> dict[int, Fields]:
        """Where these records came from and what became of them, by number; the same names for all."""
        numbers = [content.number for content in contents]
        tags = self._gathered(record_tags.c.tag, record_tags.c.record, numbers)
        checks = self._gathered(findings.c.check, findings.c.record, numbers)
        wanted = select(
            *(records.c.number, records.c.id, records.c.generator, records.c.run_id, records.c.model),
            *(records.c.status, records.c.reason, records.c.reviewer, records.c.revision, records.c.is_edited),
            *(records.c.repairs, records.c.created_at, records.c.updated_at, records.c.position),
            inputs.c.position.label("input_position"),
        ).outerjoin_from(records, inputs, inputs.c.id == records.c.input_id)
        rows = self._connection.execute(wanted.where(records.c.number.in_(numbers))).mappings()
        return {row["number"]: self._about(row, tags, checks) for row in rows}

    def _about(self, row: Any, tags: dict[int, list[str]], checks: dict[int, list[str]]) -> Fields:
        run = self.run(row["run_id"])
        return {
            "id": row["id"],
            "generator": row["generator"],
            "run": row["run_id"] or "",
            "run_name": run.name,
            "input": row["input_position"] if row["input_position"] is not None else row["position"],
            "model": row["model"],
            "prompt_version": run.prompt_version,
            "status": row["status"],
            "reason": row["reason"],
            "reviewer": row["reviewer"],
            "tags": tags.get(row["number"], []),
            "findings": checks.get(row["number"], []),
            "repairs": list(row["repairs"]),
            "revision": row["revision"],
            "is_edited": row["is_edited"],
            "created_at": _iso(row["created_at"]),
            "updated_at": _iso(row["updated_at"]),
        }

    def _gathered(self, value: Any, record: Any, numbers: list[int]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        wanted = select(record, value).where(record.in_(numbers)).distinct().order_by(record, value)
        for number, one in self._connection.execute(wanted):
            found.setdefault(number, []).append(one)
        return found


_as_content: Callable[[Any], StoredContent] = partial(tuple.__new__, StoredContent)
_NO_RUN = RunAbout("", {}, "")


@contextmanager
def snapshot(database: Database) -> Iterator[Snapshot]:
    """The state of the records as it is now. What is written meanwhile is kept out of sight, and piles up beside."""
    with database.read() as connection:
        yield Snapshot(connection)


def _preferred_to(versions: Sequence[tuple[str, Fields]]) -> Fields | None:
    """`versions` are a record's, oldest first, by kind and fields; the last one is the present one."""
    made: list[int] = []  # for each the place at which its text was made: what was restored was made before
    for place, (kind, fields) in enumerate(versions):
        was_there = range(place - 1, -1, -1) if kind == RevisionKind.RESTORED.value else ()
        made.append(next((made[at] for at in was_there if versions[at][1] == fields), place))
    present = versions[-1][1]
    kind = versions[made[-1]][0]
    if kind == RevisionKind.EDITED.value:
        others = (place for place in reversed(range(made[-1])) if versions[made[place]][0] in _NO_PERSONS)
        return next((versions[place][1] for place in others if versions[place][1] != present), None)
    if kind == RevisionKind.REGENERATED.value and made[-1]:
        before = versions[made[-1] - 1][1]
        return before if before != present else None
    return None


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")

"""Which one record a rewriting run was asked for, until whoever asked has put away what came of it."""

from __future__ import annotations

from sqlalchemy import select, update

from dataflow_core.models import Run, RunKind, RunState
from dataflow_core.storage.database import Database
from dataflow_core.storage.rows import run_of
from dataflow_core.storage.schema import runs

_MOST = 4


class RequestStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, record: int) -> list[Run]:
        """The newest runs that the record with this number was written again in, newest first."""
        query = select(runs).where(runs.c.record == record).order_by(runs.c.id.desc()).limit(_MOST)
        with self._database.read() as connection:
            return [run_of(row) for row in connection.execute(query).mappings()]

    def under_way(self) -> dict[str, int]:
        """The numbers of the records that are being written again at the moment, by run."""
        is_live = runs.c.kind == RunKind.REWRITE, runs.c.state.in_([RunState.QUEUED, RunState.RUNNING])
        query = select(runs).where(*is_live, runs.c.record.is_not(None)).order_by(runs.c.id)
        with self._database.read() as connection:
            found = connection.execute(query).mappings().all()
        return {row["id"]: row["record"] for row in found if run_of(row).state.is_live}

    def put_away(self, run_id: str) -> None:
        """What the run failed at was seen, and is to be shown no more."""
        with self._database.write() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(record=None))

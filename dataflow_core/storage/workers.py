"""The processes that rewriting runs are executed in, and which run is meant for which.

A worker is named by the key that it was handed: "" for the one that only knows the keys of its environment, else the
address that the key is for and a mark of the key.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update

from dataflow_core.models import RunKind, RunState
from dataflow_core.storage.database import Database
from dataflow_core.storage.owner import is_alive, this_process
from dataflow_core.storage.schema import runs, workers

#: One asked to begin has this many seconds until its process must have shown itself.
START_UP = 20.0


class WorkerStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def assign(self, run_id: str, name: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(worker=name))

    def must_start(self, name: str) -> bool:
        """Whether the worker has to be started, which is the caller's to do then: nobody else is told so."""
        with self._database.write() as connection:
            row = connection.execute(select(workers).where(workers.c.name == name)).mappings().first()
            if _is_there(row):
                return False
            connection.execute(delete(workers).where(workers.c.name == name))
            connection.execute(insert(workers).values(name=name, owner=None, seen_at=time.time()))
            return True

    def claim(self, name: str) -> bool:
        """Make this process the worker of that name; False while another process is."""
        with self._database.write() as connection:
            row = connection.execute(select(workers).where(workers.c.name == name)).mappings().first()
            if row is not None and row["owner"] is not None and _is_there(row):
                return False
            connection.execute(delete(workers).where(workers.c.name == name))
            connection.execute(insert(workers).values(name=name, owner=this_process(), seen_at=time.time()))
            return True

    def beat(self, name: str) -> bool:
        """Show that this process is alive; False when another one has become the worker."""
        with self._database.write() as connection:
            row = connection.execute(select(workers).where(workers.c.name == name)).mappings().first()
            if row is None or row["owner"] != this_process():
                return False
            connection.execute(update(workers).where(workers.c.name == name).values(seen_at=time.time()))
            return True

    def waiting(self, name: str) -> list[str]:
        """The runs that the worker of that name is to take up: those meant for it, and those of workers that died
        which it has the key for.
        """
        is_open = runs.c.kind == RunKind.REWRITE, runs.c.state.in_([RunState.QUEUED, RunState.RUNNING])
        columns = (runs.c.id, runs.c.state, runs.c.worker, runs.c.owner, runs.c.heartbeat_at)
        with self._database.read() as connection:
            found = connection.execute(select(*columns).where(*is_open).order_by(runs.c.id)).mappings().all()
            if not found:
                return []
            there = {row["name"] for row in connection.execute(select(workers)).mappings() if _is_there(row)}
        return [row["id"] for row in found if _is_for(row, name, there)]

    def retire(self, name: str) -> bool:
        """End being the worker, unless there is something to do; whoever wants one from now on starts another."""
        with self._database.write() as connection:
            meant = runs.c.kind == RunKind.REWRITE, runs.c.state == RunState.QUEUED, runs.c.worker == name
            if connection.scalar(select(runs.c.id).where(*meant).limit(1)) is not None:
                return False
            self._remove(connection, name)
            return True

    def leave(self, name: str) -> None:
        """End being the worker, whatever there is to do."""
        with self._database.write() as connection:
            self._remove(connection, name)

    def _remove(self, connection: Any, name: str) -> None:
        row = connection.execute(select(workers).where(workers.c.name == name)).mappings().first()
        if row is not None and row["owner"] == this_process():
            connection.execute(delete(workers).where(workers.c.name == name))


def _is_for(run: RowMapping, name: str, there: set[str]) -> bool:
    if run["state"] == RunState.RUNNING and is_alive(run["owner"], run["heartbeat_at"]):
        return False
    meant_for = run["worker"] or ""
    if meant_for == name:
        return True
    return meant_for not in there and _address(meant_for) == _address(name)


def _address(name: str) -> str:
    return name.partition(" ")[0]


def _is_there(row: RowMapping | None) -> bool:
    if row is None:
        return False
    if row["owner"] is None:
        return bool(time.time() - row["seen_at"] < START_UP)
    return is_alive(row["owner"], row["seen_at"])

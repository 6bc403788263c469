"""The inputs of a run that declares them as it goes: offsets, of which nobody knows beforehand how many there are."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, func, literal, select, update

from dataflow_core.models import Fields, InputState, RunState
from dataflow_core.storage.database import Database
from dataflow_core.storage.new_runs import insert_inputs
from dataflow_core.storage.schema import calls, inputs, runs
from dataflow_core.storage.writing import storable_fields

_MOST_IDS = 500  # in one statement
OFFSET, ROW = "offset", "row"


def offset_fields(start: int, stop: int) -> list[Fields]:
    """The fields of the inputs at these offsets."""
    return [{OFFSET: offset} for offset in range(start, stop)]


class OffsetStore:
    """Declares further offsets of one run, and withdraws those that it never came to. Only its owner writes here."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._database = database
        self._run_id = run_id

    def declared(self) -> int:
        with self._database.read() as connection:
            return _declared(connection, self._run_id)

    def declare(self, stop: int) -> None:
        """Make sure that the offsets under `stop` are inputs of the run."""
        with self._database.write() as connection:
            start = _declared(connection, self._run_id)
            insert_inputs(connection, self._run_id, offset_fields(start, stop), first=start)

    def keep(self, rows: Mapping[int, Fields]) -> None:
        """Keep rows that were given together with an earlier one until it is their offsets' turn."""
        with self._database.write() as connection:
            for offset, row in rows.items():
                is_waiting = (inputs.c.run_id == self._run_id) & (inputs.c.position == offset)
                is_waiting &= inputs.c.state == InputState.PENDING
                kept = {OFFSET: offset, ROW: storable_fields(row)}
                connection.execute(update(inputs).where(is_waiting).values(fields=kept))

    def withdraw(self, start: int = 0) -> None:
        """Take back the pending offsets from `start` on, and finish a run that has nothing else to do.

        What was asked for one of them is put down to the last one that stays, for it was paid.
        """
        mine = inputs.c.run_id == self._run_id
        never_ended = mine & (inputs.c.state == InputState.PENDING) & (inputs.c.attempt == 0)
        with self._database.write() as connection:
            gone = list(connection.scalars(select(inputs.c.id).where(never_ended, inputs.c.position >= start)))
            last = select(inputs.c.id, inputs.c.attempt).where(mine, inputs.c.state != InputState.PENDING)
            kept = connection.execute(last.order_by(inputs.c.position.desc()).limit(1)).first()
            for ids in (gone[first : first + _MOST_IDS] for first in range(0, len(gone), _MOST_IDS)):
                if kept is not None:
                    moved = {"input_id": kept.id, "attempt": kept.attempt, "step": literal("after ") + calls.c.step}
                    connection.execute(update(calls).where(calls.c.input_id.in_(ids)).values(moved))
                connection.execute(delete(inputs).where(inputs.c.id.in_(ids)))
            if not _pending(connection, self._run_id):
                ended = {"state": RunState.FINISHED, "reason": "", "stopped_by": "", "finished_at": time.time()}
                stands = (runs.c.id == self._run_id) & (runs.c.state != RunState.RUNNING)
                connection.execute(update(runs).where(stands).values(ended))


def _declared(connection: Connection, run_id: str) -> int:
    highest = connection.scalar(select(func.max(inputs.c.position)).where(inputs.c.run_id == run_id))
    return 0 if highest is None else highest + 1


def _pending(connection: Connection, run_id: str) -> Sequence[str]:
    pending = (inputs.c.run_id == run_id) & (inputs.c.state == InputState.PENDING)
    return list(connection.scalars(select(inputs.c.id).where(pending).limit(1)))

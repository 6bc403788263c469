"""Actions on many records as they are stored: what they are about, how far they are, whose process is at them."""

from __future__ import annotations

import time
import zlib
from array import array

from sqlalchemy import Connection, Update, insert, select, update

from dataflow_core.errors import UsageError
from dataflow_core.models import Action, ActionState, Fields
from dataflow_core.storage.owner import this_process
from dataflow_core.storage.rows import action_of
from dataflow_core.storage.schema import actions, decisions, proposals, revisions, taggings

#: All but the selection, which may be of a million.
SHOWN = [column for column in actions.c if column is not actions.c.selection]


def touched_by(connection: Connection, action: int) -> set[int]:
    touched: set[int] = set()
    for table in (decisions, revisions, taggings, proposals):
        touched.update(connection.scalars(select(table.c.record).where(table.c.action == action)))
    return touched


def packed(numbers: set[int]) -> tuple[bytes, int]:
    """The numbers as they are stored, and how many they are."""
    return zlib.compress(array("q", sorted(numbers)).tobytes(), 1), len(numbers)


def add(connection: Connection, kind: str, selection: bytes, total: int, author: str, params: Fields) -> int:
    now = time.time()
    values: Fields = {"kind": kind, "author": author, "record": None, "params": params, "total": total}
    values |= {"done": 0, "touched": 0, "state": ActionState.RUNNING.value, "owner": this_process()}
    values |= {"selection": selection, "began_at": now, "at": now}
    number: int = connection.execute(insert(actions).values(values).returning(actions.c.number)).scalar_one()
    return number


def get(connection: Connection, number: int) -> Action:
    row = connection.execute(select(*SHOWN).where(actions.c.number == number)).mappings().first()
    if row is None:
        raise UsageError(f"There is no action {number}.")
    return action_of(row)


def finish(connection: Connection, number: int, state: ActionState) -> None:
    connection.execute(update_of(number, state=state.value, selection=None, at=time.time()))


def update_of(number: int, **values: object) -> Update:
    return update(actions).where(actions.c.number == number).values(**values)


def selection_of(connection: Connection, number: int) -> array[int]:
    """The numbers of the records that it is about, as long as it goes on."""
    stored = connection.scalar(select(actions.c.selection).where(actions.c.number == number))
    selection = array("q")
    if stored:
        selection.frombytes(zlib.decompress(stored))
    return selection

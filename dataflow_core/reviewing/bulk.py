"""Actions on many records: begun at once, done a chunk at a time in the background, undone as one.

Between two chunks everybody else may write. What has been done of an action is stored with each chunk, so a process
that is killed leaves it to be gone on with from there.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from dataflow_core.errors import UsageError
from dataflow_core.models import Action, ActionState, Fields, ReviewStatus
from dataflow_core.reviewing import carrying_out
from dataflow_core.reviewing.carrying_out import EXTEND, is_of_texts
from dataflow_core.reviewing.replacing import Replacement
from dataflow_core.storage import actions as storing
from dataflow_core.storage import proposals as proposing
from dataflow_core.storage import undoing, writing
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.owner import this_process
from dataflow_core.storage.rows import action_of
from dataflow_core.storage.schema import actions

#: At most so many records a transaction, of those whose texts are changed fewer; and only as many as take about `HELD`
#: seconds, for everybody else waits meanwhile.
CHUNK, TEXT_CHUNK, HELD = 1_500, 100, 0.08
#: Seconds left to the others between two chunks.
GAP = 0.012


class BulkActions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def decide(
        self, numbers: Sequence[int], status: ReviewStatus, *, reviewer: str, reason: str = "", listed_at: float
    ) -> Action:
        """Plan to decide the records; `execute` does it. Those whose text changed after `listed_at` are left alone."""
        params = {"status": status.value, "reason": storable(reason), "listed_at": listed_at}
        return self._plan("decide", numbers, reviewer, params)

    def tag(self, numbers: Sequence[int], tag: str, *, author: str, is_added: bool = True) -> Action:
        return self._plan("tag", numbers, author, {"tag": writing.tag_name(tag), "is_added": is_added})

    def replace(
        self, numbers: Sequence[int], replacement: Replacement, *, author: str, listed_at: float | None = None
    ) -> Action:
        """Plan to replace text in the records' fields. Those changed after `listed_at` are left alone."""
        return self._plan("replace", numbers, author, replacement.as_fields() | {"listed_at": listed_at})

    def accept_proposals(self, run_id: str, *, author: str, note: str = "") -> Action:
        """Plan to accept what the run proposes, but for records that were changed since or that a person has edited.

        Raises `UsageError` where nothing is.
        """
        return self._plan("accept-proposals", self._proposed(run_id), author, {"run": run_id, "note": note})

    def refuse_proposals(self, run_id: str, *, author: str, note: str = "") -> Action:
        return self._plan("refuse-proposals", self._proposed(run_id), author, {"run": run_id, "note": note})

    def extend_rewriting(self, run_id: str, numbers: Sequence[int], *, author: str) -> Action:
        """Plan to have a rewriting run write these records again, too. It may be carried out much later."""
        action = self._plan(EXTEND, numbers, author, {"run": run_id})
        self.hand_over(action.number)
        return action

    def undo(self, number: int, *, author: str) -> Action:
        """Plan to take an action back. Raises `UsageError` where that was done, or it is not finished."""
        with self._database.read() as connection:  # so that nobody waits for it
            planned = _undoable(connection, number)
            selection = storing.packed(storing.touched_by(connection, number))
        params = {"action": number, "kind": planned.kind, "is_of_texts": is_of_texts(planned)}
        with self._database.write() as connection:
            action = _undoable(connection, number)
            if action.done != planned.done:
                raise UsageError("This is still going on: stop it first.")
            undo = storing.add(connection, undoing.UNDO, *selection, author, params)
            undoing.mark_undone(connection, number, undo)
            if action.is_interrupted:
                storing.finish(connection, number, ActionState.STOPPED)
            return storing.get(connection, undo)

    def hand_over(self, number: int) -> None:
        """Leave the action to another process: where none takes it up in a while, it is interrupted."""
        with self._database.write() as connection:
            is_running = actions.c.state == ActionState.RUNNING.value
            connection.execute(storing.update_of(number, owner=None, at=time.time()).where(is_running))

    def execute(self, number: int, *, progress: Callable[[Action], None] = lambda _: None) -> Action:
        """Do what is left of the action in this process, until it is done or `stop` is called.

        Raises `UsageError` where it cannot go on; it is stopped then, and its params have the error as "problem".
        """
        with self._database.write() as connection:
            action = storing.get(connection, number)
            if action.state is not ActionState.RUNNING:
                return action
            connection.execute(storing.update_of(number, owner=this_process(), at=time.time()))
        selection = self.selection(number)
        # Of decisions never so few that most of the time goes into beginning and ending.
        least, size, largest = (1, 1, TEXT_CHUNK) if is_of_texts(action) else (max(1, CHUNK // 4), CHUNK, CHUNK)
        while action.state is ActionState.RUNNING:
            try:
                with self._database.write() as connection:
                    began = time.monotonic()  # having waited for others
                    action = _go_on(connection, number, selection, size)
            except UsageError as error:
                self.stop(number, problem=str(error))
                raise
            took = time.monotonic() - began
            if took > HELD:
                size = max(least, size // 2)
            elif took < HELD / 2:
                size = min(largest, size * 2)
            progress(action)
            if action.state is ActionState.RUNNING:
                time.sleep(GAP)
        return action

    def stop(self, number: int, *, problem: str = "") -> None:
        """Leave the rest undone; what is done stays, and may be undone. An undo may be asked for again."""
        with self._database.write() as connection:
            action = storing.get(connection, number)
            if action.state is not ActionState.RUNNING:
                return
            storing.finish(connection, number, ActionState.STOPPED)
            if problem:
                connection.execute(storing.update_of(number, params=action.params | {"problem": problem}))
            if action.kind == undoing.UNDO and action.done < action.total:
                undoing.mark_undone(connection, action.params["action"], None)

    def get(self, number: int) -> Action:
        with self._database.read() as connection:
            return storing.get(connection, number)

    def recent(self, *, limit: int = 20) -> list[Action]:
        """Actions on more than one record, newest first."""
        is_shown = actions.c.record.is_(None) & (actions.c.kind != EXTEND)
        query = select(*storing.SHOWN).where(is_shown).order_by(actions.c.number.desc()).limit(limit)
        with self._database.read() as connection:
            return [action_of(row) for row in connection.execute(query).mappings()]

    def latest(self, author: str) -> Action | None:
        """What this person did last, on one record or on many."""
        own = (actions.c.author == author) & (actions.c.kind != EXTEND)
        query = select(*storing.SHOWN).where(own).order_by(actions.c.number.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
            return action_of(row) if row else None

    def running(self) -> list[Action]:
        return [action for action in self._running() if action.kind != EXTEND]

    def extending(self) -> list[Action]:
        """What is planned or going on of `extend_rewriting`."""
        return [action for action in self._running() if action.kind == EXTEND]

    def _running(self) -> list[Action]:
        query = select(*storing.SHOWN).where(actions.c.state == ActionState.RUNNING.value).order_by(actions.c.number)
        with self._database.read() as connection:
            return [action_of(row) for row in connection.execute(query).mappings()]

    def _proposed(self, run_id: str) -> list[int]:
        with self._database.read() as connection:
            found = proposing.open_records(connection, run_id)
        if not found:
            raise UsageError("No proposal is waiting for a decision.")
        return found

    def _plan(self, kind: str, numbers: Sequence[int], author: str, params: Fields) -> Action:
        if not numbers:
            raise UsageError("No record is selected.")
        selection = storing.packed(set(numbers))
        with self._database.write() as connection:
            return storing.get(connection, storing.add(connection, kind, *selection, author, params))

    def selection(self, number: int) -> array[int]:
        """The numbers of the records that the action is about, as long as it goes on."""
        with self._database.read() as connection:
            return storing.selection_of(connection, number)


def _undoable(connection: Connection, number: int) -> Action:
    action = storing.get(connection, number)
    if action.kind == EXTEND:
        raise UsageError("There is nothing to undo: no record was changed.")
    if action.undone_by is not None:
        raise UsageError("This was undone already.")
    if action.state is ActionState.RUNNING and not action.is_interrupted:
        raise UsageError("This is still going on: stop it first.")
    return action


def _go_on(connection: Connection, number: int, selection: array[int], size: int) -> Action:
    """Do the next chunk. Where it begins is read here: another process may be at it, too."""
    action = storing.get(connection, number)
    if action.state is not ActionState.RUNNING:
        return action
    chunk = selection[action.done : action.done + size].tolist()
    touched, left = carrying_out.do(connection, action, chunk) if chunk else (0, {})
    done = action.done + len(chunk)
    connection.execute(storing.update_of(number, done=done, touched=action.touched + touched, at=time.time()))
    if left:
        all_left = Counter(action.params.get("left", {})) + Counter(left)
        connection.execute(storing.update_of(number, params=action.params | {"left": dict(all_left)}))
    if done >= action.total:
        storing.finish(connection, number, ActionState.DONE)
    return storing.get(connection, number)

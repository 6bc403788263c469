"""Actions on many records: begun at once, done a chunk at a time in the background, undone as one.

Between two chunks everybody else may write. What has been done of an action is stored with each chunk, so a process
that is killed leaves it to be gone on with from there.
"""

from __future__ import annotations

import time
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Update, func, insert, literal, select, update

from dataflow_core import accepting
from dataflow_core.errors import UsageError
from dataflow_core.models import Action, ActionState, Fields, ProposalState, ReviewStatus, RevisionKind
from dataflow_core.replacing import Replacement
from dataflow_core.review import revise
from dataflow_core.storage import proposals as proposing
from dataflow_core.storage import rewrite_inputs, undoing, writing
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.owner import this_process
from dataflow_core.storage.records import page
from dataflow_core.storage.rows import action_of
from dataflow_core.storage.schema import actions, decisions, proposals, records, revisions, taggings

#: At most so many records a transaction, of those whose texts are changed fewer; and only as many as take about `HELD`
#: seconds, for everybody else waits meanwhile.
CHUNK, TEXT_CHUNK, HELD = 1_500, 100, 0.08
#: All but the selection, which may be of a million.
_SHOWN = [column for column in actions.c if column is not actions.c.selection]
#: Planning to have records written again; no action of its own to those who look back, and nothing to be undone.
EXTEND = "extend-rewriting"
#: How proposals are settled where the undoing of these kinds of actions is undone.
_SETTLED = {"accept-proposals": ProposalState.ACCEPTED, "refuse-proposals": ProposalState.REFUSED}
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
            selection = _packed(_touched(connection, number))
        params = {"action": number, "kind": planned.kind, "is_of_texts": is_of_texts(planned)}
        with self._database.write() as connection:
            action = _undoable(connection, number)
            if action.done != planned.done:
                raise UsageError("This is still going on: stop it first.")
            undo = _insert(connection, undoing.UNDO, *selection, author, params)
            undoing.mark_undone(connection, number, undo)
            if action.is_interrupted:
                _finish(connection, number, ActionState.STOPPED)
            return _get(connection, undo)

    def hand_over(self, number: int) -> None:
        """Leave the action to another process: where none takes it up in a while, it is interrupted."""
        with self._database.write() as connection:
            is_running = actions.c.state == ActionState.RUNNING.value
            connection.execute(_update(number, owner=None, at=time.time()).where(is_running))

    def execute(self, number: int, *, progress: Callable[[Action], None] = lambda _: None) -> Action:
        """Do what is left of the action in this process, until it is done or `stop` is called.

        Raises `UsageError` where it cannot go on; it is stopped then, and its params have the error as "problem".
        """
        with self._database.write() as connection:
            action = _get(connection, number)
            if action.state is not ActionState.RUNNING:
                return action
            connection.execute(_update(number, owner=this_process(), at=time.time()))
        selection = self._selection(number)
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
            action = _get(connection, number)
            if action.state is not ActionState.RUNNING:
                return
            _finish(connection, number, ActionState.STOPPED)
            if problem:
                connection.execute(_update(number, params=action.params | {"problem": problem}))
            if action.kind == undoing.UNDO and action.done < action.total:
                undoing.mark_undone(connection, action.params["action"], None)

    def get(self, number: int) -> Action:
        with self._database.read() as connection:
            return _get(connection, number)

    def recent(self, *, limit: int = 20) -> list[Action]:
        """Actions on more than one record, newest first."""
        is_shown = actions.c.record.is_(None) & (actions.c.kind != EXTEND)
        query = select(*_SHOWN).where(is_shown).order_by(actions.c.number.desc()).limit(limit)
        with self._database.read() as connection:
            return [action_of(row) for row in connection.execute(query).mappings()]

    def latest(self, author: str) -> Action | None:
        """What this person did last, on one record or on many."""
        own = (actions.c.author == author) & (actions.c.kind != EXTEND)
        query = select(*_SHOWN).where(own).order_by(actions.c.number.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
            return action_of(row) if row else None

    def running(self) -> list[Action]:
        return [action for action in self._running() if action.kind != EXTEND]

    def extending(self) -> list[Action]:
        """What is planned or going on of `extend_rewriting`."""
        return [action for action in self._running() if action.kind == EXTEND]

    def _running(self) -> list[Action]:
        query = select(*_SHOWN).where(actions.c.state == ActionState.RUNNING.value).order_by(actions.c.number)
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
        selection = _packed(set(numbers))
        with self._database.write() as connection:
            return _get(connection, _insert(connection, kind, *selection, author, params))

    def selection(self, number: int) -> array[int]:
        """The numbers of the records that the action is about, as long as it goes on."""
        return self._selection(number)

    def _selection(self, number: int) -> array[int]:
        with self._database.read() as connection:
            stored = connection.scalar(select(actions.c.selection).where(actions.c.number == number))
        selection = array("q")
        if stored:
            selection.frombytes(zlib.decompress(stored))
        return selection


def _undoable(connection: Connection, number: int) -> Action:
    action = _get(connection, number)
    if action.kind == EXTEND:
        raise UsageError("There is nothing to undo: no record was changed.")
    if action.undone_by is not None:
        raise UsageError("This was undone already.")
    if action.state is ActionState.RUNNING and not action.is_interrupted:
        raise UsageError("This is still going on: stop it first.")
    return action


def is_of_texts(action: Action) -> bool:
    """Whether it writes what records say, which takes longer a record than a decision."""
    return bool(action.params.get("is_of_texts", action.kind not in ("decide", "tag")))


def _go_on(connection: Connection, number: int, selection: array[int], size: int) -> Action:
    """Do the next chunk. Where it begins is read here: another process may be at it, too."""
    action = _get(connection, number)
    if action.state is not ActionState.RUNNING:
        return action
    chunk = selection[action.done : action.done + size].tolist()
    touched, left = _do(connection, action, chunk) if chunk else (0, {})
    done = action.done + len(chunk)
    connection.execute(_update(number, done=done, touched=action.touched + touched, at=time.time()))
    if left:
        all_left = Counter(action.params.get("left", {})) + Counter(left)
        connection.execute(_update(number, params=action.params | {"left": dict(all_left)}))
    if done >= action.total:
        _finish(connection, number, ActionState.DONE)
    return _get(connection, number)


def _do(connection: Connection, action: Action, numbers: list[int]) -> tuple[int, dict[str, int]]:
    """Do the action on these records; returns how many that changed, and how many it left alone for which reason."""
    match action.kind:
        case "decide":
            return _decide(connection, action, numbers)
        case "tag":
            return _tag(connection, action, numbers), {}
        case "replace":
            return _replace(connection, action, numbers)
        case "accept-proposals":
            run_id = action.params["run"]
            return accepting.accept_many(connection, run_id, numbers, author=action.author, action=action.number)
        case "refuse-proposals":
            return accepting.refuse_many(connection, action.params["run"], numbers, action=action.number), {}
        case undoing.UNDO:
            return _undo(connection, action, numbers), {}
        case kind if kind == EXTEND:
            return rewrite_inputs.extend(connection, action.params["run"], numbers), {}
        case _:
            raise UsageError(f"This version of Dataflow Studio knows no action {action.kind!r}.")


def _undo(connection: Connection, action: Action, numbers: list[int]) -> int:
    undone, author = action.params["action"], action.author
    touched = undoing.undo_decisions(connection, undone, action.number, author, among=numbers)
    touched |= undoing.undo_revisions(connection, undone, action.number, author, revise, among=numbers)
    if settled := _SETTLED.get(undoing.root_of(connection, undone)):
        restored = frozenset(touched)
        touched |= proposing.settle_again(connection, undone, restored, settled, redo=action.number, among=numbers)
        touched |= proposing.reopen(connection, undone, restored, undo=action.number, among=numbers)
    touched |= undoing.undo_tags(connection, undone, action.number, author, among=numbers)
    return len(touched)


def _decide(connection: Connection, action: Action, numbers: list[int]) -> tuple[int, dict[str, int]]:
    status, reason = action.params["status"], action.params["reason"]
    is_other = (records.c.status != status) | (records.c.reason != reason)
    as_listed = records.c.revised_at <= action.params["listed_at"]
    due = records.c.number.in_(numbers) & is_other
    chosen = due & as_listed
    now = time.time()
    first: int = connection.scalar(select(func.max(decisions.c.number))) or 0
    made = select(
        records.c.number,
        records.c.revision,
        literal(status),
        literal(reason),
        literal(action.author),
        literal(now),
        literal(action.number),
        records.c.status,
        records.c.reason,
        records.c.reviewer,
    ).where(chosen)
    connection.execute(insert(decisions).from_select(undoing.DECIDED, made))
    newest = (decisions.c.number > first) & (records.c.number == decisions.c.record)
    changed = connection.execute(
        update(records)
        .where(newest)
        .values(status=status, reason=reason, reviewer=action.author, decision=decisions.c.number, updated_at=now)
    )
    if changed.rowcount == len(numbers):
        return changed.rowcount, {}
    changed_since = connection.scalar(select(func.count()).select_from(records).where(due, ~as_listed)) or 0
    return changed.rowcount, _left(changed=changed_since)


def _tag(connection: Connection, action: Action, numbers: list[int]) -> int:
    tag, is_added = action.params["tag"], action.params["is_added"]
    return len(
        writing.tag_many(connection, numbers, tag, is_added=is_added, author=action.author, action=action.number)
    )


def _replace(connection: Connection, action: Action, numbers: list[int]) -> tuple[int, dict[str, int]]:
    replacement = Replacement.of(action.params)
    listed_at = action.params.get("listed_at")
    changed_since: set[int] = set()
    if listed_at is not None:
        later = (records.c.number.in_(numbers)) & (records.c.revised_at > listed_at)
        changed_since = set(connection.scalars(select(records.c.number).where(later)))
    touched = left = 0
    for record in page(connection, numbers):
        fields = replacement.apply(record.fields)
        if fields == record.fields:
            continue
        if record.number in changed_since:
            left += 1
            continue
        kind, reason = RevisionKind.EDITED, replacement.description
        revise(connection, record, fields, kind=kind, author=action.author, action=action.number, reason=reason)
        touched += 1
    return touched, _left(changed=left)


def _left(**counts: int) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}


def _touched(connection: Connection, action: int) -> set[int]:
    touched: set[int] = set()
    for table in (decisions, revisions, taggings, proposals):
        touched.update(connection.scalars(select(table.c.record).where(table.c.action == action)))
    return touched


def _packed(numbers: set[int]) -> tuple[bytes, int]:
    """The numbers as they are stored, and how many they are."""
    return zlib.compress(array("q", sorted(numbers)).tobytes(), 1), len(numbers)


def _insert(connection: Connection, kind: str, selection: bytes, total: int, author: str, params: Fields) -> int:
    now = time.time()
    values: Fields = {"kind": kind, "author": author, "record": None, "params": params, "total": total}
    values |= {"done": 0, "touched": 0, "state": ActionState.RUNNING.value, "owner": this_process()}
    values |= {"selection": selection, "began_at": now, "at": now}
    number: int = connection.execute(insert(actions).values(values).returning(actions.c.number)).scalar_one()
    return number


def _get(connection: Connection, number: int) -> Action:
    row = connection.execute(select(*_SHOWN).where(actions.c.number == number)).mappings().first()
    if row is None:
        raise UsageError(f"There is no action {number}.")
    return action_of(row)


def _finish(connection: Connection, number: int, state: ActionState) -> None:
    connection.execute(_update(number, state=state.value, selection=None, at=time.time()))


def _update(number: int, **values: object) -> Update:
    return update(actions).where(actions.c.number == number).values(**values)

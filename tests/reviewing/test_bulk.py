"""Actions on many records: each record exactly once, counted right, undone as one, and nobody waits for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import update

from dataflow_core.checks import check_record
from dataflow_core.errors import UsageError
from dataflow_core.exporting.engine import exported_lines, write_export
from dataflow_core.models import Action, ActionState, ReviewStatus
from dataflow_core.reviewing import bulk
from dataflow_core.reviewing.bulk import BulkActions
from dataflow_core.reviewing.replacing import Replacement
from dataflow_core.storage.database import Database
from dataflow_core.storage.queries import Query
from dataflow_core.storage.rows import ACTION_START_UP
from dataflow_core.storage.schema import actions, decisions, revisions, taggings
from dataflow_core.workspace import Workspace
from tests.record_makers import TASKS, make_tasks, record_at

ACCEPTED, REJECTED, FLAGGED = ReviewStatus.ACCEPTED, ReviewStatus.REJECTED, ReviewStatus.FLAGGED
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 7)
    monkeypatch.setattr(bulk, "TEXT_CHUNK", 4)
    monkeypatch.setattr(bulk, "GAP", 0.001)


def accept(workspace: Workspace, numbers: Sequence[int], *, by: str = "Ada", listed_at: float | None = None) -> Action:
    listed_at = time.time() if listed_at is None else listed_at
    return workspace.bulk.decide(numbers, ACCEPTED, reviewer=by, listed_at=listed_at)


def statuses(workspace: Workspace) -> dict[ReviewStatus, int]:
    return {status: count for status, count in workspace.records.count_by_status(Query()).items() if count}


def records_of(workspace: Workspace, action: int) -> Counter[int]:
    """How often each record was decided, revised or tagged by the action."""
    found: Counter[int] = Counter()
    with workspace.database.read() as connection:
        for table in (decisions, revisions, taggings):
            found.update(row.record for row in connection.execute(table.select().where(table.c.action == action)))
    return found


def test_many_records_are_decided_each_once_and_put_back_as_one(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 30)
    workspace.review.decide({record_at(workspace, 3).id: 1}, FLAGGED, reviewer="Bob", reason="Odd")
    done = workspace.bulk.execute(accept(workspace, numbers).number)
    assert (done.state, done.total, done.done, done.touched) == (ActionState.DONE, 30, 30, 30)
    assert records_of(workspace, done.number) == Counter(numbers)
    assert statuses(workspace) == {ACCEPTED: 30}
    undone = workspace.bulk.execute(workspace.bulk.undo(done.number, author="Bob").number)
    assert (undone.state, undone.touched) == (ActionState.DONE, 30)
    assert statuses(workspace) == {ReviewStatus.UNREVIEWED: 29, FLAGGED: 1}
    flagged = record_at(workspace, 3)
    assert (flagged.reason, flagged.reviewer) == ("Odd", "Bob")
    assert workspace.bulk.get(done.number).undone_by == undone.number
    newest = workspace.records.decisions(record_at(workspace, 5).id)[0]
    assert (newest.status, newest.reviewer) == (ReviewStatus.UNREVIEWED, "Bob")


def test_a_record_whose_text_was_changed_after_it_was_listed_is_left_alone_and_counted(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 20)
    listed_at = time.time()
    for number in (2, 9):
        changes = {"parallel_task": f"Somebody's new text {number}."}
        workspace.review.edit(record_at(workspace, number).id, changes, base_revision=1, author="Bob")
    workspace.review.decide({record_at(workspace, 4).id: 1}, ACCEPTED, reviewer="Bob")
    done = workspace.bulk.execute(accept(workspace, numbers, listed_at=listed_at).number)
    assert (done.total - done.touched, done.touched) == (3, 17)
    assert {record_at(workspace, number).status for number in (2, 9)} == {ReviewStatus.UNREVIEWED}
    assert record_at(workspace, 4).reviewer == "Bob"


def test_it_is_told_which_were_so_already_and_which_were_changed_since_they_were_listed(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 12)
    workspace.review.decide({record_at(workspace, 9).id: 1}, ReviewStatus.ACCEPTED, reviewer="Bob")
    listed_at = time.time()
    for number in (2, 9):
        changed = record_at(workspace, number)
        workspace.review.edit(changed.id, {"parallel_task": "Weigh pears now."}, base_revision=1, author="Bob")
    done = accept(workspace, numbers, listed_at=listed_at)
    done = workspace.bulk.execute(done.number)
    assert (done.touched, done.params["left"]) == (10, {"changed": 1})
    replacement = Replacement("pears", "plums")
    planned = workspace.bulk.replace(numbers, replacement, author="Ada", listed_at=listed_at)
    done = workspace.bulk.execute(planned.number)
    assert (done.touched, done.params["left"]) == (10, {"changed": 2})
    assert record_at(workspace, 2).fields["parallel_task"] == "Weigh pears now."


def test_an_action_that_no_process_takes_up_is_interrupted_after_a_while(workspace: Workspace) -> None:
    planned = accept(workspace, make_tasks(workspace, 3))
    workspace.bulk.hand_over(planned.number)
    assert not workspace.bulk.get(planned.number).is_interrupted
    long_ago = time.time() - ACTION_START_UP - 1
    with workspace.database.write() as connection:
        connection.execute(update(actions).where(actions.c.number == planned.number).values(at=long_ago))
    assert workspace.bulk.get(planned.number).is_interrupted
    done = workspace.bulk.execute(planned.number)
    assert (done.state, done.touched, done.is_interrupted) == (ActionState.DONE, 3, False)


def test_a_tag_is_added_once_and_its_undo_takes_it_from_those_alone_that_got_it(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 12)
    workspace.review.tag(record_at(workspace, 1).id, "later", author="Bob")
    done = workspace.bulk.execute(workspace.bulk.tag(numbers, " later ", author="Ada").number)
    assert (done.touched, workspace.records.count(Query(tags=("later",)))) == (11, 12)
    workspace.review.tag(record_at(workspace, 2).id, "later", author="Bob", is_added=False)
    workspace.review.tag(record_at(workspace, 3).id, "later", author="Bob", is_added=False)
    workspace.review.tag(record_at(workspace, 3).id, "later", author="Bob")
    undone = workspace.bulk.execute(workspace.bulk.undo(done.number, author="Ada").number)
    assert (undone.total, undone.touched) == (11, 9)
    assert list(workspace.records.numbers(Query(tags=("later",)))) == [1, 3]


def test_replaced_text_is_a_revision_a_record_and_its_undo_leaves_what_was_changed_since(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 11)
    done = workspace.bulk.execute(workspace.bulk.replace(numbers, Replacement("pears", "plums"), author="Ada").number)
    assert (done.total, done.touched, done.state) == (11, 11, ActionState.DONE)
    assert {record.revision for record in workspace.records.stream(Query())} == {2}
    assert workspace.records.count(Query(text="pears")) == 0
    assert workspace.records.count(Query(text="plums")) == 11
    changed = record_at(workspace, 6)
    workspace.review.edit(changed.id, {"parallel_task": "Weigh the grapes."}, base_revision=2, author="Bob")
    undone = workspace.bulk.execute(workspace.bulk.undo(done.number, author="Ada").number)
    assert (undone.total, undone.touched) == (11, 10)
    assert workspace.records.count(Query(text="pears")) == 10
    assert record_at(workspace, 6).fields["parallel_task"] == "Weigh the grapes."
    assert [one.number for one in workspace.records.stream(Query(is_edited=True))] == [6]
    restored = record_at(workspace, 1)
    findings = workspace.records.findings(restored.id)
    assert set(findings) == set(check_record(TASKS, restored.fields, {}))


def test_a_decision_made_since_survives_the_undo(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 10)
    done = workspace.bulk.execute(accept(workspace, numbers).number)
    workspace.review.decide({record_at(workspace, 2).id: 1}, REJECTED, reviewer="Bob", reason="Too vague")
    workspace.review.decide({record_at(workspace, 3).id: 1}, REJECTED, reviewer="Bob")
    workspace.review.decide({record_at(workspace, 3).id: 1}, ACCEPTED, reviewer="Bob")
    undone = workspace.bulk.execute(workspace.bulk.undo(done.number, author="Ada").number)
    assert undone.touched == 8
    assert (record_at(workspace, 2).status, record_at(workspace, 2).reason) == (REJECTED, "Too vague")
    assert (record_at(workspace, 3).status, record_at(workspace, 3).reviewer) == (ACCEPTED, "Bob")


def test_actions_over_one_another_are_undone_in_turn(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 9)
    first = workspace.bulk.execute(accept(workspace, numbers).number)
    second = workspace.bulk.decide(numbers, REJECTED, reviewer="Ada", reason="Off topic", listed_at=time.time())
    workspace.bulk.execute(second.number)
    for action, status in ((second, ACCEPTED), (first, ReviewStatus.UNREVIEWED)):
        undone = workspace.bulk.execute(workspace.bulk.undo(action.number, author="Ada").number)
        assert undone.touched == 9
        assert statuses(workspace) == {status: 9}
    assert {record.reviewer for record in workspace.records.stream(Query())} == {""}


def test_undo_twice_is_refused_and_an_undo_can_itself_be_undone_again_and_again(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 9)
    done = workspace.bulk.execute(accept(workspace, numbers).number)
    undo = workspace.bulk.execute(workspace.bulk.undo(done.number, author="Ada").number)
    with pytest.raises(UsageError, match="undone already"):
        workspace.bulk.undo(done.number, author="Ada")
    redo = workspace.bulk.execute(workspace.bulk.undo(undo.number, author="Ada").number)
    assert (redo.touched, statuses(workspace)) == (9, {ACCEPTED: 9})
    assert {record.reviewer for record in workspace.records.stream(Query())} == {"Ada"}
    assert workspace.bulk.get(done.number).undone_by is None
    again = workspace.bulk.execute(workspace.bulk.undo(redo.number, author="Ada").number)
    assert (again.touched, statuses(workspace)) == (9, {ReviewStatus.UNREVIEWED: 9})
    with pytest.raises(UsageError, match="undone already"):
        workspace.bulk.undo(done.number, author="Ada")


def test_what_was_replaced_tagged_or_edited_comes_again_when_its_undo_is_undone(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 5)
    replaced = workspace.bulk.execute(workspace.bulk.replace(numbers, Replacement("pears", "plums"), author="A").number)
    tagged = workspace.bulk.execute(workspace.bulk.tag(numbers, "fruit", author="A").number)
    for action in (replaced, tagged):
        undo = workspace.bulk.execute(workspace.bulk.undo(action.number, author="A").number)
        assert undo.touched == 5
        redo = workspace.bulk.execute(workspace.bulk.undo(undo.number, author="A").number)
        assert redo.touched == 5
    assert workspace.records.count(Query(text="plums", tags=("fruit",))) == 5


class Stopping:
    """Stops an action once so many chunks of it are done."""

    def __init__(self, actions: BulkActions, after: int) -> None:
        self.actions, self.left = actions, after

    def __call__(self, action: Action) -> None:
        self.left -= 1
        if not self.left:
            self.actions.stop(action.number)


def test_a_stopped_action_keeps_what_is_done_and_is_undone_as_far_as_it_went(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 30)
    planned = accept(workspace, numbers)
    stopped = workspace.bulk.execute(planned.number, progress=Stopping(workspace.bulk, 2))
    assert (stopped.state, stopped.done, stopped.touched) == (ActionState.STOPPED, 14, 14)
    assert statuses(workspace) == {ReviewStatus.UNREVIEWED: 16, ACCEPTED: 14}
    assert workspace.bulk.execute(planned.number) == stopped
    undone = workspace.bulk.execute(workspace.bulk.undo(planned.number, author="Ada").number)
    assert (undone.total, undone.touched) == (14, 14)
    assert statuses(workspace) == {ReviewStatus.UNREVIEWED: 30}


def test_a_stopped_undo_can_be_asked_for_again_and_does_the_rest(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 30)
    done = workspace.bulk.execute(accept(workspace, numbers).number)
    undo = workspace.bulk.undo(done.number, author="Ada")
    workspace.bulk.execute(undo.number, progress=Stopping(workspace.bulk, 2))
    assert statuses(workspace) == {ReviewStatus.UNREVIEWED: 14, ACCEPTED: 16}
    rest = workspace.bulk.execute(workspace.bulk.undo(done.number, author="Ada").number)
    assert (rest.touched, statuses(workspace)) == (16, {ReviewStatus.UNREVIEWED: 30})


def test_a_stopped_undo_of_texts_can_be_asked_for_again(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 12)
    done = workspace.bulk.execute(workspace.bulk.replace(numbers, Replacement("pears", "plums"), author="Ada").number)
    undo = workspace.bulk.undo(done.number, author="Ada")
    stopped = workspace.bulk.execute(undo.number, progress=Stopping(workspace.bulk, 2))
    assert 0 < stopped.done < 12
    rest = workspace.bulk.execute(workspace.bulk.undo(done.number, author="Ada").number)
    assert (rest.touched, workspace.records.count(Query(text="pears"))) == (12 - stopped.done, 12)


def test_an_action_under_way_is_not_undone_and_one_without_records_not_begun(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 3)
    planned = accept(workspace, numbers)
    assert [action.number for action in workspace.bulk.running()] == [planned.number]
    with pytest.raises(UsageError, match="stop it first"):
        workspace.bulk.undo(planned.number, author="Ada")
    with pytest.raises(UsageError, match="No record"):
        accept(workspace, [])
    with pytest.raises(UsageError, match="no action 99"):
        workspace.bulk.undo(99, author="Ada")
    with pytest.raises(UsageError, match="empty"):
        workspace.bulk.tag(numbers, "  ", author="Ada")


def test_a_record_that_is_listed_twice_is_done_once(workspace: Workspace) -> None:
    make_tasks(workspace, 3)
    for action in (
        accept(workspace, [2, 1, 2, 2]),
        workspace.bulk.tag([2, 1, 2, 2], "twice", author="Ada"),
        workspace.bulk.replace([2, 1, 2, 2], Replacement("pears", "plums"), author="Ada"),
    ):
        done = workspace.bulk.execute(action.number)
        assert (done.total, done.done, done.touched) == (2, 2, 2)


def test_an_action_is_done_once_even_where_two_go_at_it(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 60)
    planned = workspace.bulk.tag(numbers, "shared", author="Ada")
    other = Database(workspace.database.url)
    threads = [
        threading.Thread(target=BulkActions(database).execute, args=[planned.number])
        for database in (workspace.database, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    done = workspace.bulk.get(planned.number)
    assert (done.state, done.done, done.touched) == (ActionState.DONE, 60, 60)
    assert records_of(workspace, planned.number) == Counter(numbers)


def test_two_actions_at_the_same_time_both_come_to_their_end(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 60)
    planned = [
        accept(workspace, numbers),
        workspace.bulk.tag(numbers, "seen", author="Bob"),
        workspace.bulk.replace(numbers, Replacement("pears", "plums"), author="Cem"),
    ]
    threads = [threading.Thread(target=workspace.bulk.execute, args=[action.number]) for action in planned]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [workspace.bulk.get(action.number) for action in planned]
    assert [action.state for action in done] == [ActionState.DONE] * 3
    assert [action.touched for action in done[1:]] == [60, 60]
    replaced_first = 60 - done[0].touched  # what Ada had not seen so, she does not decide
    assert workspace.records.count(Query(statuses=(ACCEPTED,), tags=("seen",), text="plums")) == 60 - replaced_first
    assert workspace.bulk.running() == []
    assert [action.number for action in workspace.bulk.recent()] == [action.number for action in reversed(planned)]


def test_a_pattern_that_takes_too_long_stops_the_action_and_says_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflow_core.reviewing.replacing.LONGEST", 0.1)
    numbers = make_tasks(workspace, 3)
    text = "a" * 60 + "!"
    workspace.review.edit(record_at(workspace, 2).id, {"atom_task": text}, base_revision=1, author="Ada")
    planned = workspace.bulk.replace(numbers, Replacement("(.*)*pears$|(a|aa)+$", "x", is_regex=True), author="Ada")
    with pytest.raises(UsageError, match="takes too long"):
        workspace.bulk.execute(planned.number)
    stopped = workspace.bulk.get(planned.number)
    assert stopped.state is ActionState.STOPPED
    assert "takes too long" in stopped.params["problem"]
    assert record_at(workspace, 2).fields["atom_task"] == text
    workspace.bulk.execute(workspace.bulk.undo(planned.number, author="Ada").number)
    assert workspace.records.count(Query(text="Weigh the pears")) == 3


def test_deleted_records_are_nowhere_until_they_are_brought_back(workspace: Workspace, tmp_path: Path) -> None:
    numbers = make_tasks(workspace, 12)
    workspace.bulk.execute(workspace.bulk.tag(numbers, "all", author="Ada").number)
    before = {query: list(workspace.records.numbers(query)) for query in (Query(), Query(text="pears"))}
    delete = workspace.bulk.decide(numbers[:5], ReviewStatus.DELETED, reviewer="Ada", listed_at=time.time())
    deleted = workspace.bulk.execute(delete.number)
    assert deleted.touched == 5
    for query in (Query(), Query(text="pears"), Query(tags=("all",)), Query(sort="longest"), Query(sort="first text")):
        assert sorted(workspace.records.numbers(query)) == numbers[5:]
        assert workspace.records.count(query) == 7
    assert workspace.records.count_by_generator(Query()) == {TASKS: 7}
    assert workspace.records.count_by_tag(Query()) == {"all": 7}
    assert workspace.records.count_by("models", Query()) == {"m": 7}
    assert len(list(exported_lines(workspace.records, Query(), TASKS))) == 7
    (file,) = write_export(workspace.records, Query(), tmp_path / "out.jsonl")
    assert (file.records, len(file.path.read_text().splitlines())) == (7, 7)
    assert workspace.records.count(Query(statuses=(ReviewStatus.DELETED,))) == 5
    workspace.bulk.execute(workspace.bulk.undo(deleted.number, author="Ada").number)
    assert {query: list(workspace.records.numbers(query)) for query in before} == before
    assert len(list(exported_lines(workspace.records, Query(), TASKS))) == 12


def started(workspace: Workspace, action: Action, *command: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, *command, "action", str(action.number), "--workspace", str(workspace.folder)]
    return subprocess.Popen([*arguments, "--quiet"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def kill_in_the_midst(workspace: Workspace, action: Action, process: subprocess.Popen[bytes]) -> Action:
    deadline = time.monotonic() + 30
    while not 0 < workspace.bulk.get(action.number).done < action.total:
        assert time.monotonic() < deadline, "it was not seen in the midst of it"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return workspace.bulk.get(action.number)


def test_a_killed_action_is_interrupted_and_goes_on_with_each_record_once(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 400)
    planned = workspace.bulk.replace(numbers, Replacement("pears", "pears and pears"), author="Ada")
    killed = kill_in_the_midst(workspace, planned, started(workspace, planned, "-m", "dataflow_core"))
    assert (killed.state, killed.is_interrupted) == (ActionState.RUNNING, True)
    assert 0 < killed.done < killed.total
    assert records_of(workspace, planned.number) == Counter(numbers[: killed.done])
    assert started(workspace, planned, "-m", "dataflow_core").wait(60) == 0
    done = workspace.bulk.get(planned.number)
    assert (done.state, done.done, done.touched) == (ActionState.DONE, 400, 400)
    assert records_of(workspace, planned.number) == Counter(numbers)
    assert {record.fields["parallel_task"].count("pears") for record in workspace.records.stream(Query())} == {2}


def test_what_a_killed_action_did_is_undone_though_the_undo_is_killed_too(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 300)
    script = str(ROOT / "tests" / "run_with_small_chunks.py")
    planned = accept(workspace, numbers)
    killed = kill_in_the_midst(workspace, planned, started(workspace, planned, script))
    assert statuses(workspace).get(ACCEPTED) == killed.done == killed.touched
    undo = workspace.bulk.undo(planned.number, author="Ada")
    assert undo.total == killed.done
    assert workspace.bulk.get(planned.number).state is ActionState.STOPPED
    if undo.total > 40:
        killed = kill_in_the_midst(workspace, undo, started(workspace, undo, script))
        assert statuses(workspace)[ReviewStatus.UNREVIEWED] == 300 - undo.total + killed.done
    assert started(workspace, undo, script).wait(60) == 0
    assert statuses(workspace) == {ReviewStatus.UNREVIEWED: 300}
    assert workspace.bulk.get(undo.number).touched == undo.total


def test_nobody_waits_long_for_an_action_in_another_process_and_no_edit_is_lost(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 5_000)
    done = workspace.carry_out(accept(workspace, numbers))
    assert done.state is ActionState.RUNNING
    waits, edited = [], 0
    deadline = time.monotonic() + 60
    while workspace.bulk.get(done.number).state is ActionState.RUNNING:
        assert time.monotonic() < deadline
        record = record_at(workspace, numbers[-1 - edited])
        began = time.monotonic()
        changes = {"parallel_task": f"Edited meanwhile {edited}."}
        workspace.review.edit(record.id, changes, base_revision=record.revision, author="Bob")
        waits.append(time.monotonic() - began)
        edited += 1
        time.sleep(0.01)
    end = workspace.bulk.get(done.number)
    assert (end.state, end.done) == (ActionState.DONE, 5_000)
    assert max(waits) < 1.0
    assert workspace.records.count(Query(text='"Edited meanwhile"')) == edited
    assert workspace.records.count(Query(statuses=(ACCEPTED,))) == end.touched
    left_alone = workspace.records.stream(Query(statuses=(ReviewStatus.UNREVIEWED,)))
    assert all(record.is_edited for record in left_alone)
    log = workspace.folder / "logs" / f"{done.number}.log"
    assert "Traceback" not in log.read_text()


def test_an_action_on_few_records_is_done_at_once(workspace: Workspace) -> None:
    numbers = make_tasks(workspace, 20)
    assert workspace.carry_out(accept(workspace, numbers)).state is ActionState.DONE

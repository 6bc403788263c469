"""Files are there whole or not at all, each and as a set, and nothing of what is not whole stays."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from dataflow_core.errors import DiskFullError, UsageError
from dataflow_core.exporting import files, leftovers
from dataflow_core.exporting.engine import Exports
from dataflow_core.exporting.plan import (
    Splits,
    Stage,
    WrittenExport,
)
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.exporting.records import DIALOGUES, TASKS, THIRDS, dialogue, lines, plan, put

ROOT = Path(__file__).parents[2]


def test_a_list_of_problems_that_is_broken_off_leaves_the_one_before(mixed: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text("as it was")

    def stop(_: Stage) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        mixed.exports.write_problems(plan(format="openai"), path, stop)
    assert path.read_text() == "as it was"
    with pytest.raises(UsageError, match="no ordinary file"):
        mixed.exports.write_problems(plan(), tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_a_file_of_ones_own_name_holds_one_kind_and_others_stand_beside(mixed: Workspace, tmp_path: Path) -> None:
    tasks = plan(format="alpaca", query=Query(generators=(TASKS,)))
    only = mixed.exports.write_file(tasks, tmp_path / "t.txt")
    assert [file.path.name for file in only.files] == ["t.txt"]
    several = mixed.exports.write_file(plan(compression="zst", splits=THIRDS), tmp_path / "all.jsonl.zst")
    names = {file.path.name for file in several.files}
    assert {"all_dialogues_train.jsonl.zst", "all_dialogues_test.jsonl.zst", "all_left_out.jsonl.zst"} <= names
    assert not list(tmp_path.glob(".*"))


def test_what_an_earlier_export_left_out_is_not_told_of_a_later_one(mixed: Workspace, tmp_path: Path) -> None:
    mixed.exports.write_file(plan(format="openai"), tmp_path / "mine.jsonl")
    assert (tmp_path / "mine_left_out.jsonl").exists()
    mixed.exports.write_file(plan(format="openai", query=Query(generators=(TASKS,))), tmp_path / "mine.jsonl")
    assert not (tmp_path / "mine_left_out.jsonl").exists()


def test_splits_take_the_place_of_all_that_the_same_name_held_before(mixed: Workspace, tmp_path: Path) -> None:
    def names() -> set[str]:
        return {path.name for path in tmp_path.iterdir() if path.is_file()}

    path, tasks = tmp_path / "x.jsonl", Query(generators=(TASKS,))
    (tmp_path / "x_notes.jsonl").write_text("mine")
    mixed.exports.write_file(plan(splits=THIRDS), path)
    assert {"x_dialogues_train.jsonl", "x_dialogues_test.jsonl", "x_left_out.jsonl"} <= names()
    mixed.exports.write_file(plan(query=tasks, splits=Splits(1, 1)), path)
    assert names() == {"x_train.jsonl", "x_validation.jsonl", "x_notes.jsonl"}
    mixed.exports.write_file(plan(query=tasks), path)
    assert names() == {"x.jsonl", "x_notes.jsonl"}
    mixed.exports.write_file(plan(query=tasks, splits=Splits(1, 1)), path)
    assert names() == {"x_train.jsonl", "x_validation.jsonl", "x_notes.jsonl"}


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_file_that_would_be_taken_for_a_split_is_not_touched_but_told_of(
    mixed: Workspace, tmp_path: Path, is_ours: bool
) -> None:
    path, stranger = tmp_path / "x.jsonl", tmp_path / "x_dialogues_test.jsonl"
    if is_ours:
        mixed.exports.write_file(plan(splits=THIRDS), path)
    stranger.write_text("I have worked on this.")
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()}
    with pytest.raises(UsageError, match="would be taken for a split"):
        mixed.exports.write_file(plan(splits=Splits(1, 1)), path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()} == before
    mixed.exports.write_file(plan(query=Query(generators=(DIALOGUES,))), path)  # but one file: nothing is a part of it
    assert stranger.read_text() == "I have worked on this."


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_list_of_what_is_left_out_is_known_also_where_another_workspace_wrote_it(
    mixed: Workspace, tmp_path: Path, suffix: str
) -> None:
    path, left = tmp_path / f"x.jsonl{suffix}", tmp_path / f"x_left_out.jsonl{suffix}"
    chosen, packed = plan(compression=suffix[1:]), plan(compression=suffix[1:], query=Query(generators=(TASKS,)))
    Exports(mixed.records, "other").write_file(chosen, path)
    assert left.exists()
    Exports(mixed.records, "other").write_file(packed, path)
    assert not left.exists()
    left.write_text('{"mine": 1}')
    Exports(mixed.records, "other").write_file(packed, path)
    assert left.exists()


def test_where_one_name_cannot_be_given_all_files_are_as_they_were(
    mixed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    mixed.exports.write_file(plan(splits=THIRDS), path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()}
    put(mixed, [dialogue(f"What of {number}?", "Much.") for number in range(9)], DIALOGUES, ids=list("abcdefghi"))
    replace, calls = Path.replace, iter(range(100))

    def fail_once(self: Path, target: Path) -> Path:
        if "dialogues_test" in Path(target).name and next(calls) == 0:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    with pytest.raises(UsageError, match="cannot be written"):
        mixed.exports.write_file(plan(splits=THIRDS), path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()} == before


def test_a_link_stays_one_and_what_it_points_to_is_replaced(mixed: Workspace, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link, target = tmp_path / "link.jsonl", tmp_path / "elsewhere" / "tasks.jsonl"
    link.symlink_to(target)
    mixed.exports.write_file(plan(query=Query(generators=(TASKS,))), link)
    assert link.is_symlink()
    assert len(lines(target)) == 2


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: files.WrittenFile, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.WrittenFile, "write", fail)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("compression", ["", "gz", "zst"])
def test_a_full_disk_is_said_and_leaves_nothing(mixed: Workspace, tmp_path: Path, compression: Any) -> None:
    target = tmp_path / "e"
    target.mkdir()
    with pytest.raises(DiskFullError, match="The disk is full"):
        mixed.exports.write(plan(compression=compression), target, "mine")
    (target / "mine.jsonl").write_text("as it was")
    with pytest.raises(DiskFullError, match="The disk is full"):
        mixed.exports.write_file(plan(compression=compression), target / "mine.jsonl")
    assert [path.name for path in target.iterdir()] == ["mine.jsonl"]
    assert (target / "mine.jsonl").read_text() == "as it was"


KILLED = """
import os, signal, sys
from pathlib import Path
from dataflow_core.exporting.plan import ExportPlan
from dataflow_core.storage.contents import Snapshot
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

def kill(stage):
    os.kill(os.getpid(), signal.SIGKILL)

workspace = Workspace(Path(sys.argv[1]))
place = Path(sys.argv[2])
if sys.argv[3] == "folder":
    workspace.exports.write(ExportPlan(Query()), place, "mine", kill)
else:
    workspace.exports.write_file(ExportPlan(Query()), place / "mine.jsonl", kill)
"""


@pytest.mark.parametrize("way", ["folder", "file"])
def test_a_killed_export_leaves_nothing_that_looks_finished_and_the_next_one_clears_it_away(
    mixed: Workspace, tmp_path: Path, way: str
) -> None:
    place = tmp_path / "e"
    place.mkdir()
    arguments = [sys.executable, "-c", KILLED, str(mixed.folder), str(place), way]
    assert subprocess.run(arguments, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    left = list(place.iterdir())
    assert left
    assert all(path.name.startswith(".") and path.name.endswith(".partial") for path in left)
    alive = leftovers.partial_name(place / "other")
    with leftovers.held_folder(alive):
        mixed.exports.write_file(plan(), place / "next.jsonl")
    assert [path.name for path in place.iterdir() if path.name.startswith(".")] == [alive.name]


def test_what_is_being_written_is_known_by_its_lock_and_not_by_a_number(tmp_path: Path) -> None:
    folder, file = tmp_path / ".a.00000000.999999999.partial", tmp_path / ".b.00000000.999999999.partial"
    left = tmp_path / f".c.00000000.{os.getpid()}.partial"  # by a process of another container, or an earlier one
    left.touch()
    with leftovers.held_folder(folder), leftovers.new_file(file):
        leftovers.clean_up(tmp_path)
        assert set(tmp_path.iterdir()) == {folder, file}
    leftovers.clean_up(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_cleared_away_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, path, calls = fcntl.flock, tmp_path / ".a.00000000.1.partial", iter(range(9))

    def too_late(descriptor: int, how: int) -> None:
        if next(calls) == 0:
            leftovers.clean_up(tmp_path)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", too_late)
    with leftovers.new_file(path) as file:
        assert file.write(b"x") == 1
        assert path.read_bytes() == b"x"


def test_where_nothing_can_be_locked_only_what_is_old_is_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    paths = [tmp_path / f".{name}.00000000.999999999.partial" for name in ("old", "new")]
    for path in paths:
        leftovers.new_file(path).close()
    os.utime(paths[0], (0, 0))
    leftovers.clean_up(tmp_path)
    assert list(tmp_path.iterdir()) == paths[1:]


def test_what_only_looks_as_if_it_were_of_a_killed_export_stays(mixed: Workspace, tmp_path: Path) -> None:
    foreign = tmp_path / ".notes.99999999999999999999.partial"
    foreign.touch()
    mixed.exports.write_file(plan(), tmp_path / "next.jsonl")
    assert foreign.exists()


def test_two_exports_of_one_name_at_once_leave_one_that_is_whole(mixed: Workspace, tmp_path: Path) -> None:
    begun = threading.Barrier(2, timeout=20)
    ends: list[object] = []

    def write() -> None:
        is_begun = False

        def wait(_: Stage) -> None:
            nonlocal is_begun
            if not is_begun:
                is_begun = True
                begun.wait()

        try:
            ends.append(mixed.exports.write(plan(), tmp_path, "same", wait))
        except UsageError as error:
            ends.append(error)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(end).__name__ for end in ends) == ["UsageError", "WrittenExport"]
    (folder,) = tmp_path.glob("sam*")
    (export,) = (end for end in ends if isinstance(end, WrittenExport))
    assert {path.name for path in folder.iterdir()} == {file.path.name for file in export.files}
    assert not list(tmp_path.glob(".*.partial"))

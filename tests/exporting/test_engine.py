"""Exports as a whole: nothing is dropped without a word, and files are there whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow_core.errors import DiskFullError, UsageError
from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import Content, FieldChoice, Severity
from dataflow_core.exporting import files, leftovers, reading
from dataflow_core.exporting.engine import Exports
from dataflow_core.exporting.names import check_name, default_name
from dataflow_core.exporting.plan import (
    MOST_CONCERNS,
    ExportFile,
    ExportPlan,
    Preflight,
    Splits,
    Stage,
    TokenLimit,
    WrittenExport,
)
from dataflow_core.models import Fields, ReviewStatus
from dataflow_core.storage.contents import Snapshot
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.exporting.records import DIALOGUES, OWN, TASKS, dialogue, plan, put, task
from tests.exporting.tokenizers_of_words import word_tokenizer

ROOT = Path(__file__).parents[2]

GOOD = [dialogue(f"Where is place {number}?", f"At number {number * 7}.") for number in range(12)]
THIRDS = Splits(1, 1, 1)


@pytest.fixture
def mixed(workspace: Workspace) -> Workspace:
    """Twelve good dialogues, one that nobody ends, a skeleton, two tasks and a record of one's own."""
    put(workspace, [*GOOD, dialogue("Hello?", "Yes?", "Are you there?")], DIALOGUES)
    put(workspace, [dialogue("Nobody has answered this.")], DIALOGUES, stage="skeleton")
    put(workspace, [task("Boil an egg."), task("Paint a wall.")], TASKS)
    put(workspace, [{"question": "Why?", "answer": "Because."}], OWN)
    return workspace


def lines(path: Path) -> list[Any]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".zst":
        data = pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd").read()
    return [json.loads(line) for line in data.decode().splitlines()]


def by_kind(made: WrittenExport, kind: str) -> list[ExportFile]:
    return [file for file in made.files if file.kind == kind]


def test_the_look_before_counts_what_the_files_then_hold(mixed: Workspace, tmp_path: Path) -> None:
    chosen = plan(format="openai")
    found = mixed.exports.preflight(chosen)
    assert (found.found, found.total, found.left_out) == (17, 15, 2)
    assert found.used == {DIALOGUES: {"": 12}, TASKS: {"": 2}, OWN: {"": 1}}
    assert set(found.by_rule.values()) == {1}
    assert {"unanswered", "last-turn"} <= set(found.by_rule)
    made = mixed.exports.write(chosen, tmp_path / "exports", "mine")
    assert made.preflight == found
    assert made.folder == tmp_path / "exports" / "mine"
    assert {file.path.name: file.records for file in made.files} == {
        "mine_tasks.jsonl": 2,
        "mine_dialogues.jsonl": 12,
        "mine_records.jsonl": 1,
        "mine_left_out.jsonl": 2,
    }
    for file in made.files:
        assert len(lines(file.path)) == file.records
        assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256
        assert file.path.stat().st_size == file.bytes


@pytest.mark.parametrize("splits", [Splits(), THIRDS])
def test_every_record_of_a_reason_is_written_where_the_look_keeps_but_the_first(
    mixed: Workspace, tmp_path: Path, splits: Splits
) -> None:
    put(mixed, [dialogue("Is anybody there?")] * (MOST_CONCERNS + 7), DIALOGUES, ids=[f"x{n}" for n in range(107)])
    chosen, path = plan(format="openai", splits=splits), tmp_path / "all.jsonl"
    found = mixed.exports.write_problems(chosen, path)
    assert found == mixed.exports.preflight(chosen)
    listed = lines(path)
    assert len(listed) == sum(found.by_rule.values()) > len(found.concerns)
    assert Counter(one["rule"] for one in listed) == found.by_rule
    assert list(listed[0]) == ["record", "number", "kind", "rule", "severity", "message"]
    assert {one["record"] for one in listed} >= {f"x{n}" for n in range(107)}
    mixed.exports.write_problems(chosen, path, rules=("unanswered",))
    assert [one["rule"] for one in lines(path)] == ["unanswered"]
    assert [one.name for one in tmp_path.iterdir() if one.name != "workspace"] == ["all.jsonl"]


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


def test_what_is_left_out_stands_beside_with_its_reasons(mixed: Workspace, tmp_path: Path) -> None:
    made = mixed.exports.write(plan(format="openai"), tmp_path, "mine")
    left = lines(made.folder / "mine_left_out.jsonl")
    unended, unanswered = left
    assert unended["fields"]["conversation"][-1]["value"] == "Are you there?"
    assert [reason["rule"] for reason in unended["reasons"]] == ["last-turn"]
    assert unanswered["reasons"][0]["message"] == "Its questions have no answers yet."
    assert {mixed.records.page([one["number"]])[0].id for one in left} == {one["record"] for one in left}


def test_problems_are_included_when_that_is_asked_for_but_not_what_has_no_shape(
    mixed: Workspace, tmp_path: Path
) -> None:
    made = mixed.exports.write(plan(format="openai", leave_out=()), tmp_path, "mine")
    assert made.preflight is not None
    assert (made.left_out, made.preflight.total) == (1, 16)
    assert made.preflight.by_rule["last-turn"] == 1


def test_a_file_with_too_few_examples_is_said_to_be_refused(mixed: Workspace) -> None:
    assert mixed.exports.preflight(plan(format="openai")).refusals == (
        "OpenAI takes files of at least 10 examples, and the file of the tasks has 2.",
        "OpenAI takes files of at least 10 examples, and the file of the records has 1.",
    )
    (of_tasks, _) = mixed.exports.preflight(plan(format="messages")).refusals
    assert of_tasks == "Fireworks takes files of at least 3 examples, and the file of the tasks has 2."


def test_pairs_of_records_that_nobody_accepted_are_told_of(mixed: Workspace) -> None:
    (note,) = mixed.exports.preflight(plan(format="preference")).notes
    assert note.startswith("The filters find records that nobody has accepted, too")
    of_accepted = Query(statuses=(ReviewStatus.ACCEPTED,))
    assert mixed.exports.preflight(plan(format="preference", query=of_accepted)).notes == ()
    assert mixed.exports.preflight(plan(format="openai")).notes == ()


def test_a_preview_shows_the_first_rows_of_each_file(mixed: Workspace) -> None:
    rows = mixed.exports.preview(plan(format="openai"), 2)
    assert {generator: len(some) for generator, some in rows.items()} == {DIALOGUES: 2, TASKS: 2, OWN: 1}
    assert rows[OWN] == [
        {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]}
    ]


@pytest.mark.parametrize("compression", ["", "gz", "zst"])
def test_the_same_export_has_the_same_bytes(mixed: Workspace, tmp_path: Path, compression: Any) -> None:
    chosen = plan(format="messages", compression=compression, splits=Splits(2, 1, 0, seed=3))
    once, again = (mixed.exports.write(chosen, tmp_path / place, "mine") for place in ("a", "b"))
    assert [(file.path.name, file.sha256) for file in once.files] == [
        (file.path.name, file.sha256) for file in again.files
    ]
    assert all(file.path.name.endswith(f".jsonl{'.' if compression else ''}{compression}") for file in once.files)
    assert sum(len(lines(file.path)) for file in once.files) == 17


def test_tables_tell_where_records_came_from_unless_they_are_not_to(mixed: Workspace, tmp_path: Path) -> None:
    with_it = mixed.exports.write(plan(format="parquet"), tmp_path, "with")
    without = mixed.exports.write(plan(format="parquet", provenance=False), tmp_path, "without")
    table = pyarrow.parquet.read_table(by_kind(with_it, "data")[0].path)
    assert {"atom_task", "dataflow_id", "dataflow_status", "dataflow_tags"} <= set(table.column_names)
    bare = pyarrow.parquet.read_table(by_kind(without, "data")[0].path)
    assert list(task("")) == bare.column_names
    with pytest.raises(UsageError, match="compressed inside already"):
        mixed.exports.write(plan(format="parquet", compression="gz"), tmp_path, "packed")


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


def test_nothing_to_export_is_said_and_leaves_no_trace(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No record matches"):
        workspace.exports.write(plan(), tmp_path / "e", "mine")
    put(workspace, [dialogue("Hello?")], DIALOGUES)
    with pytest.raises(UsageError, match="The one record found cannot be exported as openai: It has no answer"):
        workspace.exports.write(plan(format="openai"), tmp_path / "e", "mine")
    put(workspace, [dialogue("Anybody?")], DIALOGUES)
    with pytest.raises(UsageError, match="None of the 2 records found can be exported as openai"):
        workspace.exports.write(plan(format="openai"), tmp_path / "e", "mine")
    assert list((tmp_path / "e").iterdir()) == []


@pytest.mark.parametrize("name", ["a/b", "../a", ".hidden", " ", "x" * 200, "a [1]", "a*", "a\nb"])
def test_a_name_that_files_cannot_have_is_refused(mixed: Workspace, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        mixed.exports.write(plan(), tmp_path, name or " ")


def test_an_export_of_the_same_name_is_not_written_over(mixed: Workspace, tmp_path: Path) -> None:
    mixed.exports.write(plan(), tmp_path, "mine")
    with pytest.raises(UsageError, match="is there already"):
        mixed.exports.write(plan(), tmp_path, "mine")


def test_progress_is_told_from_the_first_record_to_the_last(mixed: Workspace, tmp_path: Path) -> None:
    told: list[Stage] = []
    mixed.exports.write(plan(splits=THIRDS), tmp_path, "mine", told.append)
    assert [stage.what for stage in told if stage.done in (0, stage.total)] == ["checking", "splitting", "writing"]


class Companion:
    """Writes the ids it is told of into a file of its own."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, int]] = []

    def sees(self, state: Snapshot) -> None:
        pass

    def took(self, generator: str, split: str, contents: Sequence[Content]) -> None:
        self.told += [(generator, split, content.id, content.revision) for content in contents]

    def files(
        self, folder: Path, name: str, plan: ExportPlan, preflight: Preflight, written: Sequence[ExportFile]
    ) -> Sequence[ExportFile]:
        assert folder.name.startswith(".")
        assert all(file.path.is_file() for file in written)
        path = folder / f"{name}.txt"
        path.write_text(str(len(self.told)))
        return [ExportFile(path, "about")]


@pytest.mark.parametrize("splits", [Splits(), THIRDS])
def test_what_goes_along_is_told_of_every_record_and_comes_with_the_files(
    mixed: Workspace, tmp_path: Path, splits: Splits
) -> None:
    companion = Companion()
    made = mixed.exports.write(plan(splits=splits), tmp_path, "mine", along=companion)
    assert made.preflight is not None
    assert len({told[2] for told in companion.told}) == made.preflight.total == 15
    (about,) = by_kind(made, "about")
    assert about.path.read_text() == "15"


fields = st.dictionaries(st.sampled_from(["question", "answer", "system"]), st.text(max_size=4), max_size=3)
turns = st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text("a ", max_size=2)), max_size=4)
records = st.one_of(
    st.tuples(st.just(OWN), fields),
    st.tuples(st.just(TASKS), st.builds(task, st.text("abc ", max_size=5))),
    st.tuples(
        st.just(DIALOGUES),
        st.builds(lambda some: {"conversation": [{"role": role, "value": text} for role, text in some]}, turns),
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    made=st.lists(records, max_size=8),
    skeletons=st.integers(0, 2),
    format_name=st.sampled_from(sorted(EXPORTERS)),
    splits=st.sampled_from([Splits(), THIRDS, Splits(9, 1, 0, stratify="run")]),
    leave_out=st.sampled_from([(), (Severity.DROPPED,), tuple(Severity)]),
)
def test_used_and_left_out_are_all_that_was_found(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[str, Fields]],
    skeletons: int,
    format_name: str,
    splits: Splits,
    leave_out: tuple[Severity, ...],
) -> None:
    folder = tmp_path_factory.mktemp("w")
    workspace = Workspace(folder / "workspace", create=True)
    for number, (generator, one) in enumerate(made):
        put(workspace, [one], generator, ids=[f"R{number}"])
    put(workspace, [dialogue("Open")] * skeletons, DIALOGUES, stage="skeleton", ids=[f"S{n}" for n in range(skeletons)])
    chosen = plan(format=format_name, splits=splits, leave_out=leave_out)
    found = workspace.exports.preflight(chosen)
    assert found.total + found.left_out == found.found == len(made) + skeletons
    if found.total:
        export = workspace.exports.write(chosen, folder, "x")
        assert export.preflight == found
        assert sum(file.records for file in by_kind(export, "data")) == found.total
        assert sum(len(lines(file.path)) for file in by_kind(export, "left out")) == found.left_out
        if format_name not in ("csv", "parquet"):
            assert sum(len(lines(file.path)) for file in by_kind(export, "data")) == found.total
    else:
        with pytest.raises(UsageError):
            workspace.exports.write(chosen, folder, "x")
    workspace.close()


def test_what_is_written_meanwhile_is_not_in_the_export(
    mixed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_RECORDS", 3)

    def meddle(stage: Stage) -> None:
        first = next(mixed.records.stream(Query(generators=(DIALOGUES,))))
        last = next(mixed.records.stream(Query(generators=(OWN,))))
        mixed.review.edit(first.id, {"category": "Changed"}, base_revision=first.revision, author="Ada")
        mixed.review.edit(last.id, {"answer": "Changed"}, base_revision=last.revision, author="Ada")
        mixed.review.add(task("New"), generator=TASKS, author="Ada")

    monkeypatch.setattr("dataflow_core.exporting.passes._TOLD_EVERY", 0.0)
    before = mixed.exports.preflight(plan())
    made = mixed.exports.write(plan(splits=THIRDS), tmp_path, "mine", meddle)
    written = "".join(file.path.read_text() for file in made.files)
    assert "Changed" not in written
    assert "New" not in written
    assert made.preflight is not None
    assert (made.preflight.found, made.preflight.total) == (before.found, before.total)


def test_records_with_very_long_texts_are_read_a_few_at_a_time(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, [{"text": str(number) * 1_000_000} for number in range(5)], OWN)
    with reading.reading(workspace.database, plan()) as reader:
        assert [len(chunk) for chunk in reader.chunks()] == [2, 2, 1]
    made = workspace.exports.write(plan(), tmp_path, "mine")
    assert [line["text"][0] for line in lines(made.files[0].path)] == list("01234")


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


@pytest.mark.parametrize("name", [".hidden", "w" * 300, "é" * 100, "a\nb [*]?", "/..", "  . x", ""])
def test_a_workspace_of_any_name_has_one_for_its_exports(name: str) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5)
    assert check_name(default_name(name, at)) == default_name(name, at)


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


@pytest.mark.parametrize("name", ["a" * 250 + ".jsonl", "a" * 300 + ".jsonl"])
def test_a_name_that_no_file_can_have_is_refused(mixed: Workspace, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        mixed.exports.write_file(plan(), tmp_path / name)
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".jsonl", ".partial")]


def test_a_limit_of_tokens_is_a_cut_and_counted(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, [{"instruction": "a b c", "output": "d"}, {"instruction": "a b c d e", "output": "f"}], OWN)
    limit = TokenLimit(5, str(word_tokenizer(tmp_path / "tokenizer.json")))
    found = workspace.exports.preflight(plan(format="openai", limit=limit))
    assert (found.total, found.by_rule, found.tokens) == (2, {"too-long": 1}, (4, 4, 6))
    (concern,) = found.concerns
    assert concern.severity is Severity.CUT
    assert "6 tokens" in concern.message
    strict = plan(format="openai", limit=limit, leave_out=(Severity.CUT,))
    assert workspace.exports.preflight(strict).left_out == 1


def test_fields_are_chosen_by_generator(workspace: Workspace) -> None:
    put(workspace, [{"a": "One", "b": "Two", "c": "Three"}], OWN)
    chosen = plan(format="alpaca", fields={OWN: FieldChoice(instruction="c", output="a")})
    (row,) = workspace.exports.preview(chosen)[OWN]
    assert (row["instruction"], row["output"]) == ("Three", "One")

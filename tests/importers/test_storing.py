"""Imports as they are stored: all or nothing, then records like any others."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from dataflow_core.errors import DiskFullError, ReadError, UsageError
from dataflow_core.importers.base import ImportMapping, ReadSoFar
from dataflow_core.importers.making import DIALOGUES, OWN, TASKS
from dataflow_core.models import ReviewStatus, RevisionKind, RunKind, RunState
from dataflow_core.reviewing import rechecking
from dataflow_core.storage import importing
from dataflow_core.storage.fulltext import text_of
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import records
from dataflow_core.workspace import Workspace
from tests.processes import wait_until
from tests.record_makers import make_tasks, record_at, task_fields

TURNS = [{"role": "user", "value": "Where is the harbour?"}, {"role": "assistant", "value": "Down the hill."}]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "workspace", create=True)
    yield opened
    opened.close()


def lines(folder: Path, rows: list[Any], name: str = "data.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def imported(workspace: Workspace, path: Path, **options: Any) -> Any:
    mapping = workspace.imports.recognise(path, path.name).mapping
    return workspace.imports.store(path, path.name, mapping, **options)


def found(workspace: Workspace, query: Query) -> list[int]:
    return list(workspace.records.numbers(query))


def everything(workspace: Workspace) -> list[int]:
    return list(workspace.records.numbers(Query(statuses=tuple(ReviewStatus))))


def test_an_import_is_a_finished_run_whose_records_wait_for_review(workspace: Workspace, tmp_path: Path) -> None:
    run = imported(workspace, lines(tmp_path, [task_fields(number) for number in range(3)]))
    assert (run.kind, run.state, run.name, run.generator) == (RunKind.IMPORT, RunState.FINISHED, "data.jsonl", TASKS)
    stored = workspace.records.page(found(workspace, Query(runs=(run.id,))))
    assert [record.fields for record in stored] == [task_fields(number) for number in range(3)]
    assert {record.status for record in stored} == {ReviewStatus.UNREVIEWED}
    assert [record.input_id for record in stored] == [None] * 3
    (revision,) = workspace.records.history(stored[0].id)
    assert revision.kind is RevisionKind.IMPORTED
    assert len({record.id for record in stored}) == 3


def test_one_bad_line_and_nothing_is_stored(workspace: Workspace, tmp_path: Path) -> None:
    path = lines(tmp_path, [task_fields(1), "broken", task_fields(2)])
    with pytest.raises(ReadError, match=r"Nothing of data.jsonl was imported. Line 2 is not valid JSON"):
        imported(workspace, path)
    assert everything(workspace) == []
    assert workspace.runs.with_records() == []


def test_bad_lines_can_be_left_out_and_are_kept_with_their_reasons(workspace: Workspace, tmp_path: Path) -> None:
    long = "x" * 5_000
    path = lines(tmp_path, [task_fields(1), "", f"broken {long}", {"atom_task": 5}, task_fields(2)])
    mapping = workspace.imports.recognise(path, path.name).mapping
    checked = workspace.imports.check(path, path.name, mapping)
    assert (checked.records, checked.problems, checked.blank) == (2, 2, 1)
    run = workspace.imports.store(path, path.name, mapping, skip_bad=True)
    assert len(everything(workspace)) == 2
    first, second = workspace.runs.source_lines(run.id)
    assert (first.line, first.text) == (3, f"broken {long}")
    assert second.reason.startswith("Line 4 has ")
    assert run.source["lines"] == 5
    out = tmp_path / "problems.jsonl"
    assert workspace.imports.write_problems(path, path.name, mapping, out) == 2
    told = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert (told[0]["line"], told[0]["text"]) == (3, f"broken {long}")


def test_a_file_without_one_usable_line_is_refused_even_so(workspace: Workspace, tmp_path: Path) -> None:
    path = lines(tmp_path, [{"x": 1}])
    mapping = ImportMapping(DIALOGUES, {"conversation": "x"})
    with pytest.raises(ReadError, match="Nothing in data"):
        workspace.imports.store(path, path.name, mapping, skip_bad=True)
    assert workspace.runs.with_records() == []


def test_imported_records_are_found_edited_decided_and_undone_like_others(workspace: Workspace, tmp_path: Path) -> None:
    imported(workspace, lines(tmp_path, [{"messages": [{"role": "user", "content": "Where is the harbour?"},
        {"role": "assistant", "content": "Down the hill."}]}]))  # fmt: skip
    (number,) = workspace.records.numbers(Query(text="harb"))
    record = record_at(workspace, number)
    assert workspace.records.findings(record.id) is not None
    changed = {"conversation": [TURNS[0], TURNS[1] | {"value": "By the sea."}]}
    workspace.review.edit(record.id, changed, base_revision=1, author="Ann")
    workspace.review.decide({record.id: 2}, ReviewStatus.ACCEPTED, reviewer="Ann")
    assert found(workspace, Query(text="sea")) == [number]
    assert found(workspace, Query(text="hill")) == []
    assert record_at(workspace, number).is_edited
    for _ in range(2):
        workspace.review.undo_last("Ann")
    back = record_at(workspace, number)
    assert (back.status, back.is_edited, back.fields["conversation"]) == (ReviewStatus.UNREVIEWED, False, TURNS)


def test_a_record_edited_before_it_was_indexed_is_found_by_its_new_text_alone(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflow_core.importers.imports._INDEXED_AT_ONCE", 0)
    monkeypatch.setattr(workspace.imports, "index", lambda: None)
    imported(workspace, lines(tmp_path, [{"text": "apple"}, {"text": "pear"}]))
    assert workspace.imports.unindexed() == 2
    assert found(workspace, Query(text="apple")) == []
    workspace.review.edit(record_at(workspace, 1).id, {"text": "plum"}, base_revision=1, author="Ann")
    assert workspace.imports.unindexed() == 1
    rechecking.recheck(workspace.database)
    assert workspace.imports.unindexed() == 0
    assert found(workspace, Query(text="plum")) == [1]
    assert found(workspace, Query(text="pear")) == [2]
    assert found(workspace, Query(text="apple")) == []


def test_what_was_searched_and_sorted_while_records_were_indexed_is_asked_anew_at_the_end(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflow_core.importers.imports._INDEXED_AT_ONCE", 0)
    monkeypatch.setattr(workspace.imports, "index", lambda: None)
    monkeypatch.setattr("dataflow_core.storage.columns._MARGIN", 0.0)
    imported(workspace, lines(tmp_path, [{"text": "pear apple"}, {"text": "apple"}]))
    workspace.review.decide({record_at(workspace, 2).id: 1}, ReviewStatus.ACCEPTED, reviewer="Ann")
    asked = (Query(text="apple"), Query(sort="first text"))
    assert [found(workspace, query) for query in asked] == [[], [1, 2]]
    version = workspace.records.version()
    rechecking.recheck(workspace.database)
    assert workspace.records.version() != version  # by which pages know what they may show again
    assert [found(workspace, query) for query in asked] == [[1, 2], [2, 1]]


def test_an_import_larger_than_what_is_there_leaves_all_indexes(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_FEW", 5)
    monkeypatch.setattr(importing, "_ROWS", 4)
    before = {index["name"] for index in inspect(workspace.database._engine).get_indexes("records")}
    make_tasks(workspace, 7)
    dropped = []
    drop = importing.ImportWriter._drop_indexes

    def noted(writer: importing.ImportWriter) -> None:
        dropped.append(writer.stored)
        drop(writer)

    monkeypatch.setattr(importing.ImportWriter, "_drop_indexes", noted)
    imported(workspace, lines(tmp_path, [task_fields(number) for number in range(50)]))
    assert dropped == [8]
    assert {index["name"] for index in inspect(workspace.database._engine).get_indexes("records")} == before
    assert len(everything(workspace)) == 57
    with workspace.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_there_is_nothing_to_run_of_an_import(workspace: Workspace, tmp_path: Path) -> None:
    run = imported(workspace, lines(tmp_path, [task_fields(1)]))
    for what in (
        lambda: workspace.start(run.id),
        lambda: workspace.retry(run.id),
        lambda: workspace.enqueue(run),
        lambda: workspace.runs.ask(run.id, "cancel"),
        lambda: workspace.runs.claim(run.id),
    ):
        with pytest.raises(UsageError, match="was imported"):
            what()
    assert workspace.runs.all() == []
    assert [one.id for one in workspace.runs.with_records()] == [run.id]
    assert workspace.runs.get(run.id).state is RunState.FINISHED


@pytest.mark.parametrize(
    "fields",
    [
        {"category": "a", "conversation": TURNS},
        {"a": "x", "n": -12, "none": None, "list": ["a", ["b", {"c": 1.5}]], "flag": True},
        {"conversation": "text"},
        {"conversation": [{"role": "user", "value": 5}]},
        {"a": ""},
    ],
)
def test_the_length_is_that_of_the_texts(fields: dict[str, Any]) -> None:
    assert importing._length(fields) == len(text_of(fields))


def test_progress_tells_how_far_a_file_has_been_read(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflow_core.importers.reading._EVERY", 0)
    monkeypatch.setattr("dataflow_core.importers.reading._LOOK", 100)
    monkeypatch.setattr(workspace.imports, "index", lambda: None)
    path = lines(tmp_path, [{"a": "x" * 500, "n": number} for number in range(3_000)])
    told: list[ReadSoFar] = []
    workspace.imports.check(path, path.name, ImportMapping(OWN), told.append)
    shares = [one.share for one in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert told[-1].records == 3_000
    assert len(told) > 10


_KILLED = """
import sys
from pathlib import Path
from dataflow_core.importers.base import ImportMapping
from dataflow_core.storage import importing
from dataflow_core.workspace import Workspace

store = importing.ImportWriter._store
def told(self, chunk):
    store(self, chunk)
    print(self.stored, flush=True)
importing.ImportWriter._store = told
workspace = Workspace(Path(sys.argv[1]))
workspace.imports.store(Path(sys.argv[2]), "data.jsonl", ImportMapping("GeneratorTask"))
"""


def test_an_import_that_is_killed_leaves_nothing(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 3)
    path = lines(tmp_path, [{"a": "x" * 400, "n": number} for number in range(60_000)])
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", _KILLED, str(workspace.folder), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 8_000:  # the indexes are dropped by then
        pass
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    assert everything(workspace) == [1, 2, 3]
    assert workspace.runs.with_records() == []
    there = {index["name"] for index in inspect(workspace.database._engine).get_indexes("records")}
    assert there == {index.name for index in records.indexes}
    run = imported(workspace, lines(tmp_path, [task_fields(9)], "small.jsonl"))
    assert workspace.records.count(Query(runs=(run.id,))) == 1


def test_a_small_import_does_not_wait_for_a_larger_one_that_is_still_being_indexed(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("dataflow_core.importers.imports._INDEXED_AT_ONCE", 3)
    monkeypatch.setattr(workspace.imports, "index", lambda: asked.append(workspace.imports.unindexed()))
    imported(workspace, lines(tmp_path, [{"text": "apple"}] * 4))
    imported(workspace, lines(tmp_path, [{"text": "pear"}]))
    assert asked == [4, 5]


def test_a_large_import_is_indexed_by_a_process_of_its_own(workspace: Workspace, tmp_path: Path) -> None:
    run = imported(workspace, lines(tmp_path, [{"a": f"word{number}"} for number in range(600)]))
    wait_until(lambda: workspace.imports.unindexed() == 0)
    assert workspace.records.count(Query(runs=(run.id,), text="word599")) == 1


def test_what_the_database_cannot_store_ends_the_import_and_leaves_nothing(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, before = importing.ImportWriter._insert, sys.getswitchinterval()

    def full(writer: importing.ImportWriter, *chunk: Any) -> None:
        if writer.stored > 2_000:
            raise OperationalError("INSERT", None, sqlite3.OperationalError("database or disk is full"))
        insert(writer, *chunk)

    monkeypatch.setattr(importing.ImportWriter, "_insert", full)
    with pytest.raises(DiskFullError):
        imported(workspace, lines(tmp_path, [task_fields(number) for number in range(7_000)]))
    assert everything(workspace) == []
    assert workspace.runs.with_records() == []
    assert sys.getswitchinterval() == before
    monkeypatch.undo()
    run = imported(workspace, lines(tmp_path, [task_fields(1)]))
    assert workspace.records.count(Query(runs=(run.id,))) == 1

"""How Review's work grows with the records, at 1/50 of the size that its figures are promised for.

Counted are the steps of SQLite's virtual machine, which do not depend on the machine nor on who else uses it, and it
is read off SQLite's plans that nothing goes through what records say, or sorts where an index has the order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import event

from benchmarks import review
from benchmarks.review_cases import Line, filters, texts
from benchmarks.review_workspace import make
from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query, Sort
from dataflow_core.storage.records import RecordStore
from dataflow_core.workspace import Workspace

FEW, MANY = 5_000, 20_000
_EVERY = 10  # steps between two looks
Workspaces = dict[int, Workspace]

COUNTS: dict[str, Callable[[RecordStore, Query], Any]] = {
    "all": RecordStore.count,
    "status": RecordStore.count_by_status,
    "finding": RecordStore.count_by_finding,
    "tag": RecordStore.count_by_tag,
    **{
        facet: (lambda records, query, facet=facet: records.count_by(facet, query))  # type: ignore[misc]
        for facet in ("runs", "generators", "models", "intents", "reviewers", "reasons")
    },
}


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspaces]:
    folder = tmp_path_factory.mktemp("review")
    made = {count: make(folder / str(count), count) for count in (FEW, MANY)}
    yield made
    for workspace in made.values():
        workspace.close()


def all_queries(workspace: Workspace) -> dict[str, Query]:
    run = workspace.runs.all()[0].id
    found = filters() | texts() | {f"sort {sort}": Query(sort=sort) for sort in get_args(Sort)}
    return {name: replace(query, runs=(run,)) if query.runs else query for name, query in found.items()}


def anew(workspace: Workspace) -> RecordStore:
    """As in a process that has listed and counted nothing yet."""
    return RecordStore(workspace.database)


def decide(workspace: Workspace, number: int) -> None:
    record = workspace.records.page([number])[0]
    workspace.review.decide({record.id: record.revision}, ReviewStatus.FLAGGED, reviewer="A")


def steps(workspace: Workspace, do: Callable[[], Any]) -> int:
    seen = 0

    def look() -> int:
        nonlocal seen
        seen += 1
        return 0

    def watch(connection: Any, *_: object) -> None:
        connection.set_progress_handler(look, _EVERY)

    engine = workspace.database._engine
    event.listen(engine, "checkout", watch)
    try:
        do()
    finally:
        event.remove(engine, "checkout", watch)
    return seen * _EVERY


def plans(workspace: Workspace, do: Callable[[], Any]) -> list[str]:
    """What SQLite says about how it goes about the statements that are executed."""
    seen: list[tuple[str, Any]] = []
    engine = workspace.database._engine

    @contextmanager
    def listening() -> Iterator[None]:
        def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
            seen.append((statement, parameters))

        event.listen(engine, "before_cursor_execute", note)
        yield
        event.remove(engine, "before_cursor_execute", note)

    with listening():
        do()
    with workspace.database.read() as connection:
        return [
            row[3]
            for statement, parameters in seen
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


def test_lists_are_made_from_indexes_alone_and_read_no_text(workspaces: Workspaces) -> None:
    workspace = workspaces[MANY]
    for name, query in all_queries(workspace).items():
        plan = plans(workspace, lambda query=query: anew(workspace).numbers(query))  # type: ignore[misc]
        assert not [line for line in plan if "revisions" in line or line == "SCAN records"], name


def test_nothing_is_sorted_that_an_index_has_in_order(workspaces: Workspaces) -> None:
    workspace = workspaces[MANY]
    for name, query in all_queries(workspace).items():
        plan = plans(workspace, lambda query=query: anew(workspace).numbers(query))  # type: ignore[misc]
        assert not [line for line in plan if "TEMP B-TREE" in line], (name, plan)


def test_counts_are_made_from_indexes_alone_and_read_no_text(workspaces: Workspaces) -> None:
    workspace = workspaces[MANY]
    for query in (Query(), filters()["model"], filters()["status"], filters()["finding"], *texts().values()):
        for name, count in COUNTS.items():
            plan = plans(workspace, lambda query=query, count=count: count(anew(workspace), query))  # type: ignore[misc]
            assert not [line for line in plan if "revisions" in line or line == "SCAN records"], (name, query)


def test_lists_and_counts_take_at_most_as_many_more_steps_as_there_are_more_records(workspaces: Workspaces) -> None:
    def each(workspace: Workspace) -> dict[str, int]:
        queries = all_queries(workspace)
        taken = {
            name: steps(workspace, lambda query=query: anew(workspace).numbers(query))  # type: ignore[misc]
            for name, query in queries.items()
        }
        for name, count in COUNTS.items():
            taken[f"counted by {name}"] = steps(workspace, lambda count=count: count(anew(workspace), Query()))  # type: ignore[misc]
        return taken

    few, many = each(workspaces[FEW]), each(workspaces[MANY])
    for name, taken in many.items():
        assert taken <= 1.25 * MANY / FEW * few[name] + 1_000, name
        assert taken <= 60 * MANY, name


def test_asked_again_also_after_a_decision_they_take_no_more_steps_among_more_records(workspaces: Workspaces) -> None:
    def each(workspace: Workspace) -> dict[str, int]:
        records = workspace.records
        asked: dict[str, Callable[[], Any]] = {
            f"list, {name}": lambda query=query: records.numbers(query)  # type: ignore[misc]
            for name, query in all_queries(workspace).items()
            if query.sort != "recently changed"  # which a decision is a change of
        }
        for name, count in COUNTS.items():
            asked[f"counted by {name}"] = lambda count=count: count(records, filters()["model"])  # type: ignore[misc]
        taken: dict[str, int] = {}
        time.sleep(0.2)  # what was changed a moment ago is read again
        decide(workspace, 1)
        for number, (name, ask) in enumerate(asked.items(), start=2):
            ask()
            decide(workspace, number)
            taken[name] = steps(workspace, ask)
        return taken

    few, many = each(workspaces[FEW]), each(workspaces[MANY])
    for name, taken in many.items():
        assert taken <= few[name] + 300, name


def test_a_page_an_edit_and_a_decision_take_no_more_steps_among_more_records(workspaces: Workspaces) -> None:
    def each(workspace: Workspace) -> dict[str, int]:
        numbers = workspace.records.numbers(Query())
        middle = numbers[len(numbers) // 2 :][:100]
        record = workspace.records.page(middle[:1])[0]
        changes = {next(name for name, value in record.fields.items() if isinstance(value, str)): "Another text"}
        edit = workspace.review.edit
        decide = workspace.review.decide
        return {
            "page": steps(workspace, lambda: workspace.records.page(middle)),
            "version": steps(workspace, workspace.records.version),
            "edit": steps(workspace, lambda: edit(record.id, changes, base_revision=record.revision, author="A")),
            "decision": steps(workspace, lambda: decide({record.id: 2}, ReviewStatus.FLAGGED, reviewer="A")),
            "undo": steps(workspace, lambda: workspace.review.undo_last("A")),
        }

    few, many = each(workspaces[FEW]), each(workspaces[MANY])
    for name, taken in many.items():
        assert taken <= few[name] + 300, name


def test_a_decision_on_all_and_its_undo_take_as_many_steps_a_record_among_more_records(workspaces: Workspaces) -> None:
    def each(workspace: Workspace) -> dict[str, float]:
        bulk, numbers = workspace.bulk, workspace.records.numbers(Query())
        plan = bulk.decide(numbers, ReviewStatus.FLAGGED, reviewer="A", listed_at=time.time())
        decided = steps(workspace, lambda: bulk.execute(plan.number))
        undo = bulk.undo(plan.number, author="A")
        undone = steps(workspace, lambda: bulk.execute(undo.number))
        assert bulk.get(undo.number).touched == bulk.get(plan.number).touched > len(numbers) * 0.9
        return {"decided": decided / len(numbers), "undone": undone / len(numbers)}

    few, many = each(workspaces[FEW]), each(workspaces[MANY])
    for name, taken in many.items():
        assert taken <= 1.25 * few[name], name


def test_the_benchmark_itself_measures_and_keeps_its_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["--records", "1000", "--keep", str(tmp_path / "kept"), "--only", "opening", "--only", "bulk"]
    assert review.main(few) == 0
    said = capsys.readouterr()
    assert "| the next page of 100 | ≤ 300 ms |" in said.out
    assert "| accepting all 1,000 | ≤ 60 s |" in said.out
    assert "1,000 records made" in said.err
    assert review.main(["--records", "1001", "--keep", str(tmp_path / "kept")]) == 1
    assert "has 1,000 records, not 1,001" in capsys.readouterr().err


def test_a_file_without_the_benchmarks_markers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("<!-- benchmark:runs -->\n<!-- /benchmark -->\n")
    assert review.main(["--write", str(tmp_path / "README.md")]) == 1
    assert review.BEGIN in capsys.readouterr().err


def test_the_short_table_has_the_slowest_of_what_is_alike() -> None:
    lines = {
        "filters": [
            Line(name, "≤ 600 ms", "", "", "", True, seconds) for name, seconds in (("run", 0.1), ("model", 0.4))
        ],
        "writes": [Line(name, "≤ 500 ms", "", "", "", True, 0.1) for name in ("an edit", "a decision")],
    }
    work = [line.work for line in review.short(lines)]
    assert work == ["any one filter, the slowest of 2: model", "an edit", "a decision"]

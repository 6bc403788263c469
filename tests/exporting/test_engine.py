"""Exports as a whole: nothing is dropped without a word, and files are there whole or not at all."""

from __future__ import annotations

import hashlib
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

from dataflow_core.errors import UsageError
from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import Content, FieldChoice, Severity
from dataflow_core.exporting import reading
from dataflow_core.exporting.names import check_name, default_name
from dataflow_core.exporting.plan import (
    MOST_CONCERNS,
    ExportFile,
    ExportPlan,
    Preflight,
    Splits,
    Stage,
    TokenLimit,
)
from dataflow_core.models import Fields, ReviewStatus
from dataflow_core.storage.contents import Snapshot
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.exporting.records import DIALOGUES, OWN, TASKS, THIRDS, by_kind, dialogue, lines, plan, put, task
from tests.exporting.tokenizers_of_words import word_tokenizer

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("name", [".hidden", "w" * 300, "é" * 100, "a\nb [*]?", "/..", "  . x", ""])
def test_a_workspace_of_any_name_has_one_for_its_exports(name: str) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5)
    assert check_name(default_name(name, at)) == default_name(name, at)


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

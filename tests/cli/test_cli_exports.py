"""`export` on the command line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from dataflow_core.cli.program import main
from dataflow_core.workspace import Workspace
from tests.exporting.records import DIALOGUES, OWN, TASKS, dialogue, put, task
from tests.exporting.tokenizers_of_words import word_tokenizer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a workspace w, with four tasks, eleven dialogues and one that is not answered to its end."""
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(tmp_path / "w", create=True)
    put(workspace, [task(f"Task {number}.") for number in range(4)], TASKS)
    put(workspace, [dialogue(f"Question {number}?", "Yes.") for number in range(11)], DIALOGUES)
    put(workspace, [dialogue("One?", "Yes.", "Two?")], DIALOGUES)
    workspace.close()
    return tmp_path


def export(*options: str) -> int:
    return main(["export", "--workspace", "w", "--status", "all", *options])


def test_formats_and_compression_go_by_the_name_of_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("--format", "openai", "-o", "all.jsonl.gz") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "4 records in all_tasks.jsonl.gz",
        "11 records in all_dialogues.jsonl.gz",
        "1 record is left out, with the reasons, in all_left_out.jsonl.gz",
    ]
    assert "OpenAI takes files of at least 10 examples, and the file of the tasks has 4." in said
    assert len(gzip.decompress((folder / "all_tasks.jsonl.gz").read_bytes()).splitlines()) == 4
    assert export("-o", "table.parquet", "--no-provenance") == 0
    assert pyarrow.parquet.read_table(folder / "table_tasks.parquet").column_names == list(task(""))
    assert export("-o", "table.csv") == 0
    assert (folder / "table_dialogues.csv").read_bytes().startswith(b'\xef\xbb\xbf"category"')
    assert export("-o", "plain.csv", "--no-bom") == 0
    assert (folder / "plain_dialogues.csv").read_bytes().startswith(b'"category"')
    assert export("--zstd", "-o", "packed.jsonl") == 0
    assert (folder / "packed_tasks.jsonl.zst").exists()


def test_a_check_writes_nothing_and_says_what_would_be_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.iterdir())
    assert export("--format", "sharegpt", "--check", "--split", "80/20") == 3
    said = capsys.readouterr().out
    assert "4 tasks as sharegpt: 3 train, 1 validation" in said
    assert "1 record is left out." in said
    assert "record 16: " in said
    assert sorted(folder.iterdir()) == before
    assert main(["export", "--workspace", "w", "--check"]) == 3
    assert "No record matches." in capsys.readouterr().out


def test_a_check_writes_every_record_that_it_tells_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("--format", "openai", "--check", "--problems", "all.jsonl") == 3
    assert "1 line with the reasons in all.jsonl." in capsys.readouterr().out
    (only,) = map(json.loads, (folder / "all.jsonl").read_text().splitlines())
    assert (only["number"], only["kind"], only["severity"]) == (16, "dialogues", "refused")
    assert export("-o", "x.jsonl", "--problems", "all.jsonl") == 2
    assert "--problems goes with --check" in capsys.readouterr().err
    assert export("--check", "--problems", "not/there.jsonl") == 2


def test_a_check_of_what_can_all_be_used_ends_with_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(tmp_path / "w", create=True)
    put(workspace, [task("Task.")], TASKS)
    workspace.close()
    assert export("--check") == 0


def test_splits_become_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("--split", "2:1:1", "--seed", "7", "--stratify", "intent", "-o", "x.jsonl") == 0
    counts = {path.stem: len(path.read_text().splitlines()) for path in folder.glob("x_*.jsonl")}
    assert counts["x_tasks_train"] + counts["x_tasks_validation"] + counts["x_tasks_test"] == 4
    assert counts["x_left_out"] == 1
    capsys.readouterr()
    assert export("--split", "1:1", "-o", "x.jsonl") == 0
    assert f"Removed {folder / 'x_tasks_test.jsonl'}: it was of an earlier export" in capsys.readouterr().out
    assert not list(folder.glob("x_*_test.jsonl"))


def test_fields_and_a_limit_of_tokens_are_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(folder / "w")
    put(workspace, [{"a": "one two", "b": "three"}], OWN)
    run = ["--format", "alpaca", "--instruction-field", "b", "--output-field", "a"]
    limit = ["--token-limit", "2", "--tokenizer", str(word_tokenizer(folder / "tokenizer.json"))]
    assert export(*run, *limit, "--check") == 3
    said = capsys.readouterr().out
    assert "too-long" in said
    assert "Tokens of an example" in said
    assert export(*run, "-o", "x.jsonl") == 0
    (line,) = (folder / "x_records.jsonl").read_text().splitlines()
    assert (json.loads(line)["instruction"], json.loads(line)["output"]) == ("three", "one two")
    workspace.close()


def test_what_has_problems_is_included_when_asked_for(folder: Path) -> None:
    assert export("--format", "sharegpt", "--include-problems", "-o", "x.jsonl") == 0
    assert len((folder / "x_dialogues.jsonl").read_text().splitlines()) == 12
    assert not (folder / "x_left_out.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "Say where to with -o FILE"),
        (["-o", "x.csv", "--format", "openai"], "is not called .csv"),
        (["-o", "x.jsonl.gz", "--zstd"], "as if it were compressed otherwise"),
        (["-o", "x.parquet", "--gzip"], "compressed inside already"),
        (["-o", "x.jsonl", "--stratify", "run"], "--stratify is about splits"),
        (["-o", "x.jsonl", "--split", "1/1", "--similarity", "0.1"], "similarity"),
        (["-o", "x.jsonl", "--token-limit", "-5"], "--token-limit is a number of tokens"),
        (["-o", "nowhere/x.jsonl"], "does not exist"),
    ],
)
def test_options_that_do_not_go_together_are_said(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], complaint: str
) -> None:
    assert export(*options) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("shares", ["90", "a/b", "0/0", "1/2/3/4", "-1/2"])
def test_shares_that_are_none_are_said(folder: Path, capsys: pytest.CaptureFixture[str], shares: str) -> None:
    with pytest.raises(SystemExit):
        export("-o", "x.jsonl", f"--split={shares}")
    assert "is no shares of train, validation and test" in capsys.readouterr().err

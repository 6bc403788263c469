"""The command line's verb `import`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataflow_core.cli.program import main
from dataflow_core.models import Fields, RunKind
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.scripted_endpoint import Reply, ScriptedEndpoint

CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAFLOW_HOME", str(tmp_path / "home"))
    return tmp_path


def written(*rows: Any) -> str:
    Path("in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return "in.jsonl"


def stored() -> list[Fields]:
    workspace = Workspace(Path("w"))
    found = [record.fields for record in workspace.records.stream(Query())]
    workspace.close()
    return found


def test_a_file_is_imported_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", written(CHAT, CHAT), "--workspace", "w"]) == 0
    said = capsys.readouterr()
    assert said.err == "in.jsonl: OpenAI messages.\n"
    assert said.out.startswith("2 records in ")
    assert main(["runs", "--workspace", "w"]) == 0
    assert "imported          2 records  in.jsonl" in capsys.readouterr().out


def test_nothing_is_imported_of_a_file_with_a_bad_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", written(CHAT, CHAT, {"messages": []}), "--workspace", "w"]) == 2
    assert "Nothing of in.jsonl was imported. Line 3 has an empty conversation" in capsys.readouterr().err
    assert stored() == []


def test_bad_lines_are_left_out_if_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--skip-bad", "--problems", "bad.jsonl", "--workspace", "w"]
    assert main(["import", written(CHAT, CHAT, {"messages": []}), *options]) == 3
    assert "1 line cannot be used and was left out." in capsys.readouterr().out
    assert len(stored()) == 2
    (told,) = (json.loads(line) for line in Path("bad.jsonl").read_text(encoding="utf-8").splitlines())
    assert told["line"] == 3
    assert json.loads(told["text"]) == {"messages": []}


def test_a_file_can_be_checked_without_storing_anything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", written(CHAT, CHAT, {"messages": []}), "--check", "--workspace", "w"]) == 3
    assert "2 records could be imported; 1 line cannot be used." in capsys.readouterr().out
    assert stored() == []


def test_columns_are_taken_as_the_options_say() -> None:
    row = {"q": "Hi", "a": "Hello", "n": 1}
    options = ["--as", "dialogues", "--map", "user=q", "--map", "assistant=a", "--workspace", "w"]
    assert main(["import", written(row), *options, "--quiet"]) == 0
    turns = [{"role": "user", "value": "Hi"}, {"role": "assistant", "value": "Hello"}]
    assert stored() == [{"category": "", "conversation": turns, "n": 1}]


def test_a_dialogue_can_be_taken_as_a_record_of_ones_own() -> None:
    assert main(["import", written(CHAT), "--as", "records", "--workspace", "w", "--quiet"]) == 0
    assert stored() == [CHAT]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--map", "nonsense"], "PART=COLUMN"),
        (["--map", "user=nothing"], "There is no column 'nothing'"),
        (["--map", "hat=q"], "There is no part 'hat'"),
        (["--as", "tasks"], "Say which column holds the atom task"),
        (["--reanswer"], "Only dialogues can be answered anew"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = [] if "--reanswer" in options or "--as" in options else ["--as", "dialogues"]
    assert main(["import", written({"q": "Hi", "b": "x"}), *kind, *options, "--workspace", "w"]) == 2
    assert says in capsys.readouterr().err


def test_a_file_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "nothing.jsonl", "--workspace", "w"]) == 2
    assert "nothing.jsonl is no file" in capsys.readouterr().err


def test_imported_dialogues_are_answered_anew_keeping_the_users_turns() -> None:
    with ScriptedEndpoint(lambda _: Reply(json.dumps({"answers": ["Good day to you."]}))) as endpoint:
        options = ["--reanswer", "--model", "m", "--base-url", endpoint.url, "--workspace", "w", "--quiet"]
        assert main(["import", written(CHAT), *options]) == 0
    workspace = Workspace(Path("w"))
    answered, imported = workspace.runs.with_records()
    assert (answered.kind, imported.kind) == (RunKind.GENERATE, RunKind.IMPORT)
    (record,) = workspace.records.stream(Query(runs=(answered.id,)))
    assert [turn["value"] for turn in record.fields["conversation"]] == ["Hi", "Good day to you."]
    workspace.close()

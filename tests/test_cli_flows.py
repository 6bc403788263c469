"""The command line's saved runs and pipelines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataflow_core.cli import main
from dataflow_core.workspace import Workspace
from tests.scripted_endpoint import ScriptedEndpoint, para_seq_replies


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAFLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "in.jsonl").write_text('{"atom_task": "Water the plants."}\n{"atom_task": "Feed the cat."}\n')
    return tmp_path


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def saved(endpoint: ScriptedEndpoint) -> None:
    """Leave run.yaml, of a run over in.jsonl, and first.jsonl, its records."""
    run = ["paraseq", "in.jsonl", "-o", "first.jsonl", "--workspace", "w", "--quiet"]
    assert main([*run, "--model", "m", "--base-url", endpoint.url]) == 0
    workspace = Workspace(Path("w"))
    (one,) = workspace.runs.all()
    workspace.close()
    assert main(["save", one.id, "-o", "run.yaml", "--workspace", "w"]) == 0


def test_a_saved_run_is_run_again_with_the_same_calls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        saved(endpoint)
        assert "Run it again with: python -m dataflow_core again run.yaml" in capsys.readouterr().out
        before = sorted(json.dumps(call.body) for call in endpoint.chats)
        endpoint.calls.clear()
        assert main(["again", "run.yaml", "-o", "second.jsonl", "--workspace", "other"]) == 0
        assert sorted(json.dumps(call.body) for call in endpoint.chats) == before
        said = capsys.readouterr()
    assert f"2 inputs from run.yaml. They go to m at {endpoint.url}, without a key." in said.err
    assert said.out.splitlines()[-1] == "2 records in second.jsonl, 0 failures"
    first, second = ({json.dumps(line) for line in lines(folder / f"{name}.jsonl")} for name in ("first", "second"))
    assert first == second


def test_again_takes_another_model_and_a_limit(folder: Path) -> None:
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        saved(endpoint)
        endpoint.calls.clear()
        again = ["again", "run.yaml", "-o", "second.jsonl", "--workspace", "other", "--quiet"]
        assert main([*again, "--model", "another", "--limit", "1"]) == 0
        assert [call.body["model"] for call in endpoint.chats] == ["another"]
    assert len(lines(folder / "second.jsonl")) == 1


def test_a_file_that_is_no_saved_run_is_a_usage_error_and_makes_no_workspace(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["again", "in.jsonl", "-o", "out.jsonl", "--workspace", "none"]) == 2
    assert "dataflow_core: in.jsonl" in capsys.readouterr().err
    assert not (folder / "none").exists()


def test_the_saved_run_is_not_written_over_by_its_records(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run.yaml").write_text("")
    assert main(["again", "run.yaml", "-o", "run.yaml"]) == 2
    assert "would be overwritten" in capsys.readouterr().err


def test_other_prompts_have_to_be_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        saved(endpoint)
        text = (folder / "run.yaml").read_text()
        (folder / "run.yaml").write_text(text.replace("prompt_version: para-seq/", "prompt_version: older/"))
        again = ["again", "run.yaml", "-o", "out.jsonl", "--workspace", "other", "--quiet"]
        assert main(again) == 2
        assert "--other-prompts" in capsys.readouterr().err
        assert main([*again, "--other-prompts"]) == 0

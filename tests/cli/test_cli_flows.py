"""The command line's saved runs and pipelines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataflow_core.cli.program import main
from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.scripted_endpoint import Reply, ScriptedEndpoint, para_seq_replies, refusal


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


PIPELINE = """\
name: Garden
workspace: garden
endpoint: {model: m, base_url: URL}
steps:
  - generator: ParaSeqTaskGenerator
    file: in.jsonl
    input_task_key: atom_task
  - export: out.jsonl
    only_accepted: true
"""


def test_a_pipeline_waits_for_the_review_with_status_4_and_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GARDEN_KEY", "sk-garden-0123456789")
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        (folder / "p.yaml").write_text(PIPELINE.replace("URL", f"{endpoint.url}, api_key_env: GARDEN_KEY"))
        assert main(["pipeline", "run", "p.yaml", "--quiet"]) == 4
        said = capsys.readouterr().out
        whom = f"They go to m at {endpoint.url}, with the key in GARDEN_KEY.\n"
        assert f"Step 1 (tasks) begins: 2 of 2 inputs to do.\n{whom}Step 1 (tasks): 2 records.\n" in said
        assert "2 records of step 1 (“in.jsonl”) wait for a review." in said
        calls = len(endpoint.calls)
        workspace = Workspace(folder / "garden")
        records = list(workspace.records.stream(Query()))
        workspace.review.decide({record.id: record.revision for record in records}, ReviewStatus.ACCEPTED, reviewer="A")
        workspace.close()
        assert main(["pipeline", "run", "p.yaml", "--quiet"]) == 0
        assert len(endpoint.calls) == calls
    assert capsys.readouterr().out.splitlines()[-1] == f"“Garden” is finished: 2 records in {folder / 'out.jsonl'}."
    assert len(lines(folder / "out.jsonl")) == 2


def test_a_pipeline_whose_inputs_failed_ends_with_status_3_and_a_stopped_one_with_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(request: dict[str, object]) -> Reply:
        return Reply("no") if "cat" in json.dumps(request) else para_seq_replies(request)

    text = PIPELINE.replace("    only_accepted: true\n", "")
    with ScriptedEndpoint(script) as endpoint:
        (folder / "p.yaml").write_text(text.replace("URL", endpoint.url))
        assert main(["pipeline", "run", "p.yaml", "--workspace", "elsewhere", "--quiet"]) == 3
        assert "1 inputs failed: see the runs" in capsys.readouterr().out
        assert not (folder / "garden").exists()
    with ScriptedEndpoint(lambda _: refusal(401, "Wrong key.")) as endpoint:
        (folder / "p.yaml").write_text(text.replace("URL", endpoint.url))
        assert main(["pipeline", "run", "p.yaml", "--quiet"]) == 1
        assert "Step 1 (tasks) has stopped." in capsys.readouterr().out
    (folder / "p.yaml").write_text("steps: [")
    assert main(["pipeline", "run", "p.yaml"]) == 2
    assert "p.yaml is not valid YAML" in capsys.readouterr().err

"""The command line: files in, files out, exit statuses."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from dataflow_core.cli import main
from dataflow_core.storage.records import Query
from dataflow_core.workspace import Workspace
from tests.scripted_endpoint import Reply, ScriptedEndpoint, chat_replies, para_seq_replies
from tests.support import ENDPOINT, execute, plan_tasks

HARD_CSV = '\ufeffid,atom_task,note\n001,"Compare A, B and C.",NA\n\n002,Write a poem.,\n001,"Compare A, B and C.",NA\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAFLOW_HOME", str(tmp_path / "home"))
    return tmp_path


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_paraseq_writes_every_task_and_exits_with_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in.csv").write_text(HARD_CSV, encoding="utf-8")
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        status = main(["paraseq", "in.csv", "-o", "out.jsonl", "--model", "m", "--base-url", endpoint.url])
    assert status == 0
    written = lines(folder / "out.jsonl")
    assert sorted(str(line["id"]) for line in written) == ["001", "002"]
    assert {line["note"] for line in written} == {"NA", ""}
    assert capsys.readouterr().out.splitlines()[-1] == "2 records in out.jsonl, 0 failures"
    assert not (folder / "out_failures.jsonl").exists()


def test_inputs_that_fail_are_written_beside_the_output_and_the_status_is_3(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "in.jsonl").write_text('{"atom_task": "Good."}\n{"atom_task": "Bad."}\n{"atom_task": oops}\n')

    def script(request: dict[str, object]) -> Reply:
        return Reply(content="no") if "Bad." in json.dumps(request) else para_seq_replies(request)

    with ScriptedEndpoint(script) as endpoint:
        status = main(["paraseq", "in.jsonl", "-o", "out.jsonl", "--model", "m", "--base-url", endpoint.url])
    assert status == 3
    assert [line["atom_task"] for line in lines(folder / "out.jsonl")] == ["Good."]
    unreadable, failed = lines(folder / "out_failures.jsonl")
    assert unreadable["line"] == 3
    assert (failed["input"], failed["stage"], failed["raw_text"]) == ({"atom_task": "Bad."}, "parse", "no")
    assert capsys.readouterr().out.splitlines()[-1] == "1 records in out.jsonl, 2 failures in out_failures.jsonl"


def test_chat_takes_intents_counts_and_turns(folder: Path) -> None:
    arguments = [
        "chat",
        "-o",
        "out.jsonl",
        "--intent",
        "educational interaction",
        "--intent",
        "Transaction Interaction",
    ]
    arguments += ["--num-dialogs-per-intent", "2", "--num-turns-per-dialog", "4", "--temperature", "0.3"]
    with ScriptedEndpoint(chat_replies) as endpoint:
        assert main([*arguments, "--model", "m", "--base-url", endpoint.url]) == 0
        assert {call.body["temperature"] for call in endpoint.calls} == {0.3}
    written = lines(folder / "out.jsonl")
    assert (
        sorted(str(line["category"]) for line in written)
        == ["Educational Interaction"] * 2 + ["Transaction Interaction"] * 2
    )
    assert {len(line["conversation"]) for line in written} == {4}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chat", "-o", "o.jsonl", "--intent", "Nagging"], "no intent 'Nagging'"),
        (["chat", "-o", "o.jsonl", "--num-turns-per-dialog", "5"], "even and at least 2; 5 was given"),
        (["paraseq", "nowhere.csv", "-o", "o.jsonl"], "nowhere.csv cannot be read: No such file"),
        (["paraseq", "in.csv", "-o", "o.jsonl", "--input-task-key", "prompt"], "no column “prompt”"),
        (["paraseq", "in.csv", "-o", "o.jsonl", "--output-parallel-task-key", "note"], "'note' is also a column"),
        (["paraseq", "in.csv", "-o", "no/where.jsonl"], "folder no does not exist"),
        (["paraseq", "in.csv", "-o", "o.jsonl", "--base-url", "http://127.0.0.1:1/v1"], "--model"),
        (["paraseq", "in.csv", "-o", "o.jsonl", "--model", "m", "--base-url", "ftp://x"], "http"),
        (["paraseq", "in.csv", "-o", "in.csv"], "in.csv is the input, and would be overwritten"),
        (["paraseq", "in.csv", "-o", "."], "is a folder"),
        (["run", "nothing"], "no run nothing"),
        (["app", "--port", "-1"], "no port -1"),
        (["export", "-o", "o.jsonl"], "No record matches"),
    ],
)
def test_a_usage_error_is_one_sentence_and_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    (folder / "in.csv").write_text(HARD_CSV, encoding="utf-8")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
    assert not (folder / "o.jsonl").exists()


def test_a_run_stopped_by_a_wrong_address_has_status_1_says_how_to_go_on_and_resumes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "in.csv").write_text(HARD_CSV, encoding="utf-8")
    keyless = ScriptedEndpoint(lambda _: Reply(status=401, content="no key"))
    with keyless:
        assert main(["paraseq", "in.csv", "-o", "out.jsonl", "--model", "m", "--base-url", keyless.url]) == 1
        assert len(keyless.calls) == 1
    printed = capsys.readouterr().out
    assert "key" in printed
    found = re.search(r"resume (\w+)", printed)
    assert found
    assert printed.splitlines()[-1] == "0 records in out.jsonl, 0 failures, 2 not done yet"
    workspace = Workspace(folder / "home" / "default")
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        run = workspace.runs.get(found[1])
        workspace.runs.enqueue(run.id, limit=None, endpoint=replace(run.endpoint, base_url=endpoint.url))
        assert main(["run", found[1]]) == 0
    assert workspace.records.count(Query(runs=(run.id,))) == 2
    workspace.close()
    capsys.readouterr()
    assert main(["runs"]) == 0
    assert f"{run.id}  finished          2 done     0 failed      0 pending  in.csv" in capsys.readouterr().out
    assert main(["export", "--run", run.id[-6:], "--status", "all", "-o", "all.jsonl"]) == 0
    assert len(lines(folder / "all.jsonl")) == 2
    assert main(["export", "--status", "accepted", "-o", "accepted.jsonl"]) == 2


def test_resuming_with_an_output_completes_the_file_and_brings_back_what_was_cancelled_or_failed(folder: Path) -> None:
    workspace = Workspace(folder / "mine", create=True)
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        run = plan_tasks(workspace, ["One.", "Two.", "Three."], endpoint=replace(ENDPOINT, base_url=endpoint.url))
        execute(workspace, run, lambda _: "nonsense", limit=1)
        workspace.runs.ask(run.id, "cancel")
        arguments = ["resume", run.id, "--workspace", str(workspace.folder), "-o", "out.jsonl"]
        assert main(arguments) == 3
        assert len(lines(folder / "out.jsonl")) == 2
        assert len(lines(folder / "out_failures.jsonl")) == 1
        assert main([*arguments, "--retry-failed"]) == 0
    assert [line["atom_task"] for line in lines(folder / "out.jsonl")] == ["One.", "Two.", "Three."]
    assert not (folder / "out_failures.jsonl").exists()
    workspace.close()


def test_a_device_or_a_pipe_is_not_replaced_by_the_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in.csv").write_text(HARD_CSV, encoding="utf-8")
    os.mkfifo(folder / "pipe")
    assert main(["paraseq", "in.csv", "-o", "pipe", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"]) == 2
    assert "no ordinary file" in capsys.readouterr().err
    assert (folder / "pipe").is_fifo()


@pytest.mark.parametrize("temperature", ["nan", "-1", "99999", "warm"])
def test_a_temperature_that_no_model_takes_is_refused(temperature: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["chat", "-o", "o.jsonl", f"--temperature={temperature}"])
    assert ended.value.code == 2


def test_a_damaged_database_is_told_in_a_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken").mkdir()
    (folder / "broken" / "workspace.db").write_bytes(b"not a database at all" * 500)
    assert main(["runs", "--workspace", "broken"]) == 1
    assert "is damaged" in capsys.readouterr().err
    (folder / "file").write_text("")
    assert main(["chat", "-o", "o.jsonl", "--workspace", "file"]) == 1
    assert "cannot be made" in capsys.readouterr().err

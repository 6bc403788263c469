"""The command line: files in, files out, exit statuses."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dataflow_core.cli.program import main
from dataflow_core.models import Budget, Progress, ReviewStatus, Usage
from dataflow_core.prompts import para_seq
from dataflow_core.storage.queries import Query
from dataflow_core.terminal import progress_line
from dataflow_core.wording import money
from dataflow_core.workspace import Workspace
from tests.processes import wait_until
from tests.record_makers import make_tasks, record_at
from tests.scripted_endpoint import Reply, ScriptedEndpoint, chat_replies, delayed, para_seq_replies
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


def test_chat_stops_after_its_questions_and_resume_has_the_accepted_ones_answered(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["chat", "-o", "out.jsonl", "--intent", "educational interaction", "--workspace", "w"]
    arguments += ["--num-dialogs-per-intent", "3", "--num-turns-per-dialog", "4", "--review-skeletons"]
    with ScriptedEndpoint(chat_replies) as endpoint:
        assert main([*arguments, "--model", "m", "--base-url", endpoint.url]) == 0
        said = capsys.readouterr().out
        assert "3 wait for a review of their questions. When these are accepted: python -m dataflow_core resume" in said
        assert said.splitlines()[-1].endswith("0 failures, 3 waiting for review")
        assert lines(folder / "out.jsonl") == []
        workspace = Workspace(folder / "w")
        (run,) = workspace.runs.all()
        first, second, _ = workspace.records.stream(Query())
        for record, status in ((first, ReviewStatus.ACCEPTED), (second, ReviewStatus.REJECTED)):
            workspace.review.decide({record.id: record.revision}, status, reviewer="Ada")
        calls = len(endpoint.calls)
        assert main(["status", run.id, "--workspace", "w"]) == 0
        assert "0 done, 0 failed, 0 pending, 3 waiting for review" in capsys.readouterr().out
        assert main(["resume", run.id, "--workspace", "w", "-o", "out.jsonl", "--quiet"]) == 0
        assert "1 accepted skeleton gets its answers; 2 still wait." in capsys.readouterr().out
        assert len(endpoint.calls) == calls + 1
        assert len(lines(folder / "out.jsonl")) == 1
        workspace.review.decide({second.id: second.revision}, ReviewStatus.ACCEPTED, reviewer="Ada")
        assert main(["run", run.id, "--workspace", "w", "--quiet"]) == 0
        assert "1 accepted skeleton gets its answers; 1 still waits." in capsys.readouterr().out
    assert main(["export", "--status", "all", "--workspace", "w", "-o", "all.jsonl"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 records in all.jsonl\n1 record is left out, with the reasons, in all_left_out.jsonl\n")
    assert "Its questions have no answers yet." in said
    workspace.close()


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
        (["paraseq", "in.csv", "-o", "o.jsonl", "--timeout", "9"], "--timeout is about an endpoint"),
        (["chat", "-o", "o.jsonl", "--model", "m", "--money-budget", "5"], "needs the prices of m"),
        (["run", "nothing"], "no run nothing"),
        (["pause", "nothing"], "no run nothing"),
        (["resume", "nothing", "--limit", "3"], "no run nothing"),
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


TEN_TASKS = "".join(f"Do thing {number}.\n" for number in range(10))
PRICES = ["--input-price", "1", "--output-price", "2"]


def test_a_trial_tells_what_the_whole_run_will_take_and_how_to_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "in.txt").write_text(TEN_TASKS)
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        address = ["--model", "m", "--base-url", endpoint.url, *PRICES]
        assert main(["paraseq", "in.txt", "-o", "out.jsonl", *address, "--limit", "3"]) == 0
        tried, estimate, last = capsys.readouterr().out.splitlines()
        assert tried.startswith("Tried on 3 of 10 inputs.")
        assert re.fullmatch(
            r"The whole run should take about [\d,]+ tokens, \$[\d.]+ "
            r"\(([\d,]+ to )?[\d,]+ tokens, (\$[\d.]+ to )?\$[\d.]+, judging by 3 inputs tried\)\.",
            estimate,
        )
        assert re.fullmatch(r"3 records in out.jsonl, 0 failures, 7 not done yet, \$[\d.]+ spent", last)
        assert len(lines(folder / "out.jsonl")) == 3
        assert main(shlex.split(tried.partition("python -m dataflow_core ")[2])) == 0
        assert len(endpoint.chats) == 10
    assert len(lines(folder / "out.jsonl")) == 10


def test_a_budget_stops_a_run_and_a_higher_one_lets_it_go_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in.txt").write_text(TEN_TASKS)
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        address = ["--model", "m", "--base-url", endpoint.url, "--max-workers", "1"]
        assert main(["paraseq", "in.txt", "-o", "out.jsonl", *address, "--token-budget", "1500"]) == 1
        stopped, last = capsys.readouterr().out.splitlines()
        assert "budget" in stopped
        assert stopped.endswith("--token-budget N")
        workspace = Workspace(folder / "home" / "default")
        (run,) = workspace.runs.all()
        progress = workspace.runs.progress(run.id)
        assert 0 < progress.done < 10
        assert progress.usage.total <= 1_500
        assert f"{progress.pending} not done yet" in last
        assert main(["resume", run.id, "--token-budget", "1000000"]) == 0
    assert workspace.runs.get(run.id).budget == Budget(tokens=1_000_000)
    workspace.close()


def test_failed_inputs_are_tried_again_with_another_model(folder: Path) -> None:
    def script(request: dict[str, object]) -> Reply:
        return para_seq_replies(request) if request["model"] == "better" else Reply(content="no")

    (folder / "in.txt").write_text("One.\nTwo.\n")
    with ScriptedEndpoint(script) as endpoint:
        address = ["--model", "m", "--base-url", endpoint.url, "--timeout", "33", *PRICES]
        assert main(["paraseq", "in.txt", "-o", "out.jsonl", *address]) in (1, 3)
        workspace = Workspace(folder / "home" / "default")
        (run,) = workspace.runs.all()
        assert main(["resume", run.id, "--model", "better", "--max-workers", "2"]) == 0
    after = workspace.runs.get(run.id).endpoint
    assert after == replace(
        run.endpoint, name="better", model="better", max_workers=2, input_price=None, output_price=None
    )
    assert after.timeout == 33
    assert workspace.runs.progress(run.id).done == 2
    workspace.close()


def test_a_wrong_address_can_be_corrected_and_no_key_follows_to_the_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "secret-key")
    (folder / "in.txt").write_text("One.\n")
    address = ["--model", "m", "--api-key-env", "MY_KEY", "--requests-per-minute", "600", "--tokens-per-minute", "9999"]
    with ScriptedEndpoint(lambda _: Reply(status=404)) as wrong:
        assert main(["paraseq", "in.txt", "-o", "out.jsonl", *address, "--base-url", wrong.url]) == 1
    workspace = Workspace(folder / "home" / "default")
    (run,) = workspace.runs.all()
    assert (run.endpoint.requests_per_minute, run.endpoint.tokens_per_minute) == (600, 9999)
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        assert main(["resume", run.id, "--base-url", endpoint.url]) == 0
        assert "secret-key" not in str(endpoint.calls)
    workspace.close()


def test_a_live_run_is_told_to_change_its_workers_to_pause_and_to_end(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(folder / "mine", create=True)
    at = ["--workspace", str(workspace.folder)]

    def said(*arguments: str) -> str:
        assert main([*arguments, *at]) == 0
        return capsys.readouterr().out

    with ScriptedEndpoint(delayed(para_seq_replies, 0.1)) as endpoint:
        priced = replace(ENDPOINT, base_url=endpoint.url, input_price=1.0, max_workers=1)
        run = plan_tasks(workspace, [f"Do thing {number}." for number in range(200)], endpoint=priced)
        assert "once it goes on" in said("workers", run.id, "2")
        workspace.start(run.id)
        wait_until(lambda: workspace.runs.progress(run.id).done >= 2)
        assert "makes up to 3 calls at a time from now on" in said("workers", run.id, "3")
        status = said("status", run.id[-6:])
        assert "State     running" in status
        assert re.search(r"^Inputs    200: \d+ done, 0 failed, \d+ pending$", status, re.MULTILINE)
        assert re.search(r"^Money     \$[\d.]+, \$[\d.]+ a record$", status, re.MULTILINE)
        assert re.search(r"^Calls     \d+ under way, \d+ allowed at the moment", status, re.MULTILINE)
        assert "at most 3 calls at a time" in status
        asked = time.monotonic()
        paused = said("pause", run.id)
        assert time.monotonic() - asked < 4.0
        assert re.match(r"The run is paused: \d+ done, 0 failed, \d+ pending\.\nTo go on: .* resume ", paused)
        assert "is paused already" in said("pause", run.id)
        assert re.match(r"The run is cancelled: \d+ done, \d+ failed, 0 pending\.$", said("cancel", run.id))
        assert "is cancelled already" in said("cancel", run.id)
        assert "State     cancelled: Cancelled." in said("status", run.id)
    workspace.close()


def test_a_run_whose_process_does_not_obey_is_told_of(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflow_core.cli.controlling.PATIENCE", 0.2)
    workspace = Workspace(folder / "mine", create=True)
    run = plan_tasks(workspace, ["One."])
    workspace.runs.enqueue(run.id, limit=None)
    workspace.runs.claim(run.id)
    assert main(["cancel", run.id, "--workspace", str(workspace.folder)]) == 1
    assert "asked to be cancelled, and has not obeyed within 0.2 s" in capsys.readouterr().out
    workspace.close()


def test_progress_tells_the_money_where_the_price_is_known(workspace: Workspace) -> None:
    used = Usage(1_000_000, 500_000)
    progress = Progress(pending=6, done=3, failed=1, usage=used, unpriced=used, recent_per_second=2.0)
    run = plan_tasks(workspace, [f"Task {number}." for number in range(10)])
    assert progress_line(run, progress) == "tasks.jsonl: 4 of 10 inputs, 1 failed, 1500000 tokens, 2.0 records/s"
    priced = replace(run, endpoint=replace(ENDPOINT, input_price=1.0, output_price=4.0), limit=5)
    assert (
        progress_line(priced, progress) == "tasks.jsonl: 4 of 5 inputs, 1 failed, 1500000 tokens, $3.00, 2.0 records/s"
    )


@pytest.mark.parametrize(
    ("amount", "text"), [(0.0, "$0.00"), (1234.5, "$1,234.50"), (0.1, "$0.10"), (0.00123, "$0.0012")]
)
def test_small_amounts_of_money_keep_two_digits_that_say_something(amount: float, text: str) -> None:
    assert money(amount) == text


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--timeout=0", "0 is not more than 0"),
        ("--timeout=soon", "“soon” is not a number"),
        ("--requests-per-minute=0", "0 is less than 1"),
        ("--tokens-per-minute=1.5", "“1.5” is not a whole number"),
        ("--input-price=-1", "-1 is less than 0"),
        ("--output-price=nan", "nan is not an amount"),
        ("--token-budget=-5", "-5 is less than 1"),
        ("--money-budget=inf", "inf is not an amount"),
        ("--limit=0", "0 is less than 1"),
        ("--max-workers=0", "0 is less than 1"),
    ],
)
@pytest.mark.parametrize("verb", [["chat", "-o", "o.jsonl"], ["resume", "some-run"]])
def test_an_option_that_makes_no_sense_is_refused_by_its_name(
    capsys: pytest.CaptureFixture[str], verb: list[str], option: str, sentence: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*verb, option])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert f"argument {option.partition('=')[0]}" in error
    assert sentence in error


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


def test_a_prompt_of_the_workspace_and_accepted_records_go_into_a_run(
    folder: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = dict(para_seq.PROMPT.texts) | {"system": "Be kind."}
    for system in ("Be kind.", "Be kinder."):
        prompt = replace(para_seq.PROMPT, name="kinder", texts=texts | {"system": system})
        workspace.prompts.save(prompt, author="Ada")
    (number,) = make_tasks(workspace, 1)
    record = record_at(workspace, number)
    workspace.review.decide({record.id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    (folder / "in.txt").write_text("Count the pears.\n", encoding="utf-8")
    command = ["paraseq", "in.txt", "-o", "out.jsonl", "--workspace", str(workspace.folder), "--input-task-key"]
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        command += ["atom_task", "--model", "m", "--base-url", endpoint.url, "--few-shot", "2"]
        assert main([*command, "--prompt", "kinder/1"]) == 0
        assert main([*command, "--prompt", "kinder", "--few-shot-tokens", "1"]) == 0
        first, second = (call.body["messages"] for call in endpoint.chats)
    assert (first[0]["content"], second[0]["content"]) == ("Be kind.", "Be kinder.")
    assert record.fields["atom_task"] in first[1]["content"]
    assert record.fields["atom_task"] not in json.dumps(second)
    assert main([*command, "--prompt", "kindest"]) == 2
    assert "no prompt “kindest” in this workspace" in capsys.readouterr().err
    assert main(["chat", "-o", "out.jsonl", "--few-shot-tokens", "5"]) == 2
    assert "--few-shot-tokens limits examples" in capsys.readouterr().err

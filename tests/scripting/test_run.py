"""`run` of the two generators: what it returns and writes, what fails, and what is left when a script is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dataflow_core.cli.program import main
from dataflow_core.errors import ConfigurationError, ServingError, UsageError
from dataflow_core.models import Fields, ReviewStatus, RunState, Stage
from dataflow_core.prompts import consistent_chat, para_seq
from dataflow_core.running import health
from dataflow_core.scripting.api_serving import APILLMServing_request
from dataflow_core.scripting.consistent_chat import ConsistentChatGenerator
from dataflow_core.scripting.file_storage import FileStorage
from dataflow_core.scripting.generator_task import GeneratorTask
from dataflow_core.scripting.para_seq import ParaSeqTaskGenerator
from dataflow_core.scripting.pipeline import Export, Pipeline
from dataflow_core.scripting.typing import GeneratorOutput
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.processes import wait_until
from tests.scripted_endpoint import (
    Reply,
    Request,
    Script,
    ScriptedEndpoint,
    chat_replies,
    delayed,
    para_seq_replies,
    refusal,
)
from tests.scripting.servings import OnlyInput
from tests.support import INTENTS, relations

ROOT = Path(__file__).resolve().parents[2]
KEYS = ["parallel_task", "subsequent_task", "composition_task"]


def asked(request: Request) -> str:
    return str(request["messages"][-1]["content"]).rpartition("Atomic task:\n")[2]


def about_the_task(request: Request) -> Reply:
    return Reply(relations(asked(request)))


def storage_with(folder: Path, tasks: list[Any], **settings: Any) -> FileStorage:
    path = folder / "input.jsonl"
    path.write_text("".join(json.dumps({"atom_task": task, "n": n}) + "\n" for n, task in enumerate(tasks)))
    return FileStorage(str(path), str(folder / "cache"), **settings)


def lines_of(path: Path) -> list[Fields]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def serving_at(endpoint: ScriptedEndpoint, **settings: Any) -> APILLMServing_request:
    return APILLMServing_request(endpoint.url, model_name="m", **settings)


def run_tasks(folder: Path, tasks: list[Any], script: Script) -> tuple[list[Fields], ParaSeqTaskGenerator]:
    with ScriptedEndpoint(script) as endpoint:
        generator = ParaSeqTaskGenerator(serving_at(endpoint))
        assert generator.run(storage_with(folder, tasks).step(), "atom_task") == KEYS
    rows = lines_of(folder / "cache" / "dataflow_cache_step_step1.jsonl")
    assert all(row["parallel_task"] == f"Beside: {row['atom_task']}" for row in rows), "no result on another's input"
    assert len(rows) + len(generator.failures) == len(tasks)
    return rows, generator


def run_chat(folder: Path, script: Script, **settings: Any) -> tuple[pd.DataFrame, ConsistentChatGenerator]:
    with ScriptedEndpoint(script) as endpoint:
        generator = ConsistentChatGenerator(serving_at(endpoint), 2, intents=INTENTS, **settings)
        return generator.run(FileStorage("", str(folder / "cache")).step()), generator


def test_failed_inputs_are_left_out_of_the_step_and_written_beside_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def script(request: Request) -> Reply:
        task = asked(request)
        if "thing 2" in task or "cannot be used" in task:
            return Reply("I would rather not give the parallel task.")
        if "thing 5" in task:
            return refusal(400, "This prompt is too odd.")
        return Reply(relations(task), delay=0.02 if "thing 1" in task else 0.0)

    tasks = [f"Do thing {n}." for n in range(7)] + ["", None]
    rows, generator = run_tasks(tmp_path, tasks, script)
    assert [row["n"] for row in rows] == [0, 1, 3, 4, 6]
    stages = {failure.fields["n"]: failure.stage for failure in generator.failures}
    assert stages == {2: Stage.PARSE, 5: Stage.SERVING, 7: Stage.INPUT, 8: Stage.INPUT}
    assert [failure.calls for failure in generator.failures] == [2, 1, 0, 0], "what is refused is not asked again"
    beside = lines_of(tmp_path / "cache" / "dataflow_cache_step_step1_failures.jsonl")
    assert [line["input"]["n"] for line in beside] == [2, 5, 7, 8]
    assert beside[0]["raw_text"] == "I would rather not give the parallel task."
    assert "4 of 9 inputs failed" in caplog.text
    run_tasks(tmp_path, ["Do thing 0."], script)
    assert not (tmp_path / "cache" / "dataflow_cache_step_step1_failures.jsonl").exists(), "it was of another run"


def test_answers_over_several_lines_with_closing_remarks_are_read_whole(tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        spread = json.dumps(json.loads(relations(asked(request))), indent=2)
        return Reply(f"<think>A {{hard}} one.</think>Here it is:\n```json\n{spread}\n```\nI hope this helps!")

    rows, _ = run_tasks(tmp_path, ["Book a table.", "Plan\na trip."], script)
    assert [row["composition_task"] for row in rows] == ["All: Book a table.", "All: Plan\na trip."]


def test_the_number_of_turns_and_the_temperature_are_used(tmp_path: Path) -> None:
    temperatures: set[float] = set()

    def script(request: Request) -> Reply:
        temperatures.add(request["temperature"])
        return chat_replies(request)

    frame, _ = run_chat(tmp_path, script, num_turns_per_dialog=4, temperature=0.3)
    assert temperatures == {0.3}
    assert frame.shape == (4, 2)
    assert list(frame.index) == [0, 1, 2, 3]
    assert {len(turns) for turns in frame["conversation"]} == {4}
    assert list(frame["category"]) == ["Cooking", "Travel", "Cooking", "Travel"]


@pytest.mark.parametrize(
    "shape",
    [
        lambda texts: json.dumps(texts),
        lambda texts: json.dumps({"responses": texts}),
        lambda texts: json.dumps({"turns": [{"role": "x", "value": text} for text in texts]}),
        lambda texts: f"<think>Let me see.</think>\n```json\n{json.dumps(texts)}\n```",
    ],
)
def test_dialogues_whose_answers_have_another_shape_are_kept(tmp_path: Path, shape: Callable[[list[str]], str]) -> None:
    frame, generator = run_chat(tmp_path, lambda _: Reply(shape(["One?", "Two?", "Three?"])))
    assert (len(frame), generator.failures) == (4, [])


def test_a_dialogue_with_too_few_answers_is_a_failure_and_never_a_shorter_dialogue(tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        is_short = "key answers" in request["messages"][0]["content"] and "Lima" in request["messages"][1]["content"]
        return Reply(json.dumps(["One.", "Two."] if is_short else ["One.", "Two.", "Three."]))

    frame, generator = run_chat(tmp_path, script)
    assert len(frame) == 3
    assert {len(turns) for turns in frame["conversation"]} == {6}
    assert "exactly 3 texts" in generator.failures[0].reason


def test_a_wrong_key_is_told_at_once_and_called_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DF_API_KEY", "wrong")
    with ScriptedEndpoint(lambda _: refusal(401, "Incorrect API key.")) as endpoint:
        generator = ParaSeqTaskGenerator(serving_at(endpoint))
        with pytest.raises(ConfigurationError, match="environment variable DF_API_KEY") as caught:
            generator.run(storage_with(tmp_path, ["A."] * 50).step(), "atom_task")
        assert len(endpoint.chats) == 1
    assert caught.value.at == "key"
    assert not (tmp_path / "cache" / "dataflow_cache_step_step1.jsonl").exists()
    rows, _ = run_tasks(tmp_path, ["A."] * 50, about_the_task)
    assert len(rows) == 50


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"input_task_key": "task"}, "no column 'task'. The columns are: atom_task, n"),
        ({"input_task_key": "atom_task", "output_parallel_task_key": "n"}, "also a column of the input"),
        ({"input_task_key": "atom_task", "output_parallel_task_key": "subsequent_task"}, "Two outputs"),
    ],
)
def test_columns_are_checked_before_anything_is_called(tmp_path: Path, keys: dict[str, str], told: str) -> None:
    serving = OnlyInput()
    with pytest.raises(UsageError, match=told):
        ParaSeqTaskGenerator(serving).run(storage_with(tmp_path, ["A."]).step(), **keys)
    with pytest.raises(UsageError, match="holds no rows"):
        ParaSeqTaskGenerator(serving).run(FileStorage("").step(), "atom_task")
    assert serving.calls == []


def test_what_consistent_chat_cannot_do_is_said_before_anything_is_called(tmp_path: Path) -> None:
    storage = FileStorage("", str(tmp_path), cache_type="csv")
    with pytest.raises(UsageError, match="'conversation' holds lists"):
        ConsistentChatGenerator(OnlyInput()).run(storage.step())
    with pytest.raises(UsageError, match=r"No model was given.*EMBEDDED"):
        ConsistentChatGenerator().run(FileStorage("", str(tmp_path)).step())
    with pytest.raises(UsageError, match="even"):
        ConsistentChatGenerator(num_turns_per_dialog=5)


@pytest.mark.parametrize(("cache_type", "told"), [("csv", "lists or dicts"), ("parquet", "several kinds")])
def test_what_the_step_could_not_hold_is_said_before_anything_is_called(
    tmp_path: Path, cache_type: Any, told: str
) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text('{"atom_task": "A.", "x": 1}\n{"atom_task": "B.", "x": ["y"]}\n')
    serving = OnlyInput()
    with pytest.raises(UsageError, match=told):
        ParaSeqTaskGenerator(serving).run(FileStorage(path, tmp_path, cache_type=cache_type).step(), "atom_task")
    assert serving.calls == []


def test_columns_may_have_other_names_and_the_step_another_type(tmp_path: Path) -> None:
    storage = storage_with(tmp_path, ["A.", "B."], cache_type="parquet", file_name_prefix="mine")
    assert ParaSeqTaskGenerator(OnlyInput()).run(storage.step(), "atom_task", "p", "s", "c") == ["p", "s", "c"]
    frame = pd.read_parquet(tmp_path / "cache" / "mine_step1.parquet")
    assert list(frame.columns) == ["atom_task", "n", "p", "s", "c"]
    assert ParaSeqTaskGenerator(OnlyInput()).run(storage.step(), "c", "p2", "s2", "c2") == ["p2", "s2", "c2"]
    assert list(pd.read_parquet(tmp_path / "cache" / "mine_step2.parquet")["p2"]) == [
        "Beside: All: A.",
        "Beside: All: B.",
    ]


def test_tasks_in_a_csv_file_of_another_kind_stay_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "input.csv").write_text('id;task\n007;"Find ""x, y""."\n1e5;Plan a trip.\n', encoding="utf-8")
    storage = FileStorage(tmp_path / "input.csv", tmp_path / "cache", cache_type="csv")
    ParaSeqTaskGenerator(OnlyInput()).run(storage.step(), "task")
    rows = storage.step().read("dict")
    assert [(row["id"], row["task"]) for row in rows] == [("007", 'Find "x, y".'), ("1e5", "Plan a trip.")]
    assert rows[0]["composition_task"] == 'All: Find "x, y".'


def test_any_storage_that_reads_and_writes_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    class Memory:
        frame = pd.DataFrame({"atom_task": ["A.", "B."]}, index=[7, 3])

        def step(self) -> Memory:
            return self

        def read(self, output_type: Any = "dataframe") -> Any:
            return self.frame

        def write(self, data: Any) -> Any:
            self.frame = data

    memory = Memory()
    ParaSeqTaskGenerator(OnlyInput()).run(memory.step(), "atom_task")
    assert list(memory.frame["parallel_task"]) == ["Beside: A.", "Beside: B."]
    assert list(memory.frame.index) == [0, 1]
    assert list(tmp_path.glob("cache/.*")) == []


def test_it_runs_where_an_event_loop_is_running_already(tmp_path: Path) -> None:
    async def notebook() -> list[str]:
        return ParaSeqTaskGenerator(OnlyInput()).run(storage_with(tmp_path, ["A."]).step(), "atom_task")

    assert asyncio.run(notebook()) == KEYS


def test_with_a_workspace_it_is_a_run_there_and_is_not_paid_twice(tmp_path: Path) -> None:
    is_ill = [True]

    def spoil(texts: list[str], answers: list[Any]) -> list[Any]:
        return [None if is_ill[0] and "B." in text else made for text, made in zip(texts, answers, strict=True)]

    serving = OnlyInput(spoil)
    folder = tmp_path / "workspace"

    def run() -> ParaSeqTaskGenerator:
        generator = ParaSeqTaskGenerator(serving)
        generator.run(storage_with(tmp_path, ["A.", "B.", "C."]).step(), "atom_task", workspace=folder)
        return generator

    assert [failure.fields["n"] for failure in run().failures] == [1]
    is_ill[0] = False
    serving.calls.clear()
    assert run().failures == []
    assert [text.rpartition("\n")[2] for call in serving.calls for text in call] == ["B."]
    serving.calls.clear()
    run()
    assert serving.calls == []
    assert [row["n"] for row in lines_of(tmp_path / "cache" / "dataflow_cache_step_step1.jsonl")] == [0, 1, 2]
    workspace = Workspace(folder)
    (found,) = workspace.runs.all()
    assert (found.state, found.endpoint.kind, found.generator) == (RunState.FINISHED, "script", "ParaSeqTaskGenerator")
    with pytest.raises(UsageError, match="Run that script again"):
        workspace.open_serving(found.endpoint)
    other = ParaSeqTaskGenerator(serving, seed=7)
    other.run(storage_with(tmp_path, ["A.", "B.", "C."]).step(), "atom_task", workspace=workspace)
    assert len(workspace.runs.all()) == 2, "other settings are another run"
    workspace.close()


def test_the_command_line_says_whose_serving_a_run_needs_and_goes_on_with_another_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "workspace"

    def refuse(*_: Any) -> Any:
        raise ConfigurationError("The licence has expired.")

    with pytest.raises(ConfigurationError, match="licence"):
        ParaSeqTaskGenerator(OnlyInput(refuse)).run(
            storage_with(tmp_path, ["A."]).step(), "atom_task", workspace=folder
        )
    workspace = Workspace(folder)
    run_id = workspace.runs.all()[0].id
    workspace.close()
    assert main(["resume", run_id, "--workspace", str(folder), "--quiet"]) != 0
    assert "“OnlyInput” is a serving of a script's own" in capsys.readouterr().err
    with ScriptedEndpoint(about_the_task) as endpoint:
        other = ["--model", "m", "--base-url", endpoint.url]
        assert main(["resume", run_id, "--workspace", str(folder), "--quiet", *other]) == 0


def test_a_workspace_knows_the_intent_flow_and_topic_of_each_dialogue_and_repeats_no_topic(tmp_path: Path) -> None:
    generator = ConsistentChatGenerator(OnlyInput(), num_dialogs_per_intent=10)
    with pytest.warns(UserWarning, match="temperature"):
        frame = generator.run(FileStorage("", str(tmp_path / "cache")).step(), workspace=tmp_path / "workspace")
    assert len(frame) == 90
    workspace = Workspace(tmp_path / "workspace")
    fields = [record.fields for record in workspace.records.stream(Query())]
    assert len({(one["intent"], one["flow"], one["topic"]) for one in fields}) == 90
    assert len({(one["intent"], one["topic"]) for one in fields}) == 90
    workspace.close()


def test_a_person_who_pauses_the_run_is_told_where_it_stands(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace", create=True)

    def pausing(texts: list[str], answers: list[Any]) -> list[Any]:
        if len(texts) > 1:
            workspace.runs.ask(workspace.runs.all()[0].id, "pause")
            time.sleep(1.0)
        return answers

    storage = storage_with(tmp_path, [f"Do {n}." for n in range(200)])
    with pytest.raises(Exception, match=r"Paused\. What was answered is kept"):
        ParaSeqTaskGenerator(OnlyInput(pausing)).run(storage.step(), "atom_task", workspace=workspace)
    workspace.close()


SCRIPT = """
from dataflow_core import APILLMServing_request, FileStorage, ParaSeqTaskGenerator
storage = FileStorage("input.jsonl", "cache")
generator = ParaSeqTaskGenerator(APILLMServing_request("", model_name="m", max_workers=4))
generator.run(storage.step(), "atom_task")
"""
N, IN_FLIGHT = 60, 4


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[ScriptedEndpoint], subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []

    def start(endpoint: ScriptedEndpoint) -> subprocess.Popen[str]:
        environ = os.environ | {"PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": endpoint.url, "DF_API_KEY": "sk-secret-key"}
        script = [sys.executable, "-c", SCRIPT]
        processes.append(subprocess.Popen(script, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_a_script_that_was_stopped_goes_on_when_it_runs_again_and_pays_no_answer_twice(
    tmp_path: Path,
    started: Callable[[ScriptedEndpoint], subprocess.Popen[str]],
    signal_number: signal.Signals,
) -> None:
    storage_with(tmp_path, [f"Do thing {n}." for n in range(N)])
    with ScriptedEndpoint(delayed(about_the_task, 0.05)) as endpoint:
        process = started(endpoint)
        wait_until(lambda: len(endpoint.chats) >= 20)
        hidden = tmp_path / "cache" / ".dataflow_cache_step_step1.run"
        workspace = Workspace(hidden)
        (run,) = workspace.runs.all()
        wait_until(lambda: workspace.runs.progress(run.id).calls > IN_FLIGHT)
        process.send_signal(signal_number)
        _, said = process.communicate(timeout=20)
        assert process.returncode != 0
        assert ("KeyboardInterrupt" in said) == (signal_number == signal.SIGINT)
        step = tmp_path / "cache" / "dataflow_cache_step_step1.jsonl"
        assert not step.exists()
        stored = workspace.runs.progress(run.id).calls
        workspace.close()
        for path in hidden.rglob("*"):
            assert not path.is_file() or b"sk-secret-key" not in path.read_bytes()
        before = len(endpoint.chats)
        assert before < N
        again = started(endpoint)
        _, said = again.communicate(timeout=60)
        assert (again.returncode, said) == (0, "")
        assert len(endpoint.chats) - before <= N - stored + IN_FLIGHT
    rows = lines_of(step)
    assert [row["n"] for row in rows] == list(range(N))
    assert all(row["parallel_task"] == f"Beside: {row['atom_task']}" for row in rows)
    assert sorted(path.name for path in step.parent.iterdir()) == [step.name]


def test_other_inputs_start_anew_beside_what_was_left_unfinished(tmp_path: Path) -> None:
    def break_down(request: Request) -> Reply:
        return refusal(401, "Expired.") if "thing 7" in asked(request) else about_the_task(request)

    tasks = [f"Do thing {n}." for n in range(9)]
    with pytest.raises(ConfigurationError):
        run_tasks(tmp_path, tasks, break_down)
    rows, _ = run_tasks(tmp_path, tasks[:3], about_the_task)
    assert len(rows) == 3
    assert list((tmp_path / "cache").glob(".*")) == []


def test_a_server_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataflow_core.running.health.BACK_OFF", (0.0,) * 4)
    generator = ParaSeqTaskGenerator(APILLMServing_request("http://127.0.0.1:9/v1", model_name="m"))
    with pytest.raises(ServingError, match=r"127\.0\.0\.1:9"):
        generator.run(storage_with(tmp_path, ["A."]).step(), "atom_task")


def test_the_serving_s_temperature_is_that_of_tasks_unless_they_have_their_own(tmp_path: Path) -> None:
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        serving = serving_at(endpoint, temperature=0.1)
        ParaSeqTaskGenerator(serving).run(storage_with(tmp_path, ["A."]).step(), "atom_task")
        ParaSeqTaskGenerator(serving, temperature=0.7).run(storage_with(tmp_path, ["A."]).step(), "atom_task")
        assert [call.body["temperature"] for call in endpoint.chats] == [0.1, 0.7]


def test_reruns_of_a_finished_step_begin_anew_without_a_workspace(tmp_path: Path) -> None:
    serving = OnlyInput()
    for _ in range(2):
        ParaSeqTaskGenerator(serving).run(storage_with(tmp_path, ["A."]).step(), "atom_task")
    assert len(serving.calls) == 2


def test_a_prompt_of_ones_own_is_sent_in_place_of_the_built_in_one(tmp_path: Path) -> None:
    texts = dict(para_seq.PROMPT.texts) | {"system": "Write like a pirate."}
    pirate = replace(para_seq.PROMPT, name="pirate", version=1, texts=texts)
    with ScriptedEndpoint(about_the_task) as endpoint, closing(Workspace(tmp_path / "work", create=True)) as workspace:
        generator = ParaSeqTaskGenerator(serving_at(endpoint), prompt=pirate)
        generator.run(storage_with(tmp_path, ["Peel."]).step(), input_task_key="atom_task", workspace=workspace)
        sent = [call.body["messages"][0]["content"] for call in endpoint.chats]
        assert (sent, workspace.runs.all()[0].prompt_version) == (["Write like a pirate."], "pirate/1")


def test_dialogues_take_a_prompt_of_ones_own_too(tmp_path: Path) -> None:
    texts = dict(consistent_chat.PROMPT.texts) | {"answers": "Answer like a pirate, {count} times, in {language}."}
    pirate = replace(consistent_chat.PROMPT, name="pirate", version=1, texts=texts)
    with ScriptedEndpoint(chat_replies) as endpoint:
        generator = ConsistentChatGenerator(serving_at(endpoint), 1, 2, intents=INTENTS[:1], prompt=pirate)
        generator.run(FileStorage("", str(tmp_path / "cache")).step())
        assert "Answer like a pirate, 1 times, in English." in str(endpoint.chats[-1].body)


def test_what_is_no_storage_and_a_prompts_name_are_refused_in_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"storage is a str, where .* such as FileStorage"):
        ParaSeqTaskGenerator(OnlyInput()).run("input.jsonl", "atom_task")  # type: ignore[arg-type]
    for generator in (ParaSeqTaskGenerator, ConsistentChatGenerator):
        with pytest.raises(UsageError, match=r"hand over workspace.prompts.get\('kinder/1'\)"):
            generator(OnlyInput(), prompt="kinder/1")  # type: ignore[arg-type]


def test_where_nothing_answers_a_script_is_told_to_run_again_and_of_no_button(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "BACK_OFF", (0.0, 0.0, 0.0, 0.0))
    nowhere = APILLMServing_request(api_url="http://127.0.0.1:1/v1")
    with pytest.raises(ServingError, match="the same script goes on with it") as raised:
        ParaSeqTaskGenerator(nowhere).run(storage_with(tmp_path, ["Pack a bag."]).step(), "atom_task")
    assert "resume" not in str(raised.value)


@pytest.mark.parametrize(
    "settings", [{"max_workers": "4"}, {"max_retries": 0}, {"temperature": "hot"}, {"temperature": 5}]
)
def test_a_setting_that_is_no_such_number_is_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings))):
        APILLMServing_request("", model_name="m", **settings)


@pytest.mark.parametrize("number", ["2", 0, 2.5])
def test_a_number_of_dialogues_that_is_none_is_refused_by_its_name(number: Any) -> None:
    with pytest.raises(UsageError, match="num_dialogs_per_intent is a whole number, at least 1"):
        ConsistentChatGenerator(OnlyInput(), num_dialogs_per_intent=number)


def test_a_pipelines_export_leaves_out_what_was_turned_down(tmp_path: Path) -> None:
    class Two(GeneratorTask):
        @property
        def outputs(self) -> list[str]:
            return ["text", "model_name"]

        def process(self, offset: int = 0) -> GeneratorOutput:
            yield [{"text": word, "model_name": "m"} for word in ("good", "bad")], True

        def format_output(self, output: str | None, input: Any = None) -> dict[str, Any]:
            return {}

    def run() -> None:
        with Pipeline("two") as pipeline:
            Two(llm=OnlyInput()) >> Export(tmp_path / "out.jsonl")
        pipeline.run(tmp_path / "work")

    run()
    with closing(Workspace(tmp_path / "work")) as workspace:
        (bad,) = [record for record in workspace.records.stream(Query()) if record.fields["text"] == "bad"]
        workspace.review.decide({bad.id: bad.revision}, ReviewStatus.REJECTED, reviewer="Ada")
    run()
    assert [row["text"] for row in lines_of(tmp_path / "out.jsonl")] == ["good"]

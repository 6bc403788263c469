"""Tasks as runs of a workspace: every offset is a record or a failure, and nothing that was answered is paid twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataflow_core.cli.program import main
from dataflow_core.errors import ConfigurationError, RefusedError, RunIsLiveError, TransientError, UsageError
from dataflow_core.models import Prompt, RunState, Stage
from dataflow_core.scripting.file_storage import FileStorage
from dataflow_core.scripting.generator_task import GeneratorTask
from dataflow_core.scripting.task_adapter import PAGE
from dataflow_core.scripting.typing import GeneratorOutput
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.offsets import OffsetStore
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.scripting.tasks import Asking, Yielding, chat, topics


def echo(prompt: Prompt) -> str:
    return f"Told: {prompt.messages[-1].content}"


def serving(reply: Callable[[Prompt], Any] = echo) -> ScriptedServing:
    return ScriptedServing(reply)


def accounted(workspace: Workspace, task: GeneratorTask, *, done: int, failed: int = 0) -> None:
    """The run is finished, each of its offsets has ended once, and the offsets have no gaps."""
    run, progress = workspace.runs.get(task.run_id), workspace.runs.progress(task.run_id)
    assert run.state is RunState.FINISHED
    assert (progress.done, progress.failed, progress.total) == (done, failed, done + failed)
    assert len(task.failures) == failed


@pytest.mark.parametrize("together", [1, 7])
@pytest.mark.parametrize("says_last", [False, True])
@pytest.mark.parametrize("count", [1, 99, PAGE, PAGE + 1, 2 * PAGE + 30])
def test_without_a_number_of_records_it_goes_on_until_the_task_ends(
    workspace: Workspace, together: int, says_last: bool, count: int
) -> None:
    model = serving()
    task = Asking(topics=topics(count), together=together, says_last=says_last, llm=model)
    rows = task.run(workspace)
    assert [row["topic"] for row in rows] == topics(count)
    assert rows[-1]["text"] == f"Told: About topic {count - 1}"
    assert len(model.prompts) == count
    assert task.offsets == [0]
    accounted(workspace, task, done=count)


def test_with_a_number_of_records_it_stops_there(workspace: Workspace) -> None:
    model = serving()
    task = Asking(topics=topics(50), llm=model)
    assert len(task.run(workspace, num_records=5)) == 5
    assert len(model.prompts) == 5
    accounted(workspace, task, done=5)


def test_a_task_that_ends_before_gives_what_it_has_and_the_rest_is_withdrawn(workspace: Workspace) -> None:
    task = Asking(topics=topics(3), together=2, llm=serving())
    assert len(task.run(workspace, num_records=40)) == 3
    accounted(workspace, task, done=3)


def test_rows_of_one_yield_beyond_the_number_are_left_out(workspace: Workspace) -> None:
    task = Asking(topics=topics(30), together=10, llm=serving())
    assert len(task.run(workspace, num_records=15)) == 15
    accounted(workspace, task, done=15)


def test_a_task_that_gives_nothing_at_all_is_one_failure(workspace: Workspace) -> None:
    task = Yielding(given=[], llm=serving())
    assert task.run(workspace) == []
    assert "ended without giving" in task.failures[0].reason
    accounted(workspace, task, done=0, failed=1)


def test_a_task_that_yields_empty_lists_for_ever_comes_to_an_end(workspace: Workspace) -> None:
    class Empty(Yielding):
        def process(self, offset: int = 0) -> GeneratorOutput:
            while True:
                yield []

    task = Empty(given=[], llm=serving())
    task.run(workspace, num_records=2)
    accounted(workspace, task, done=0, failed=2)


def test_a_task_whose_every_row_is_unusable_comes_to_an_end(workspace: Workspace) -> None:
    class Bad(Yielding):
        def process(self, offset: int = 0) -> GeneratorOutput:
            while True:
                yield {"b": 1}

    task = Bad(given=[], llm=serving())
    assert task.run(workspace) == []
    accounted(workspace, task, done=0, failed=PAGE)


ITSELF: dict[str, Any] = {}
ITSELF["a"] = ITSELF
DEEP: list[Any] = []
DEEP.append({"again": DEEP})


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (ITSELF, "The row holds itself in “a”"),
        ({"a": DEEP}, r"holds itself in “a\[0\]\.again”"),
        ({"a": {1, 2}}, "“a” is a set, which cannot be stored"),
        ({"a": float("nan")}, "is nan, which JSON does not have"),
        ({"a": {(1, 2): 3}}, "is a tuple"),
        ({"a": object()}, "is an object"),
        ({}, "lacks “a”, which `outputs` names"),
        ({"a": 1, "b": 2}, "has “b”, which `outputs` does not name"),
    ],
)
def test_a_row_that_cannot_be_a_record_is_a_failure_and_the_next_is_not(
    workspace: Workspace, row: dict[str, Any], sentence: str
) -> None:
    class Giving(Yielding):
        def process(self, offset: int = 0) -> GeneratorOutput:
            yield row
            yield {"a": ("tuples", "are lists", 1.5, None, True)}

    task = Giving(given=[], llm=serving())
    assert task.run(workspace) == [{"a": ["tuples", "are lists", 1.5, None, True]}]
    assert re.search(sentence, task.failures[0].reason)
    assert task.failures[0].stage is Stage.CODE
    accounted(workspace, task, done=1, failed=1)


def test_what_is_yielded_and_is_no_row_is_a_failure(workspace: Workspace) -> None:
    task = Yielding(given=[{"a": 1}, "no row", {"a": 3}], llm=serving())
    assert task.run(workspace, num_records=3) == [{"a": 1}, {"a": 3}]
    assert "has yielded a str" in task.failures[0].reason
    accounted(workspace, task, done=2, failed=1)


class Fragile(Asking):
    """Its own code fails at odd topics."""

    def format_output(self, output: str | None, input: Any = None) -> dict[str, Any]:
        number = int(str(output).split()[-1])
        return {"text": 1 // (1 - number % 2) and output}


def test_an_exception_of_the_tasks_own_code_is_a_failure_and_it_goes_on_after_it(workspace: Workspace) -> None:
    task = Fragile(topics=topics(6), llm=serving())
    rows = task.run(workspace, num_records=6)
    assert [row["topic"] for row in rows] == ["topic 0", "topic 2", "topic 4"]
    assert [failure.fields for failure in task.failures] == [{"offset": 1}, {"offset": 3}, {"offset": 5}]
    failure = task.failures[0]
    assert failure.stage is Stage.CODE
    assert failure.reason.startswith("ZeroDivisionError: integer division or modulo by zero. In format_output, line ")
    assert "test_task_runs.py: return {" in failure.reason
    assert failure.raw_text == "Told: About topic 1"
    assert task.offsets == [0, 2, 4]
    accounted(workspace, task, done=3, failed=3)


def test_without_a_number_of_records_such_an_exception_ends_the_run(workspace: Workspace) -> None:
    task = Fragile(topics=topics(6), llm=serving())
    assert len(task.run(workspace)) == 1
    accounted(workspace, task, done=1, failed=1)


def test_failures_are_tried_again_when_asked_for(workspace: Workspace) -> None:
    Fragile(topics=topics(4), llm=serving()).run(workspace, num_records=4)

    class Mended(Fragile):
        def format_output(self, output: str | None, input: Any = None) -> dict[str, Any]:
            return {"text": output}

    Mended.__name__ = "Fragile"  # the class after it was corrected in the script
    task = Mended(topics=topics(4), llm=serving())
    rows = task.run(workspace, num_records=4, retry_failed=True)
    assert [row["topic"] for row in rows] == topics(4)
    accounted(workspace, task, done=4)
    assert task.offsets == [1, 3]


def test_a_row_that_is_tried_again_and_not_given_any_more_fails_and_the_others_are_given(workspace: Workspace) -> None:
    with pytest.raises(ConfigurationError):
        Choosy(given=[{"a": 0}, {"b": 1}, {"a": 2}, {"ask": 3}], llm=serving(lambda _: ConfigurationError("No."))).run(
            workspace, num_records=4
        )
    task = Choosy(given=[{"a": 0}, {"b": 1}, {"a": 2}, {"ask": 3}], llm=serving())
    assert task.run(workspace, num_records=4, retry_failed=True) == [{"a": 0}, {"a": 2}, {"a": "Told: 3"}]
    assert [failure.reason for failure in task.failures] == ["process() has ended without giving this row."]
    accounted(workspace, task, done=3, failed=1)


class Choosy(Yielding):
    """Gives no row from offset 1 on when it is begun there."""

    def process(self, offset: int = 0) -> GeneratorOutput:
        if offset == 1:
            return
        for row in self.given[offset:]:
            if "ask" in row:
                self.llm.generate(inputs=[chat(str(row["ask"]))])
                row = {"a": f"Told: {row['ask']}"}
            yield row


@pytest.mark.parametrize("together", [1, 4])
def test_anybodys_model_can_be_used_in_a_run(workspace: Workspace, together: int) -> None:
    class Mine:
        def generate_from_input(self, user_inputs: list[str], system_prompt: str = "") -> list[str | None]:
            return [None if text.endswith("2") else f"{text}!" for text in user_inputs]

    class Theirs:
        model_name = "theirs"

        def generate(self, inputs: list[Any], num_generations: int = 1, **_: Any) -> list[Any]:
            if inputs[0][-1]["content"].endswith("2"):
                raise OSError("It went away.")
            return [{"generations": [chat[-1]["content"] + "!"], "statistics": {}} for chat in inputs]

    for llm, name in ((Theirs(), "theirs"), (Mine(), "Mine")):
        task = Asking(topics=topics(4), together=together, llm=llm)
        if isinstance(llm, Mine):  # it gives no reason, so each is tried again, which would take seconds
            task.topics = ["a", "b", "c", "d"]
        rows = task.run(workspace)
        assert [row["text"] is None for row in rows] == [topic.endswith("2") for topic in task.topics]
        assert rows[0]["text"] == f"About {task.topics[0]}!"
        assert rows[0]["model_name"] == name
        accounted(workspace, task, done=4)


def test_a_failed_call_is_none_for_format_output_and_a_row_without_anything_is_a_failure(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> Any:
        return RefusedError("It will not.") if "topic 1" in prompt.messages[0].content else "fine"

    class Answering(Asking):
        def row(self, topic: str, answer: Any) -> dict[str, Any]:
            return {"topic": None, "model_name": "m"} | self.format_output(output=answer)

    task = Answering(topics=topics(3), llm=serving(reply))
    assert len(task.run(workspace)) == 2
    assert [(failure.stage, failure.reason) for failure in task.failures] == [(Stage.REFUSED, "It will not.")]
    accounted(workspace, task, done=2, failed=1)

    telling = Asking(topics=topics(3), llm=serving(reply))  # this one has something to say all the same
    assert [row["text"] for row in telling.run(workspace)] == ["fine", None, "fine"]

    class Stripping(Asking):
        def format_output(self, output: str | None, input: Any = None) -> dict[str, Any]:
            return {"text": output.strip()}  # type: ignore[union-attr]

    stripping = Stripping(topics=topics(3), llm=serving(reply))
    assert len(stripping.run(workspace, num_records=3)) == 2
    assert "AttributeError" in stripping.failures[0].reason
    assert "A call had failed before: It will not." in stripping.failures[0].reason


def test_a_call_that_the_endpoint_never_answers_fails_after_its_retries_and_no_other_with_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("asking", "health"):
        monkeypatch.setattr(f"dataflow_core.running.{module}.BACK_OFF", (0.01, 0.01))

    class Bare(Asking):
        def row(self, topic: str, answer: Any) -> dict[str, Any]:
            return self.format_output(output=answer) | {"topic": None}

    def reply(prompt: Prompt) -> Any:
        return TransientError("It was reset.") if "topic 2" in prompt.messages[0].content else "fine"

    task = Bare(topics=topics(5), together=5, llm=serving(reply))
    assert len(task.run(workspace)) == 4
    assert [(failure.stage, failure.reason) for failure in task.failures] == [(Stage.SERVING, "It was reset.")]
    assert task.failures[0].fields["offset"] == 2
    accounted(workspace, task, done=4, failed=1)


def test_a_wrong_key_stops_the_run_at_once_and_running_again_goes_on(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> Any:
        return "fine" if len(model.prompts) != 3 else ConfigurationError("The key was not accepted.")

    class Catching(Asking):
        def process(self, offset: int = 0) -> GeneratorOutput:
            for rows in super().process(offset):
                try:
                    yield rows
                except Exception:  # noqa: BLE001  whatever its author catches, the run must be able to stop
                    continue

    model = serving(reply)
    task = Catching(topics=topics(5), llm=model)
    with pytest.raises(ConfigurationError, match="The key was not accepted"):
        task.run(workspace)
    (run,) = workspace.runs.all()
    assert (run.state, run.reason) == (RunState.PAUSED, "The key was not accepted.")
    assert workspace.runs.progress(run.id).done == 2
    again = Catching(topics=topics(5), llm=serving())
    assert len(again.run(workspace)) == 5
    assert again.run_id == run.id
    assert again.offsets == [2]
    accounted(workspace, again, done=5)


def test_rows_of_one_yield_that_were_not_stored_in_time_are_not_asked_for_again(workspace: Workspace) -> None:
    with pytest.raises(ConfigurationError):
        Asking(topics=topics(6), together=3, llm=serving(lambda _: ConfigurationError("No."))).run(workspace)
    (run,) = workspace.runs.all()
    kept = {number: {"topic": f"topic {number}", "text": "kept", "model_name": "m"} for number in range(3)}
    OffsetStore(workspace.database, run.id).keep(kept)
    model = serving()
    task = Asking(topics=topics(6), together=3, llm=model)
    assert [row["text"] for row in task.run(workspace)][:4] == ["kept", "kept", "kept", "Told: About topic 3"]
    assert task.offsets == [3]
    assert len(model.prompts) == 3
    accounted(workspace, task, done=6)


def test_a_run_that_is_paused_from_the_app_stands_still_and_the_script_goes_on_with_it(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    def reply(prompt: Prompt) -> str:
        if len(model.prompts) == 4:
            workspace.runs.ask(workspace.runs.all()[0].id, "pause")
        return echo(prompt)

    model = ScriptedServing(reply, delay=0.02)
    rows = Asking(topics=topics(300), together=2, llm=model).run(workspace)
    assert 3 <= len(rows) < 300
    (run,) = workspace.runs.all()
    assert (run.state, run.stopped_by) == (RunState.PAUSED, "person")
    assert "Run the same task again to go on" in caplog.text
    again = serving()
    task = Asking(topics=topics(300), together=2, llm=again)
    assert [row["topic"] for row in task.run(workspace)] == topics(300)
    assert len(model.prompts) + len(again.prompts) == 300
    accounted(workspace, task, done=300)


def test_a_finished_task_is_run_anew_and_another_one_has_a_run_of_its_own(workspace: Workspace) -> None:
    for name in ("a", "a", "b"):
        Asking(name=name, topics=topics(1), llm=serving()).run(workspace)
    Asking(name="a", topics=topics(2), llm=serving()).run(workspace)
    assert len({run.id for run in workspace.runs.all()}) == 4


def test_a_run_that_is_being_executed_is_not_taken_up_a_second_time(workspace: Workspace) -> None:
    class Curious(Asking):
        def row(self, topic: str, answer: Any) -> dict[str, Any]:
            twin = Curious(topics=self.topics, llm=serving())
            with pytest.raises(RunIsLiveError):
                twin.run(workspace)
            with pytest.raises(UsageError, match="running already"):
                self.run(workspace)
            return super().row(topic, answer)

    task = Curious(topics=topics(1), llm=serving())
    task.run(workspace)
    accounted(workspace, task, done=1)


def test_what_is_paid_for_an_offset_without_a_row_is_not_lost_from_the_account(workspace: Workspace) -> None:
    class Deciding(Asking):
        def process(self, offset: int = 0) -> GeneratorOutput:
            yield from super().process(offset)
            self.llm.generate(inputs=[chat("Shall I go on?")])

    task = Deciding(topics=topics(2), llm=serving())
    task.run(workspace)
    accounted(workspace, task, done=2)
    assert workspace.runs.progress(task.run_id).calls == 3


def test_calls_are_logged_each_under_its_step_and_records_know_their_model(workspace: Workspace) -> None:
    task = Asking(topics=topics(4), together=2, llm=serving())
    task.run(workspace)
    with workspace.database.read() as connection:
        steps = connection.exec_driver_sql("select step, prompt_version from calls order by number").all()
    assert [tuple(row) for row in steps] == [("call-1", "Asking"), ("call-2", "Asking")] * 2
    records = list(workspace.records.stream(Query(runs=(task.run_id,))))
    assert {record.model for record in records} == {"scripted"}
    assert [list(record.fields) for record in records] == [["topic", "text", "model_name"]] * 4


def test_the_app_and_the_command_line_say_that_only_the_script_can_go_on(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError):
        Asking(topics=topics(2), llm=serving(lambda _: ConfigurationError("No."))).run(workspace)
    (run,) = workspace.runs.all()
    sentence = "made by the class Asking of a script"
    for act in (workspace.start, workspace.retry):
        with pytest.raises(UsageError, match=sentence):
            act(run.id)
    for verb in ("run", "resume"):
        assert main([verb, run.id, "--workspace", str(workspace.folder), "--quiet"]) == 2
        assert sentence in capsys.readouterr().err
    assert workspace.runs.get(run.id).state is RunState.PAUSED
    task = Asking(topics=topics(2), llm=serving())
    task.run(workspace)
    assert task.run_id == run.id
    accounted(workspace, task, done=2)


def test_a_failure_can_be_written_by_hand_with_the_declared_fields(workspace: Workspace) -> None:
    task = Fragile(topics=topics(2), llm=serving())
    task.run(workspace)
    run = workspace.runs.get(task.run_id)
    assert workspace.blank(run, task.failures[0]) == {"topic": "", "text": "", "model_name": ""}


def test_with_a_storage_the_rows_are_its_next_step_and_returned_as_a_frame(
    workspace: Workspace, tmp_path: Path
) -> None:
    storage = FileStorage("", cache_path=tmp_path / "cache")
    task = Fragile(topics=topics(3), llm=serving())
    frame = task.run(workspace, num_records=3, storage=storage.step())
    assert list(frame["topic"]) == ["topic 0", "topic 2"]
    assert list(storage.step().read()["text"]) == ["Told: About topic 0", "Told: About topic 2"]
    (failure,) = (tmp_path / "cache" / "dataflow_cache_step_step1_failures.jsonl").read_text().splitlines()
    assert json.loads(failure)["stage"] == "code"

    class Storage:
        written: Any = None

        def write(self, frame: Any) -> None:
            self.written = frame

    own = Storage()
    assert list(Yielding(given=[], llm=serving()).run(workspace, storage=own).columns) == ["a"]
    assert list(own.written.columns) == ["a"]

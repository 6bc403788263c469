"""distilabel's documented example, run as it is printed; and with its variable corrected, as our guide teaches it."""

from __future__ import annotations

from typing import Any

from dataflow_core.models import RunState, Stage
from dataflow_core.scripting.generator_task import GeneratorTask
from dataflow_core.scripting.llms import OpenAILLM
from dataflow_core.scripting.pipeline import Pipeline
from dataflow_core.workspace import Workspace
from tests.scripted_endpoint import ScriptedEndpoint
from tests.scripting.distilabel_document import CORRECTED, FIRST, IMPORTS, SECOND, USED


def defined(*parts: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "script"}
    exec("".join([IMPORTS, *parts]), namespace)
    return namespace


def corrected_task(**settings: Any) -> GeneratorTask:
    task: GeneratorTask = defined(CORRECTED)["MyCustomTask"](
        name="custom-generation", instruction="Tell me a joke.", llm=OpenAILLM(model="gpt-4"), **settings
    )
    return task


def test_the_example_runs_as_it_is_printed(endpoint: ScriptedEndpoint) -> None:
    task = defined(FIRST, USED)["task"]
    (row,) = next(task.process())
    assert row["model_name"] == "gpt-4"
    assert row["output_field"] is row  # which the printed code puts there, for it uses one name for two things
    assert [call.body["messages"] for call in endpoint.chats] == [[{"role": "user", "content": "Tell me a joke."}]] * 2


def test_the_second_class_of_the_document_runs_as_it_is_printed(endpoint: ScriptedEndpoint) -> None:
    task = defined(SECOND)["MyCustomTask"](llm=OpenAILLM(model="gpt-4"))
    task.load()
    assert next(task.process())[0]["model_name"] == "gpt-4"


def test_with_the_variable_corrected_the_output_is_the_models_text(endpoint: ScriptedEndpoint) -> None:
    task = corrected_task()
    task.load()
    assert next(task.process()) == [{"model_name": "gpt-4", "output_field": "Answer to: Tell me a joke."}]


def test_a_row_that_holds_itself_is_a_failure_that_says_what_to_do(
    endpoint: ScriptedEndpoint, workspace: Workspace
) -> None:
    task = defined(FIRST, USED)["task"]
    assert task.run(workspace) == []
    (failure,) = task.failures
    assert failure.stage is Stage.CODE
    assert "holds itself" in failure.reason
    assert "result.update(self.format_output(output=output, input=None))" in failure.reason
    run = workspace.runs.get(task.run_id)
    assert run.state is RunState.FINISHED
    assert workspace.runs.progress(run.id).total == 1


def test_in_a_workspace_the_corrected_example_is_one_record(endpoint: ScriptedEndpoint, workspace: Workspace) -> None:
    task = corrected_task()
    rows = task.run(workspace)
    assert rows == [{"output_field": "Answer to: Tell me a joke.", "model_name": "gpt-4"}]
    assert task.failures == []
    run = workspace.runs.get(task.run_id)
    assert (run.state, run.name, run.generator) == (RunState.FINISHED, "custom-generation", "GeneratorTask")
    assert run.params == {
        "task": "MyCustomTask",
        "outputs": ["output_field", "model_name"],
        "fields": {"instruction": "Tell me a joke."},
    }
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.total, progress.calls) == (1, 1, 1)


def test_in_a_pipeline_the_corrected_example_is_one_row(endpoint: ScriptedEndpoint, workspace: Workspace) -> None:
    made = defined(CORRECTED)
    with Pipeline("jokes") as pipeline:
        made["MyCustomTask"](name="joke", instruction="Tell me a joke.", llm=OpenAILLM(model="gpt-4"))
    result = pipeline.run(workspace)
    assert result["default"]["train"] == [{"output_field": "Answer to: Tell me a joke.", "model_name": "gpt-4"}]


def test_in_a_pipeline_the_printed_example_is_told_of_as_a_failure(
    endpoint: ScriptedEndpoint, workspace: Workspace
) -> None:
    made = defined(FIRST)
    with Pipeline("jokes") as pipeline:
        made["MyCustomTask"](name="joke", instruction="Tell me a joke.", llm=OpenAILLM(model="gpt-4"))
    result = pipeline.run(workspace)
    assert result["default"]["train"] == []
    assert "holds itself" in result.failures["joke"][0].reason

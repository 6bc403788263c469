from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataflow_core.errors import ConfigurationError, UsageError
from dataflow_core.home import Home
from dataflow_core.models import Prompt, Run, RunState
from dataflow_core.scripting.llms import OpenAILLM
from dataflow_core.scripting.para_seq import ParaSeqTaskGenerator
from dataflow_core.scripting.pipeline import Export, Pipeline
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.scripted_endpoint import ScriptedEndpoint, para_seq_replies
from tests.scripting.tasks import Asking, Yielding, topics
from tests.support import ENDPOINT, answer_relations, plan_tasks


class Atomic(Asking):
    """Writes tasks for ParaSeq."""

    @property
    def outputs(self) -> list[str]:
        return ["atom_task", "topic", "model_name"]

    def format_output(self, output: str | None, input: Any = None) -> dict[str, Any]:
        return {"atom_task": output}


def answer(prompt: Prompt) -> str:
    text = prompt.messages[-1].content
    return f"Do {text.removeprefix('About ')}." if text.startswith("About ") else answer_relations(prompt)


def tasks_and_relations(model: ScriptedServing, *, path: Path | None = None, count: int = 3) -> Pipeline:
    with Pipeline("tasks and relations") as pipeline:
        atomic = Atomic(name="atomic", topics=topics(count), llm=model)
        relations = ParaSeqTaskGenerator(model, input_task_key="atom_task")
        atomic >> relations
        if path is not None:
            relations >> Export(path)
    return pipeline


def test_one_steps_records_are_the_next_ones_inputs_and_the_last_ones_are_written(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "relations.jsonl"
    result = tasks_and_relations(ScriptedServing(answer), path=path).run(workspace)
    train = result["default"]["train"]
    assert [row["topic"] for row in train] == topics(3)
    assert train[0]["atom_task"] == "Do topic 0."
    assert train[0]["composition_task"] == "All: Do topic 0."
    assert [json.loads(line) for line in path.read_text().splitlines()] == train
    assert list(train.to_pandas().columns) == train.column_names
    assert [run.generator for run in workspace.runs.all()] == ["ParaSeqTaskGenerator", "GeneratorTask"]
    assert list(result.runs) == ["atomic", "ParaSeqTaskGenerator"]
    assert result.failures == {}


def test_a_second_run_does_nothing_again_but_for_what_has_changed(workspace: Workspace) -> None:
    model = ScriptedServing(answer)
    first = tasks_and_relations(model).run(workspace)
    made = len(model.prompts)
    assert tasks_and_relations(model).run(workspace) == first
    assert len(model.prompts) == made == 6
    atomic = Query(runs=(first.runs["atomic"],))
    record = next(one for one in workspace.records.stream(atomic) if one.fields["topic"] == "topic 1")
    workspace.review.edit(record.id, {"atom_task": "Do it by hand."}, author="me", base_revision=1)
    again = tasks_and_relations(model).run(workspace)
    assert again["default"]["train"][1]["atom_task"] == "Do it by hand."
    assert len(model.prompts) == made + 3
    tasks_and_relations(model).run(workspace, use_cache=False)
    assert len(model.prompts) == made + 3 + 6


def test_a_pipeline_that_was_stopped_goes_on_where_it_stood(workspace: Workspace) -> None:
    def reply(prompt: Prompt) -> Any:
        return ConfigurationError("The key was not accepted.") if len(failing.prompts) == 5 else answer(prompt)

    failing = ScriptedServing(reply, max_workers=1)
    with pytest.raises(Exception, match="The key was not accepted"):
        tasks_and_relations(failing).run(workspace)
    assert [run.state for run in workspace.runs.all()] == [RunState.PAUSED, RunState.FINISHED]
    model = ScriptedServing(answer)
    result = tasks_and_relations(model).run(workspace)
    assert len(result["default"]["train"]) == 3
    assert len(model.prompts) == 2
    assert len(workspace.runs.all()) == 2


def test_several_last_steps_have_their_names(workspace: Workspace) -> None:
    model = ScriptedServing(answer)
    with Pipeline("two") as pipeline:
        Yielding(name="one", given=[{"a": 1}], llm=model)
        Yielding(name="one", given=[{"a": 2}], llm=model)
    result = pipeline.run(workspace)
    assert {name: list(part["train"]) for name, part in result.items()} == {"one": [{"a": 1}], "one_2": [{"a": 2}]}


def test_parameters_set_fields_of_steps_by_their_names(workspace: Workspace, endpoint: ScriptedEndpoint) -> None:
    with Pipeline("p") as pipeline:
        Asking(name="ask", topics=[], llm=OpenAILLM(model="gpt-4"))
    parameters: dict[str, Any] = {
        "ask": {
            "topics": topics(5),
            "num_records": 2,
            "llm": {"generation_kwargs": {"temperature": 0.7}},
        }
    }
    assert len(pipeline.run(workspace, parameters=parameters)["default"]["train"]) == 2
    assert [call.body["temperature"] for call in endpoint.chats] == [0.7, 0.7]
    wrong: Any
    for wrong, sentence in (({"x": {}}, "no step 'x'"), ({"ask": {"topic": 1}}, "no parameter 'topic'")):
        with pytest.raises(UsageError, match=sentence):
            pipeline.run(workspace, parameters=wrong)


def test_without_a_workspace_it_is_the_apps_with_the_pipelines_name(endpoint: ScriptedEndpoint, tmp_path: Path) -> None:
    for _ in range(2):
        with Pipeline("jokes") as pipeline:
            Asking(topics=["a joke"], llm=OpenAILLM(model="gpt-4"))
        assert pipeline.run()["default"]["train"][0]["text"] == "Answer to: About a joke"
    assert len(endpoint.chats) == 1
    assert Home(tmp_path / "home").names() == ["jokes"]


def test_a_task_and_a_generator_of_the_library_reach_one_endpoint(workspace: Workspace) -> None:
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        llm = OpenAILLM(model="m", base_url=endpoint.url)
        with Pipeline("p") as pipeline:
            Atomic(topics=["a"], llm=llm) >> ParaSeqTaskGenerator(llm, input_task_key="atom_task")
        (row,) = pipeline.run(workspace)["default"]["train"]
        assert row["parallel_task"]
        assert len(endpoint.chats) == 2


def test_anything_that_plans_a_run_from_rows_can_be_a_step(workspace: Workspace) -> None:
    class Mine:
        name = "mine"
        llm_serving = ScriptedServing(answer_relations)

        def plan_run(self, workspace: Workspace, rows: list[dict[str, Any]]) -> Run:
            return plan_tasks(workspace, [row["atom_task"] for row in rows], endpoint=ENDPOINT)

    with Pipeline("p") as pipeline:
        Atomic(topics=["a"], llm=ScriptedServing(answer)) >> Mine()
    assert pipeline.run(workspace)["default"]["train"][0]["parallel_task"] == "Beside: Do a."


def test_steps_that_do_not_fit_are_refused_in_a_sentence(workspace: Workspace, tmp_path: Path) -> None:
    model = ScriptedServing(answer)
    with Pipeline("p") as pipeline:
        first, second = Asking(topics=["a"], llm=model), Asking(topics=["a"], llm=model)
        with pytest.raises(UsageError, match="cannot follow"):
            first >> second
        with pytest.raises(UsageError, match="int cannot be a step"):
            first >> 5
        export = Export(tmp_path / "a.jsonl")
        first >> export
        with pytest.raises(UsageError, match="takes the records of another step already"):
            second >> export
        second >> ParaSeqTaskGenerator(model, input_task_key="nothing")
    with pytest.raises(UsageError, match="There is no column 'nothing'"):
        pipeline.run(workspace)
    with Pipeline("nothing") as nothing:
        Yielding(given=[], llm=model) >> ParaSeqTaskGenerator(model, input_task_key="a")
    with pytest.raises(UsageError, match="has nothing to do: the step before it has not one record"):
        nothing.run(workspace)
    with pytest.raises(UsageError, match="has no steps"):
        Pipeline("empty").run(workspace)
    with pytest.raises(UsageError, match="no format 'docx'"):
        Export(tmp_path / "a.docx", format="docx")

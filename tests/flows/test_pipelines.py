"""Pipelines: one step's records are the next one's inputs, and running the steps again goes on where they stand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dataflow_core.errors import RunIsLiveError, UsageError
from dataflow_core.flows.pipeline_files import read_pipeline
from dataflow_core.flows.pipelines import (
    DialoguesStep,
    ExportStep,
    PipelineOutcome,
    RecipeStep,
    Step,
    TasksStep,
    run_pipeline,
)
from dataflow_core.models import Budget, Endpoint, Prompt, ReviewStatus, Run
from dataflow_core.planning.recipes import read_recipe, recipe_as_yaml
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import runs
from dataflow_core.workspace import Workspace
from tests.scripted_endpoint import Reply, Request, ScriptedEndpoint, delayed, valid_replies
from tests.support import ENDPOINT, INTENTS, answer_relations
from tests.virtual_time import run_virtually

TWICE: dict[str, Any] = {f"output_{what}_task_key": f"{what}_2" for what in ("parallel", "subsequent", "composition")}
TASKS = TasksStep(file="in.jsonl", input_task_key="atom_task")
AND_AGAIN = TasksStep(input_task_key="composition_task", **TWICE)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    text = "".join(json.dumps({"id": number, "atom_task": f"Task {number}."}) + "\n" for number in range(3))
    (tmp_path / "in.jsonl").write_text(text)
    return tmp_path


class Pipe:
    """Runs steps in a workspace against a script, and notes what was asked and said."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.asked: list[str] = []
        self.said: list[str] = []
        self.fails: Callable[[Prompt], bool] = lambda _: False
        self.limit: int | None = None

    def __call__(self, *steps: Step, **settings: Any) -> PipelineOutcome:
        self.asked.clear()
        self.said.clear()
        settings = {"name": "Travel", "endpoint": ENDPOINT, **settings}
        return run_pipeline(steps, workspace=self.workspace, execute=self._execute, say=self.said.append, **settings)

    def _execute(self, workspace: Workspace, run: Run) -> None:
        limited(workspace, run, self.limit)
        run_virtually(workspace.execute(run.id, serving=ScriptedServing(self._reply)))

    def _reply(self, prompt: Prompt) -> str:
        self.asked.append(prompt.messages[-1].content)
        return "no" if self.fails(prompt) else answer_relations(prompt)

    def records(self, run_id: str) -> list[dict[str, Any]]:
        return [record.fields for record in self.workspace.records.stream(Query(runs=(run_id,)))]

    def judge(self, run_id: str, status: ReviewStatus, *, most: int | None = None) -> None:
        waiting = self.workspace.records.page(self.workspace.records.numbers(Query(runs=(run_id,))))
        chosen = [record for record in waiting if record.status is ReviewStatus.UNREVIEWED][:most]
        self.workspace.review.decide({record.id: record.revision for record in chosen}, status, reviewer="Ada")


def limited(workspace: Workspace, run: Run, limit: int | None) -> None:
    """Have the run that is about to be taken up stop after so many inputs."""
    with workspace.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == run.id).values(take_up=limit))


@pytest.fixture
def pipe(workspace: Workspace) -> Pipe:
    return Pipe(workspace)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_records_of_a_step_are_the_inputs_of_the_next_one(pipe: Pipe, folder: Path) -> None:
    outcome = pipe(TASKS, AND_AGAIN, ExportStep("out.jsonl"))
    assert (outcome.state, outcome.failures) == ("finished", 0)
    first, second = lines(folder / "out.jsonl")[:2]
    assert list(first) == [
        "id", "atom_task", "parallel_task", "subsequent_task", "composition_task",
        "parallel_2", "subsequent_2", "composition_2",
    ]  # fmt: skip
    assert second["composition_2"] == "All: All: Task 1."
    assert outcome.sentence == "“Travel” is finished: 3 records in out.jsonl."
    one, two = (pipe.workspace.runs.get(run) for run in outcome.runs)
    assert (one.source["pipeline"], one.source["step"], one.source["name"]) == ("Travel", 1, "in.jsonl")
    assert (two.source["step"], two.source["of run"], two.source["lines"]) == (2, one.id, 3)


def test_run_again_nothing_is_done_twice_but_the_export(pipe: Pipe, folder: Path) -> None:
    first = pipe(TASKS, AND_AGAIN, ExportStep("out.jsonl"))
    (folder / "out.jsonl").unlink()
    again = pipe(TASKS, AND_AGAIN, ExportStep("out.jsonl"))
    assert pipe.asked == []
    assert again.runs == first.runs
    assert pipe.said[0] == "Step 1 (tasks): 3 records, made before."
    assert len(lines(folder / "out.jsonl")) == 3


def test_a_step_that_was_stopped_goes_on_where_it_stood(pipe: Pipe) -> None:
    pipe.limit = 1
    stopped = pipe(TASKS, AND_AGAIN)
    assert stopped.state == "stopped"
    assert "Step 1 (tasks) has stopped. Tried on 1 of 3 inputs. To go on, run the pipeline again." in stopped.sentence
    assert len(stopped.runs) == 1
    pipe.limit = None
    finished = pipe(TASKS, AND_AGAIN)
    assert pipe.said[0] == "Step 1 (tasks) goes on: 2 of 3 inputs to do."
    assert finished.state == "finished"
    assert finished.runs[0] == stopped.runs[0]
    assert len(pipe.asked) == 5


def test_a_process_that_is_killed_costs_nothing_that_was_done(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(workspace: Workspace, run: Run) -> None:
        limited(workspace, run, 2)
        run_virtually(workspace.execute(run.id, serving=ScriptedServing(pipe._reply)))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipe, "_execute", killed)
        with pytest.raises(KeyboardInterrupt):
            pipe(TASKS)
    assert pipe(TASKS).state == "finished"
    assert len(pipe.asked) == 1


def test_a_step_for_accepted_records_waits_for_the_review_and_then_goes_on(pipe: Pipe) -> None:
    accepted = TasksStep(input_task_key="composition_task", only_accepted=True, **TWICE)
    waits = pipe(TASKS, accepted)
    assert waits.state == "waiting"
    assert (
        "Step 2 takes accepted records only, and 3 records of step 1 (“in.jsonl”) wait for a review." in waits.sentence
    )
    assert "Then run the pipeline again" in waits.sentence
    pipe.judge(waits.runs[0], ReviewStatus.ACCEPTED, most=1)
    pipe.judge(waits.runs[0], ReviewStatus.REJECTED, most=1)
    assert "1 record of step 1 (“in.jsonl”) waits for a review." in pipe(TASKS, accepted).sentence
    pipe.judge(waits.runs[0], ReviewStatus.FLAGGED)
    assert "(1 of them flagged) waits" in pipe(TASKS, accepted).sentence
    (flagged,) = pipe.workspace.records.stream(Query(statuses=(ReviewStatus.FLAGGED,)))
    pipe.workspace.review.decide({flagged.id: flagged.revision}, ReviewStatus.ACCEPTED, reviewer="Ada")
    finished = pipe(TASKS, accepted)
    assert finished.state == "finished"
    assert [fields["atom_task"] for fields in pipe.records(finished.runs[1])] == ["Task 0.", "Task 2."]


def test_where_nothing_was_accepted_it_says_so_and_stops(pipe: Pipe) -> None:
    accepted = TasksStep(input_task_key="composition_task", only_accepted=True, **TWICE)
    waits = pipe(TASKS, accepted)
    pipe.judge(waits.runs[0], ReviewStatus.REJECTED)
    stopped = pipe(TASKS, accepted)
    assert (stopped.state, stopped.sentence) == (
        "stopped",
        "Step 2 has nothing to go on with: of step 1 (“in.jsonl”), none of its records was accepted.",
    )


def test_an_export_of_accepted_records_waits_too(pipe: Pipe, folder: Path) -> None:
    assert pipe(TASKS, ExportStep("out.jsonl", only_accepted=True)).state == "waiting"
    assert not (folder / "out.jsonl").exists()


def test_rejected_records_do_not_go_on(pipe: Pipe) -> None:
    begun = pipe(TASKS)
    pipe.judge(begun.runs[0], ReviewStatus.REJECTED, most=2)
    outcome = pipe(TASKS, AND_AGAIN)
    assert [fields["atom_task"] for fields in pipe.records(outcome.runs[1])] == ["Task 2."]


def test_a_changed_step_and_those_after_it_are_made_anew(pipe: Pipe) -> None:
    first = pipe(TASKS, AND_AGAIN)
    warmer = TasksStep(file="in.jsonl", input_task_key="atom_task", temperature=0.2)
    second = pipe(warmer, AND_AGAIN)
    assert not set(first.runs) & set(second.runs)
    assert "Step 1 (tasks) is another than it was: it is made anew." in pipe.said
    assert "Step 2 (tasks) is another than it was: it is made anew." in pipe.said
    third = pipe(warmer, TasksStep(input_task_key="parallel_task", **TWICE))
    assert third.runs[0] == second.runs[0]
    assert third.runs[1] not in second.runs


def test_another_file_content_model_or_pipeline_name_is_another_run(pipe: Pipe, folder: Path) -> None:
    (run,) = pipe(TASKS).runs
    renamed = TasksStep(file="in.jsonl", input_task_key="atom_task", name="Atoms", budget=Budget(10_000))
    assert pipe(renamed).runs == (run,)
    moved = Endpoint("moved", base_url="http://127.0.0.1:9/v2", model=ENDPOINT.model)
    assert pipe(TASKS, endpoint=moved).runs == (run,)
    other = Endpoint("other", base_url=ENDPOINT.base_url, model="another")
    assert pipe(TASKS, endpoint=other).runs != (run,)
    assert pipe(TASKS, name="Other").runs != (run,)
    (folder / "in.jsonl").write_text('{"atom_task": "Another."}\n')
    assert pipe(TASKS).runs != (run,)


def test_failures_are_left_behind_and_counted(pipe: Pipe) -> None:
    pipe.fails = lambda prompt: any("Task 1." in message.content for message in prompt.messages)
    outcome = pipe(TASKS, AND_AGAIN)
    assert (outcome.state, outcome.failures) == ("finished", 1)
    assert "Step 1 (tasks): 2 records, 1 failed." in pipe.said
    assert len(pipe.records(outcome.runs[1])) == 2


def test_where_everything_failed_it_stops(pipe: Pipe) -> None:
    pipe.fails = lambda _: True
    assert "it has no records that were not turned down" in pipe(TASKS, AND_AGAIN).sentence


def test_what_a_person_cancelled_goes_on(pipe: Pipe) -> None:
    pipe.limit = 1
    (run,) = pipe(TASKS).runs
    pipe.workspace.runs.ask(run, "cancel")
    pipe.limit = None
    outcome = pipe(TASKS)
    assert (outcome.state, len(pipe.records(run))) == ("finished", 3)


def test_a_step_that_another_process_executes_is_left_alone(pipe: Pipe) -> None:
    pipe.limit = 1
    (run,) = pipe(TASKS).runs
    pipe.workspace.runs.enqueue(run, limit=None)
    with pytest.raises(RunIsLiveError, match=r"Step 1 \(tasks\) is being executed already"):
        pipe(TASKS)


def test_dialogues_can_be_a_first_step(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    for intent in INTENTS:
        pipe.workspace.intents.save(intent)

    def reply(prompt: Prompt) -> str:
        asks = "questions" in prompt.messages[0].content
        return json.dumps({"questions": ["Why?", "How?"]} if asks else {"answers": ["So.", "Thus."]})

    monkeypatch.setattr(pipe, "_reply", reply)
    step = DialoguesStep(intents=("cooking",), num_dialogs_per_intent=2, num_turns_per_dialog=4)
    outcome = pipe(step)
    assert {fields["category"] for fields in pipe.records(outcome.runs[0])} == {"Cooking"}
    assert pipe(step).runs == outcome.runs
    with pytest.raises(UsageError, match=r"Step 1 \(dialogues\): There is no intent 'Baking'"):
        pipe(DialoguesStep(intents=("Baking",)))


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ((), "has no steps"),
        ((ExportStep("x"),), "Step 1 exports, but nothing has been made"),
        ((TasksStep(),), "Step 1 makes tasks from nothing: name its file"),
        ((TASKS, TASKS), "Step 2 names a file"),
        ((TASKS, DialoguesStep()), "Step 2 plans dialogues"),
        ((TasksStep(file="in.jsonl", only_accepted=True),), "Step 1 has only_accepted"),
        ((TasksStep(file="none.jsonl"),), r"Step 1 \(tasks\): none.jsonl cannot be read"),
        ((TasksStep(file="in.jsonl", input_task_key="work"),), "no column “work”"),
        ((TASKS, TasksStep(input_task_key="atom_task")), r"Step 2 \(tasks\): The output name 'parallel_task' is also"),
        ((TASKS, TasksStep(input_task_key="work", **TWICE)), "There is no column 'work'. The columns are: id, atom"),
        ((TASKS, ExportStep("none/out.jsonl")), r"Step 2 \(out.jsonl\): The folder none does not exist"),
        ((TasksStep(file="in.jsonl", endpoint="Nobody"),), "no endpoint 'Nobody'"),
    ],
)
def test_steps_that_do_not_fit_are_refused(pipe: Pipe, steps: tuple[Step, ...], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        pipe(*steps)


ATOMIC = {
    "name": "Atoms",
    "instruction": "Write a task about {topic}.",
    "outputs": ["atom_task"],
    "variables": {"topic": ["cats", "dogs"]},
}
ALIKE = RecipeStep({"name": "Titles", "instruction": "A title for: {atom_task}", "outputs": ["title"]})


@pytest.fixture
def with_recipes(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> Pipe:
    def reply(prompt: Prompt) -> str:
        pipe.asked.append(asked := prompt.messages[-1].content)
        if "Write a task" in asked:
            return json.dumps({"atom_task": f"Task: {asked[-6:]}"})
        return json.dumps({"title": f"On {asked[-6:]}"}) if "A title" in asked else answer_relations(prompt)

    monkeypatch.setattr(pipe, "_reply", reply)
    return pipe


def test_a_recipe_writes_the_tasks_that_the_next_step_takes(with_recipes: Pipe, folder: Path) -> None:
    steps = (RecipeStep(ATOMIC, count=4), TasksStep(input_task_key="atom_task"), ExportStep("out.jsonl"))
    outcome = with_recipes(*steps)
    assert outcome.state == "finished"
    written = lines(folder / "out.jsonl")
    assert len(written) == 4
    assert list(written[0]) == [
        "atom_task", "model_name", "parallel_task", "subsequent_task", "composition_task",
    ]  # fmt: skip
    assert with_recipes(*steps).runs == outcome.runs
    assert with_recipes.asked == []


def test_a_recipe_makes_one_record_of_each_before_it(with_recipes: Pipe) -> None:
    outcome = with_recipes(TASKS, ALIKE)
    titles = [fields["title"] for fields in with_recipes.records(outcome.runs[1])]
    assert len(titles) == 3
    source = with_recipes.workspace.runs.get(outcome.runs[1]).source
    assert (source["of run"], source["step"]) == (outcome.runs[0], 2)


def test_a_recipe_comes_from_a_file_a_name_or_itself(with_recipes: Pipe, folder: Path) -> None:
    recipe = read_recipe(ATOMIC)
    (folder / "atoms.yaml").write_text(recipe_as_yaml(recipe))
    with_recipes.workspace.recipes.save(recipe)
    runs = {with_recipes(RecipeStep(named, count=2)).runs for named in (recipe, ATOMIC, "atoms.yaml", "atoms")}
    assert len(runs) == 1
    with pytest.raises(UsageError, match=r"neither a file .* nor a recipe 'Poems'. The recipes are: .*Atoms"):
        with_recipes(RecipeStep("Poems", count=2))
    (folder / "atoms.yaml").write_text("name: [")
    with pytest.raises(UsageError, match="Step 1 \\(atoms\\): The recipe is not valid YAML, line 2"):
        with_recipes(RecipeStep("atoms.yaml", count=2))
    (folder / "atoms.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(UsageError, match=r"Step 1 \(atoms\): .*atoms.yaml is no text in UTF-8"):
        with_recipes(RecipeStep("atoms.yaml", count=2))
    with pytest.raises(UsageError, match="say with count how many"):
        with_recipes(RecipeStep("atoms"))
    with pytest.raises(UsageError, match="atom_task"):
        with_recipes(RecipeStep(ALIKE.recipe, count=1), name="Alone")


def test_a_changed_recipe_is_another_run(with_recipes: Pipe) -> None:
    first = with_recipes(RecipeStep(ATOMIC, count=2))
    assert with_recipes(RecipeStep(ATOMIC | {"instruction": "Write a task on {topic}!"}, count=2)).runs != first.runs


def test_it_runs_by_itself_also_within_an_event_loop(folder: Path) -> None:
    async def in_notebook(endpoint: Endpoint) -> PipelineOutcome:
        return run_pipeline([TASKS, ExportStep("out.jsonl")], name="N", workspace="made", endpoint=endpoint)

    with ScriptedEndpoint(valid_replies) as server:
        outcome = asyncio.run(in_notebook(Endpoint("S", base_url=server.url, model="m")))
    assert outcome.state == "finished"
    assert len(lines(folder / "out.jsonl")) == 3


def test_an_interrupt_in_a_notebook_stops_the_run_instead_of_waiting_for_its_end(folder: Path) -> None:
    tasks = "".join(json.dumps({"atom_task": f"Task {number}."}) + "\n" for number in range(400))
    (folder / "in.jsonl").write_text(tasks)

    def interrupting(request: Request) -> Reply:
        if len(server.chats) == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return delayed(valid_replies, 0.02)(request)

    async def in_notebook() -> PipelineOutcome:
        endpoint = Endpoint("S", base_url=server.url, model="m", max_workers=2)
        return run_pipeline([TASKS], name="N", workspace="made", endpoint=endpoint)

    loop = asyncio.new_event_loop()  # unlike `asyncio.run`, it leaves the interrupt to whoever is called, as there
    with ScriptedEndpoint(interrupting) as server, closing(loop), pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(in_notebook())
    workspace = Workspace(folder / "made")
    (run,) = workspace.runs.all()
    assert not run.state.is_live
    assert workspace.runs.progress(run.id).pending > 0
    workspace.close()


# ---- Files

PIPELINE = """\
name: Travel tasks
workspace: travel
endpoint:
  model: m
  base_url: URL
steps:
  - generator: ParaSeqTaskGenerator
    file: in.jsonl
    input_task_key: atom_task
  - generator: ParaSeqTaskGenerator
    input_task_key: composition_task
    output_parallel_task_key: beside
    output_subsequent_task_key: after
    output_composition_task_key: both
    only_accepted: true
    budget:
      tokens: 100000
  - export: out.jsonl
    format: dataflow
"""


def test_a_file_says_it_all(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "p.yaml").write_text(PIPELINE.replace("URL", "http://127.0.0.1:9/v1"))
    read = read_pipeline("sub/p.yaml")
    assert read.name == "Travel tasks"
    assert read.workspace == folder.resolve() / "sub" / "travel"
    assert read.endpoint == Endpoint("m", base_url="http://127.0.0.1:9/v1", model="m")
    first, second, export = read.steps
    assert first == TASKS
    assert isinstance(second, TasksStep)
    assert (second.only_accepted, second.budget) == (True, Budget(100_000))
    assert export == ExportStep("out.jsonl")


def test_a_files_recipe_may_be_written_out(folder: Path) -> None:
    text = """\
steps:
  - recipe:
      name: Atoms
      instruction: Write a task about {topic}.
      outputs: [atom_task]
      variables: {topic: [cats, dogs]}
    count: 2
  - export: out.jsonl
"""
    (folder / "p.yaml").write_text(text)
    read = read_pipeline("p.yaml")
    assert (read.name, read.workspace, read.endpoint) == ("p", None, None)
    assert read.steps[0] == RecipeStep(ATOMIC, count=2)
    (folder / "p.yaml").write_text(text.replace("count", "cuont"))
    with pytest.raises(UsageError, match=r"line 7: A recipe's step has no 'cuont'. Did you mean 'count'"):
        read_pipeline("p.yaml")


def test_a_step_may_name_an_endpoint_of_the_workspace_or_the_embedded_model(folder: Path) -> None:
    text = PIPELINE.replace("    file: in", "    endpoint: Mine\n    file: in").replace("URL", "http://127.0.0.1:9/v1")
    (folder / "p.yaml").write_text(text)
    step = read_pipeline("p.yaml").steps[0]
    assert isinstance(step, TasksStep)
    assert step.endpoint == "Mine"
    (folder / "p.yaml").write_text(text.replace("endpoint: Mine", "endpoint: embedded"))
    step = read_pipeline("p.yaml").steps[0]
    assert isinstance(step, TasksStep)
    assert isinstance(step.endpoint, Endpoint)
    assert step.endpoint.kind == "embedded"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("steps:", "stages:", "p.yaml: This is not a pipeline: it has no list of “steps”"),
        ("name: Travel", "nme: Travel", "line 1: A pipeline has no 'nme'. Did you mean 'name'?"),
        ("ParaSeqTaskGenerator\n    file", "ParaSeqGenerator\n    file", "line 7: .* mean ParaSeqTaskGenerator?"),
        ("- generator: ParaSeqTaskGenerator\n    file", "- generate: x\n    file", "line 7: A step has a generator"),
        ("input_task_key: comp", "input_key: comp", "line 11: .* has no 'input_key'. Did you mean 'input_task_key'?"),
        ("only_accepted: true", "only_accepted: maybe", "line 15: 'only_accepted' of a step of ParaSeqTask.*boolean"),
        ("tokens: 100000", "token: 100000", "line 17: The budget has no 'token'. Did you mean 'tokens'?"),
        ("format: dataflow", "fromat: dataflow", "line 19: An export has no 'fromat'. Did you mean 'format'?"),
        ("export: out.jsonl", "export: [1]", "line 18: “export” names the file to write"),
        ("  model: m", "  modle: m", "line 4: The endpoint has no 'modle'. Did you mean 'model'?"),
        ("http://127.0.0.1:9/v1", "127.0.0.1", "line 3: The address “127.0.0.1” must begin with"),
        ("workspace: travel", "workspace: 3", "line 2: “workspace” must be a text"),
        ("  - export", " - export", "not valid YAML, line 18"),
        ("    file: in.jsonl\n", "", "line 6: Step 1 makes tasks from nothing"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said_with_its_line(folder: Path, old: str, new: str, complaint: str) -> None:
    text = PIPELINE.replace("URL", "http://127.0.0.1:9/v1")
    assert old in text
    (folder / "p.yaml").write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=complaint):
        read_pipeline("p.yaml")

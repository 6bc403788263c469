"""The steps of a pipeline: each takes the rows of the one before and is a run of the workspace."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.exporting.engine import write_export
from dataflow_core.generators import GENERATORS, build_generator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.models import NOT_TURNED_DOWN, Fields, Run, RunState
from dataflow_core.planning.recipes import draw
from dataflow_core.running.health import RESUME
from dataflow_core.scripting.blocking import run_blocking
from dataflow_core.scripting.foreign import Reach
from dataflow_core.scripting.generator_task import GeneratorTask
from dataflow_core.scripting.llms import LLM
from dataflow_core.scripting.pipeline import Export
from dataflow_core.scripting.task_runs import run_in_workspace
from dataflow_core.scripting.typing import Row
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Given:
    """What a step is executed with: its place, the rows and the run of the step before, and whether a run that is
    finished or unfinished may be gone on with.
    """

    workspace: Workspace
    pipeline: str
    name: str
    rows: list[Row] | None
    before: Run | None
    use_cache: bool
    settings: dict[str, Any]

    @property
    def source(self) -> Fields:
        """What tells the step's run from others; changed rows make another run."""
        found: Fields = {"name": "pipeline", "pipeline": self.pipeline, "step": self.name}
        if self.rows is not None:
            text = json.dumps(self.rows, sort_keys=True, ensure_ascii=True)
            found["rows"] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return found


class ExportStep:
    """Writes the records of the step before that nobody has turned down, and hands the step on."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self.name = export.name

    def execute(self, given: Given) -> Run:
        if given.before is None:
            raise UsageError(
                "An Export writes the records of the step before it. Connect one to it: step >> Export(…)."
            )
        query = Query(runs=(given.before.id,), statuses=NOT_TURNED_DOWN)
        write_export(given.workspace.records, query, self.export.path, format_name=self.export.format)
        return given.before


class TaskStep:
    """A `GeneratorTask`, which makes its rows from nothing."""

    def __init__(self, task: GeneratorTask) -> None:
        self.task = task
        self.name = task.name or type(task).__name__

    def execute(self, given: Given) -> Run:
        settings = dict(given.settings)
        num_records = settings.pop("num_records", None)
        _set_all(self.task, settings, self.name)
        reuse = given.use_cache and self.task.use_cache
        run = run_in_workspace(
            self.task,
            given.workspace,
            num_records=num_records,
            source=given.source,
            reuse_finished=reuse,
            go_on=reuse,
        )
        return _ended(run, self.name)


class GeneratorStep:
    """A generator of the library that makes one record from each row: it has `name`, `params` and `llm_serving`."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator
        self.name = str(generator.name)

    def execute(self, given: Given) -> Run:
        if given.rows is None:
            raise UsageError(f"{self.name} takes the records of another step. Connect one to it: step >> {self.name}.")
        if not given.rows:
            raise UsageError(f"“{given.name}” has nothing to do: the step before it has not one record.")
        if given.settings:
            raise UsageError(f"The step {self.name} has no parameters to be set when the pipeline is run.")
        reach = LLM.of(self.generator.llm_serving).reach()
        params, rows = dict(self.generator.params), given.rows
        pure = build_generator(self.name, params, recipe=reach.endpoint.recipe)
        if isinstance(pure, ParaSeqTaskGenerator):
            pure.check_columns(dict.fromkeys(name for row in rows for name in row))
        if isinstance(pure, CustomGenerator):
            rows = list(draw(pure.custom, seed=pure.seed, inputs=rows))
        run = self._found(given, params, reach) if given.use_cache else None
        if run is None:
            plan = RunPlan(
                name=given.name,
                generator=self.name,
                params=params,
                endpoint=reach.endpoint,
                prompt_version=pure.prompt_version,
                inputs=rows,
                source=given.source | {"lines": len(rows), "skipped": 0},
            )
            run = given.workspace.runs.create(plan)
        return _ended(execute_run(given.workspace, run, reach), given.name)

    def _found(self, given: Given, params: Fields, reach: Reach) -> Run | None:
        for run in given.workspace.runs.all():
            is_same = run.generator == self.name and run.params == params and run.endpoint.model == reach.endpoint.model
            is_same = is_same and all(run.source.get(key) == value for key, value in given.source.items())
            if is_same and run.state is not RunState.CANCELLED:
                return run
        return None


class PlannedStep:
    """Anything with a `name` and `plan_run(workspace, rows)`, which plans a run and returns it."""

    def __init__(self, what: Any) -> None:
        self.what = what
        self.name = str(what.name)

    def execute(self, given: Given) -> Run:
        run: Run = self.what.plan_run(given.workspace, given.rows)
        serving = getattr(self.what, "llm_serving", None)
        reach = Reach(run.endpoint) if serving is None else LLM.of(serving).reach()
        return _ended(execute_run(given.workspace, run, reach), given.name)


Step = TaskStep | GeneratorStep | PlannedStep | ExportStep


def step_of(what: Any) -> Step:
    """Raises `UsageError` for what cannot be a step."""
    if isinstance(what, Export):
        return ExportStep(what)
    if isinstance(what, GeneratorTask):
        return TaskStep(what)
    if callable(getattr(what, "plan_run", None)) and hasattr(what, "name"):
        return PlannedStep(what)
    if getattr(what, "name", None) in GENERATORS and hasattr(what, "params") and hasattr(what, "llm_serving"):
        return GeneratorStep(what)
    raise UsageError(
        f"{type(what).__name__} cannot be a step of a pipeline. Steps are GeneratorTasks, ParaSeqTaskGenerator, "
        "RecipeGenerator, Export, and objects with a name and plan_run(workspace, rows)."
    )


def execute_run(workspace: Workspace, run: Run, reach: Reach) -> Run:
    """Execute a planned run to its end, unless it is there already. Blocks, also within a running event loop."""
    if run.state is RunState.FINISHED:
        return run
    workspace.runs.enqueue(run.id, limit=None, endpoint=reach.endpoint, is_here=True)
    run_blocking(lambda: workspace.execute(run.id, serving=reach.open(workspace.open_serving)))
    return workspace.runs.get(run.id)


def unique(name: str, taken: Iterable[str]) -> str:
    """The name, with a number where it is taken."""
    names = set(taken)
    if name not in names:
        return name
    return next(f"{name}_{number}" for number in range(2, len(names) + 3) if f"{name}_{number}" not in names)


def _ended(run: Run, name: str) -> Run:
    if run.state is not RunState.FINISHED:
        reason = run.reason.removesuffix(RESUME)
        raise DataflowError(f"The step “{name}” stands still: {reason} Run the pipeline again to go on.")
    return run


def _set_all(task: GeneratorTask, settings: dict[str, Any], name: str) -> None:
    for key, value in settings.items():
        if key == "llm" and isinstance(value, dict):
            for setting, given in value.items():
                _set(task.llm, setting, given, f"{name}.llm")
        else:
            _set(task, key, value, name)


def _set(what: Any, key: str, value: Any, name: str) -> None:
    fields: Sequence[str] = list(type(what).model_fields) if hasattr(type(what), "model_fields") else []
    if key not in fields:
        raise UsageError(f"“{name}” has no parameter {key!r}. It has: {', '.join(fields)}.")
    setattr(what, key, value)

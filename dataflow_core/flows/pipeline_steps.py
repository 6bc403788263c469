"""The steps that a pipeline is made of, and how each becomes a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from dataflow_core.errors import UsageError
from dataflow_core.flows.named_recipes import recipe_named
from dataflow_core.flows.record_inputs import RecordChoice, fields_of, table_of
from dataflow_core.models import Budget, CustomRecipe, Endpoint, Fields, Intent, Run
from dataflow_core.planning.recipes import read_recipe
from dataflow_core.readers import guess_task_column, read_table, select_inputs
from dataflow_core.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksStep:
    """`ParaSeqTaskGenerator` over the records of the step before, or as the first step over the lines of a `file`.

    `input_task_key` "" means the field that looks most like a task. With `only_accepted` it waits until all records of
    the step before have been reviewed, and takes the accepted ones. `endpoint` is an endpoint, the name of one that the
    workspace knows, or None for the pipeline's.
    """

    file: str | Path | None = None
    input_task_key: str = ""
    output_parallel_task_key: str = "parallel_task"
    output_subsequent_task_key: str = "subsequent_task"
    output_composition_task_key: str = "composition_task"
    temperature: float | None = None
    seed: int = 0
    only_accepted: bool = False
    endpoint: Endpoint | str | None = None
    budget: Budget | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialoguesStep:
    """`ConsistentChatGenerator`, as a first step. `intents` are names; none means all that the workspace has."""

    intents: tuple[str, ...] = ()
    num_dialogs_per_intent: int | Mapping[str, int] = 20
    num_turns_per_dialog: int = 6
    temperature: float = 0.9
    language: str = "English"
    seed: int = 0
    endpoint: Endpoint | str | None = None
    budget: Budget | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class RecipeStep:
    """Records of one's own by a recipe: `count` of them, or as a later step one for each record before (or `count`).

    `recipe` is a recipe, its fields, a YAML file, or the name of one that the workspace knows.
    """

    recipe: CustomRecipe | Mapping[str, Any] | str | Path
    count: int | None = None
    temperature: float | None = None
    seed: int = 0
    only_accepted: bool = False
    endpoint: Endpoint | str | None = None
    budget: Budget | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class ExportStep:
    """Write the records of the step before to a file: all that were not turned down, or accepted ones alone."""

    path: str | Path
    format: str = "dataflow"
    only_accepted: bool = False
    name: str = ""


MakingStep: TypeAlias = TasksStep | DialoguesStep | RecipeStep
Step: TypeAlias = MakingStep | ExportStep


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step that is about to be a run. `definition` is all that makes it another one when it changes.

    `plan` is given the records of the step before, None for a first one.
    """

    label: str
    endpoint: Endpoint
    plan: Callable[[RecordChoice | None], Run]
    definition: Fields = field(default_factory=dict)


def label_of(step: Step) -> str:
    """What to call the step: its own name, or what it does."""
    if step.name:
        return step.name
    if isinstance(step, ExportStep):
        return Path(step.path).name
    if not isinstance(step, RecipeStep):
        return "tasks" if isinstance(step, TasksStep) else "dialogues"
    if isinstance(step.recipe, str | Path):
        return Path(step.recipe).stem
    return step.recipe.name if isinstance(step.recipe, CustomRecipe) else str(step.recipe.get("name", "recipe"))


def check_order(steps: tuple[Step, ...]) -> None:
    """Raises `UsageError` for steps that do not fit where they stand."""
    if not steps:
        raise UsageError("The pipeline has no steps. Give it at least one that makes records.")
    if isinstance(steps[0], ExportStep):
        raise UsageError("Step 1 exports, but nothing has been made before it.")
    for number, step in enumerate(steps, start=1):
        match step:
            case TasksStep(file=None) if number == 1:
                raise UsageError("Step 1 makes tasks from nothing: name its file.")
            case TasksStep(file=str() | Path()) if number > 1:
                raise UsageError(f"Step {number} names a file, but takes the records of the step before it.")
            case DialoguesStep() if number > 1:
                raise UsageError(f"Step {number} plans dialogues, which take no records: only a first step can.")
            case RecipeStep(count=None) if number == 1:
                raise UsageError("Step 1 is a recipe: say with count how many records to make.")
            case RecipeStep() | TasksStep() if number == 1 and step.only_accepted:
                raise UsageError("Step 1 has only_accepted, but there are no records before it.")


def prepare(step: MakingStep, workspace: Workspace, *, folder: Path, endpoint: Endpoint) -> Prepared:
    """Look up what the step is made from. Files are looked for from `folder`. Raises `UsageError`."""
    match step.endpoint:
        case None:
            called = endpoint
        case str() as name:
            called = workspace.endpoints.get(name)
        case Endpoint() as own:
            called = own
    match step:
        case TasksStep():
            return _tasks(step, workspace, folder, called)
        case DialoguesStep():
            return _dialogues(step, workspace, called)
        case RecipeStep():
            return _recipe(step, workspace, folder, called)


def digest_of(definition: Fields, before: str, number: int) -> str:
    """The step's mark: another one whenever it, its place or a step before it is another."""
    told = json.dumps([before, number, definition], sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def _tasks(step: TasksStep, workspace: Workspace, folder: Path, endpoint: Endpoint) -> Prepared:
    data = b""
    path = folder / step.file if step.file is not None else None
    if path is not None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error

    def plan(choice: RecordChoice | None) -> Run:
        if choice is not None:
            table, selection = table_of(workspace.records, choice)
            key = step.input_task_key or guess_task_column(table)
        else:
            table = read_table(data, path.name if path else "")
            key = step.input_task_key or guess_task_column(table)
            selection = select_inputs(table, key)
        return workspace.plan_tasks(
            table,
            selection,
            endpoint=endpoint,
            input_task_key=key,
            output_parallel_task_key=step.output_parallel_task_key,
            output_subsequent_task_key=step.output_subsequent_task_key,
            output_composition_task_key=step.output_composition_task_key,
            temperature=step.temperature,
            seed=step.seed,
            name=step.name,
        )

    definition = _definition(step, endpoint) | {"file": hashlib.sha256(data).hexdigest() if path else None}
    return Prepared(label_of(step), endpoint, plan, definition)


def _dialogues(step: DialoguesStep, workspace: Workspace, endpoint: Endpoint) -> Prepared:
    intents = _intents(step, workspace)

    def plan(choice: RecordChoice | None) -> Run:
        return workspace.plan_dialogues(
            intents,
            endpoint=endpoint,
            num_dialogs_per_intent=step.num_dialogs_per_intent,
            num_turns_per_dialog=step.num_turns_per_dialog,
            temperature=step.temperature,
            language=step.language,
            seed=step.seed,
            name=step.name,
        )

    definition = _definition(step, endpoint) | {"intents": [asdict(intent) for intent in intents]}
    return Prepared(label_of(step), endpoint, plan, definition)


def _intents(step: DialoguesStep, workspace: Workspace) -> list[Intent]:
    known = {intent.name.casefold(): intent for intent in workspace.intents.all()}
    for name in step.intents:
        if name.casefold() not in known:
            names = ", ".join(intent.name for intent in known.values())
            raise UsageError(f"There is no intent {name!r}. The intents are: {names}.")
    return [known[name.casefold()] for name in step.intents] or list(known.values())


def _recipe(step: RecipeStep, workspace: Workspace, folder: Path, endpoint: Endpoint) -> Prepared:
    recipe = _read_recipe(step.recipe, workspace, folder)

    def plan(choice: RecordChoice | None) -> Run:
        return workspace.plan_custom(
            recipe,
            endpoint=endpoint,
            count=step.count,
            temperature=step.temperature,
            seed=step.seed,
            name=step.name,
            inputs=None if choice is None else fields_of(workspace.records, choice),
        )

    definition = _definition(step, endpoint) | {"recipe": recipe.as_fields()}
    return Prepared(label_of(step), endpoint, plan, definition)


def _read_recipe(
    named: CustomRecipe | Mapping[str, Any] | str | Path, workspace: Workspace, folder: Path
) -> CustomRecipe:
    if isinstance(named, CustomRecipe):
        return named
    if isinstance(named, Mapping):
        return read_recipe(named, columns=None)
    return recipe_named(named, workspace, folder=folder)


def _definition(step: MakingStep, endpoint: Endpoint) -> Fields:
    """What of the step's own settings makes it another run. A corrected address does not, nor does a budget."""
    left_out = ("name", "budget", "endpoint", "file", "recipe", "intents")
    settings = {key: getattr(step, key) for key in step.__dataclass_fields__ if key not in left_out}
    return settings | {"kind": type(step).__name__, "endpoint": [endpoint.kind, endpoint.model]}

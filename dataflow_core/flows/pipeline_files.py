"""Pipelines as YAML files: `name`, `workspace`, `endpoint`, and the `steps`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataflow_core.errors import UsageError
from dataflow_core.flows.endpoint_fields import EMBEDDED_NAME, read_endpoint
from dataflow_core.flows.pipeline_steps import DialoguesStep, ExportStep, RecipeStep, Step, TasksStep, check_order
from dataflow_core.flows.pipelines import Execute, PipelineOutcome, Say, run_pipeline
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.models import Budget, Endpoint
from dataflow_core.workspace import Workspace
from dataflow_core.yaml_files import Document, Place, build, check_keys, entry, read_yaml_file

LARGEST = 16_000_000  # bytes
_KEYS = ("name", "workspace", "endpoint", "steps")
_GENERATORS: dict[str, type[TasksStep] | type[DialoguesStep]] = {
    ParaSeqTaskGenerator.name: TasksStep,
    ConsistentChatGenerator.name: DialoguesStep,
}


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """What a file says. `endpoint` is an endpoint, the name of one that the workspace knows, or None.

    `workspace` is a folder, None where the file names none; `folder` is the file's own, from which files are named.
    """

    name: str
    steps: tuple[Step, ...]
    folder: Path
    workspace: Path | None = None
    endpoint: Endpoint | str | None = None

    def run(
        self, workspace: Workspace, *, execute: Execute | None = None, say: Say = lambda _: None
    ) -> PipelineOutcome:
        """As `run_pipeline`."""
        return run_pipeline(
            self.steps,
            name=self.name,
            workspace=workspace,
            endpoint=self.endpoint,
            folder=self.folder,
            execute=execute,
            say=say,
        )


def read_pipeline(path: Path | str) -> PipelineFile:
    """Read the file. Raises `UsageError` that says what is wrong, and in which line."""
    path = Path(path)
    document = read_yaml_file(path, most_bytes=LARGEST)
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("steps"), list):
        raise document.error("This is not a pipeline: it has no list of “steps”.")
    check_keys(document, (), _KEYS, what="A pipeline")
    for key in ("name", "workspace"):
        if not isinstance(data.get(key, ""), str):
            raise document.error(f"“{key}” must be a text.", (key,))
    steps = tuple(_step(document, ("steps", number)) for number in range(len(data["steps"])))
    try:
        check_order(steps)
    except UsageError as error:
        raise document.error(str(error), ("steps",)) from None
    folder = path.resolve().parent
    return PipelineFile(
        name=data.get("name") or path.stem,
        steps=steps,
        folder=folder,
        workspace=folder / data["workspace"] if data.get("workspace") else None,
        endpoint=_endpoint(document, ("endpoint",)) if "endpoint" in data else None,
    )


def _step(document: Document, place: Place) -> Step:
    found = entry(document, place)
    if not isinstance(found, dict):
        raise document.error("A step must be a mapping of names to values.", place)
    if "export" in found:
        return _export(document, place, found)
    if "recipe" in found:
        what, read = "A recipe's step", _read_recipe_step
    elif "generator" in found:
        what, read = _reader_of(document, (*place, "generator"))
    else:
        raise document.error("A step has a generator, a recipe or an export; this one has none of them.", place)
    given: dict[str, Any] = {}
    if "endpoint" in found:
        given["endpoint"] = _endpoint(document, (*place, "endpoint"))
    if "budget" in found:
        given["budget"] = build(Budget, document, (*place, "budget"), what="The budget")
    left = {key: value for key, value in found.items() if key not in (*given, "generator")}
    return read(_at(document, place, left), place, what, given)


def _reader_of(document: Document, place: Place) -> tuple[str, Callable[..., Step]]:
    generator = entry(document, place)
    made = _GENERATORS.get(generator) if isinstance(generator, str) else None
    if made is None:
        near = difflib.get_close_matches(str(generator), _GENERATORS, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(_GENERATORS)}; or give a recipe."
        raise document.error(f"There is no generator {generator!r}. {hint}", place)

    def read(document: Document, place: Place, what: str, given: dict[str, Any]) -> Step:
        return build(made, document, place, what=what, **given)

    return f"A step of {generator}", read


def _read_recipe_step(document: Document, place: Place, what: str, given: dict[str, Any]) -> Step:
    recipe = entry(document, place)["recipe"]
    if not isinstance(recipe, str | dict):
        raise document.error("“recipe” is a file, a name, or the recipe itself.", (*place, "recipe"))
    left = {key: value for key, value in entry(document, place).items() if key != "recipe"}
    return build(RecipeStep, _at(document, place, left), place, what=what, recipe=recipe, **given)


def _export(document: Document, place: Place, found: dict[str, Any]) -> Step:
    if not isinstance(found["export"], str) or not found["export"].strip():
        raise document.error("“export” names the file to write.", (*place, "export"))
    left = {key: value for key, value in found.items() if key != "export"}
    return build(ExportStep, _at(document, place, left), place, what="An export", path=found["export"])


def _endpoint(document: Document, place: Place) -> Endpoint | str:
    found = entry(document, place)
    return found if isinstance(found, str) and found != EMBEDDED_NAME else read_endpoint(document, place)


def _at(document: Document, place: Place, step: dict[str, Any]) -> Document:
    """The document with this in place of the step."""
    steps = list(document.data["steps"])
    steps[int(place[1])] = step
    return Document(document.name, document.data | {"steps": steps}, document.lines)

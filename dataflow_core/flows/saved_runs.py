"""A run as one YAML file: what it is made of, to be run again anywhere to the same plan and prompts.

What came of it is not in there, nor is any key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from dataflow_core.errors import UsageError
from dataflow_core.exporting.files import write_lines
from dataflow_core.flows.endpoint_fields import fields_of_endpoint, read_endpoint
from dataflow_core.flows.prompt_marks import TRIED, check_params, mark_of_prompts
from dataflow_core.flows.saved_inputs import as_line, read_inputs
from dataflow_core.generators import build_generator
from dataflow_core.generators.base import Generator
from dataflow_core.models import Budget, Endpoint, Example, Fields, Input, Run, RunKind
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.workspace import Workspace
from dataflow_core.yaml_files import Document, as_yaml, build, check_keys, read_yaml, read_yaml_file

VERSION = 1
LARGEST = 512_000_000  # bytes
_VERSION_KEY = "dataflow_studio_run"
_NEEDED = ("generator", "prompt_version", "params", "endpoint", "inputs")
_KEYS = (
    _VERSION_KEY,
    "name",
    "generator",
    "prompt_version",
    "prompts",
    "params",
    "endpoint",
    "source",
    "budget",
    "inputs",
)
_HEAD = (
    "# A run of Dataflow Studio: its settings and its inputs. Run it again with\n"
    "#     python -m dataflow_core again THIS_FILE -o OUT.jsonl\n"
    "# or open it on the Runs page. Each line of the inputs, at the end, is one of them as JSON.\n"
)
#: In the source of a run that was planned from a file.
_AGAIN = "run again from"


@dataclass(frozen=True, slots=True)
class SavedRun:
    """What a run is made of. `prompts` is the mark of the prompts it sends, "" where it could not be told.

    `examples` are the records shown to the model with each of the inputs; None where none is shown with any.
    """

    name: str
    generator: str
    prompt_version: str
    params: Fields
    endpoint: Endpoint
    source: Fields
    budget: Budget
    inputs: tuple[Fields, ...]
    prompts: str = ""
    examples: tuple[tuple[Example, ...], ...] | None = None
    file: str = "The file"


def save_run(workspace: Workspace, run_id: str, path: Path | str) -> Path:
    """Write the run's settings and inputs to a file, and return its path.

    The file is there whole or not at all. Raises `UsageError` for an unknown run, one that only wrote records again,
    and a place that cannot be written to.
    """
    target = Path(path)
    run = workspace.runs.get(run_id)
    if why := why_not(run):
        raise UsageError(why)
    if not target.parent.is_dir():
        raise UsageError(f"The folder {target.parent} does not exist.")
    with closing(workspace.runs.inputs_with_examples(run.id)) as inputs:
        write_lines(target, _lines(run, inputs))
    return target


def why_not(run: Run) -> str:
    """Say why the run cannot be saved, in a sentence; "" where it can."""
    if run.kind is not RunKind.GENERATE:
        return "Only a run that makes records can be saved: this one wrote others' texts again."
    try:
        build_generator(run.generator, run.params, recipe=run.endpoint.recipe)
    except UsageError as error:
        return f"The run cannot be saved. {error}"
    return ""


def load_run(source: Path | str) -> SavedRun:
    """Read a saved run: a `Path`, or the file's text. Raises `UsageError` that says what is wrong, and where."""
    if isinstance(source, Path):
        return read_saved(read_yaml_file(source, most_bytes=LARGEST))
    return read_saved(read_yaml(source, "The file"))


def read_saved(document: Document) -> SavedRun:
    """The saved run in this document. Raises `UsageError`."""
    _check_form(document)
    data = document.data
    if missing := [key for key in _NEEDED if key not in data]:
        raise document.error(f"“{missing[0]}” is missing, so the run cannot be made again. Save it anew.")
    check_keys(document, (), _KEYS, what="A saved run")
    for key in ("params", "source"):
        if not isinstance(data.get(key, {}), dict):
            raise document.error(f"“{key}” must be a mapping of names to values.", (key,))
    for key in ("name", "generator", "prompt_version", "prompts"):
        if not isinstance(data.get(key, ""), str):
            raise document.error(f"“{key}” must be a text.", (key,))
    for key in ("lines", "skipped"):
        if not isinstance(data.get("source", {}).get(key, 0), int):
            raise document.error(f"“{key}” must be a whole number.", ("source", key))
    read = list(read_inputs(document))
    saved = SavedRun(
        name=data.get("name", ""),
        generator=data["generator"],
        prompt_version=data["prompt_version"],
        params=data["params"],
        endpoint=read_endpoint(document, ("endpoint",)),
        source=data.get("source", {}),
        budget=build(Budget, document, ("budget",), what="The budget") if "budget" in data else Budget(),
        inputs=tuple(one.fields for one in read),
        examples=tuple(one.examples for one in read) if any(one.examples for one in read) else None,
        prompts=data.get("prompts", ""),
        file=document.name,
    )
    try:
        check_params(saved.generator, saved.params, saved.inputs, recipe=saved.endpoint.recipe)
    except UsageError as error:
        raise document.error(str(error), ("params",)) from error
    generator = build_generator(saved.generator, saved.params, recipe=saved.endpoint.recipe)
    return replace(saved, params=saved.params | _left_out(generator, saved.params))


def _left_out(generator: Generator, params: Fields) -> Fields:
    """What a file written by hand leaves as it is by default."""
    every: Fields = getattr(generator, "params", {})
    return {key: value for key, value in every.items() if key not in params}


def difference(saved: SavedRun, endpoint: Endpoint | None = None) -> str:
    """Say why the prompts would not be those of the saved run, in a sentence; "" where they are the same.

    With an `endpoint` that is prompted in another way they are meant to be others.
    """
    recipe = (endpoint or saved.endpoint).recipe
    if recipe != saved.endpoint.recipe:
        return ""
    generator = build_generator(saved.generator, saved.params, recipe=recipe)
    if generator.prompt_version != saved.prompt_version:
        return (
            f"The run was made with the prompt {saved.prompt_version}, where this version of Dataflow Studio has "
            f"{generator.prompt_version}: other prompts would be sent."
        )
    if saved.prompts and mark_of_prompts(generator, _first(saved)) != saved.prompts:
        return (
            f"The prompt {saved.prompt_version} of this version of Dataflow Studio is not the one that the run was "
            "made with: other prompts would be sent."
        )
    return ""


def plan_saved(
    workspace: Workspace, saved: SavedRun, endpoint: Endpoint | None = None, *, other_prompts: bool = False
) -> Run:
    """Plan the saved run in this workspace, with the same inputs in the same order; `start` begins it.

    It calls the file's own endpoint unless another is given. Raises `UsageError` where the prompts sent would not be
    the same any more, unless `other_prompts` says that they may be others, and when there are no inputs.
    """
    chosen = endpoint or _distinct(workspace, saved.endpoint)
    if not other_prompts and (sentence := difference(saved, chosen)):
        raise UsageError(
            f"{saved.file}: {sentence} To run it all the same, give --other-prompts (in Python, other_prompts=True)."
        )
    generator = build_generator(saved.generator, saved.params, recipe=chosen.recipe)
    run = workspace.runs.create(
        RunPlan(
            name=saved.name,
            generator=saved.generator,
            params=saved.params,
            endpoint=chosen,
            prompt_version=generator.prompt_version,
            inputs=saved.inputs,
            examples=saved.examples,
            source=saved.source | {_AGAIN: saved.file},
        )
    )
    if saved.budget != Budget():
        workspace.runs.set_budget(run.id, saved.budget)
    return workspace.runs.get(run.id)


def is_again(run: Run) -> bool:
    """Whether the run was planned from a saved one."""
    return _AGAIN in run.source


def _distinct(workspace: Workspace, endpoint: Endpoint) -> Endpoint:
    """The file's endpoint, under a name of its own where the workspace has another one of that name.

    A run goes on with the endpoint that is stored under its endpoint's name.
    """

    def called(one: Endpoint) -> tuple[str, str, str]:
        return one.kind, one.model, one.base_url

    stored = [one for one in workspace.endpoints.all() if one.name == endpoint.name]
    if all(called(one) == called(endpoint) for one in stored):
        return endpoint
    return replace(endpoint, name=f"{endpoint.name} (saved run)")


def _lines(run: Run, inputs: Iterator[tuple[Fields, tuple[Example, ...]]]) -> Iterator[str]:
    first = [Input("", 0, fields, examples=examples) for fields, examples in islice(inputs, TRIED)]
    yield _HEAD + as_yaml(_settings(run, first)).rstrip("\n")
    yield "inputs: |"
    for one in first:
        yield f"  {as_line(one.fields, one.examples)}"
    for fields, examples in inputs:
        yield f"  {as_line(fields, examples)}"


def _settings(run: Run, first: Sequence[Input]) -> Fields:
    data: Fields = {
        _VERSION_KEY: VERSION,
        "name": run.name,
        "generator": run.generator,
        "prompt_version": run.prompt_version,
    }
    generator = build_generator(run.generator, run.params, recipe=run.endpoint.recipe)
    if generator.prompt_version == run.prompt_version:
        data["prompts"] = mark_of_prompts(generator, first)
    source = {key: value for key, value in run.source.items() if key != _AGAIN}
    data |= {"params": run.params, "endpoint": fields_of_endpoint(run.endpoint), "source": source}
    budget = {key: value for key, value in (("tokens", run.budget.tokens), ("money", run.budget.money)) if value}
    return data | ({"budget": budget} if budget else {})


def _first(saved: SavedRun) -> list[Input]:
    inputs = saved.inputs[:TRIED]
    shown = saved.examples[:TRIED] if saved.examples else [()] * len(inputs)
    return [Input("", 0, fields, examples=examples) for fields, examples in zip(inputs, shown, strict=True)]


def _check_form(document: Document) -> None:
    if not isinstance(document.data, dict) or _VERSION_KEY not in document.data:
        raise document.error(
            f"This is not a saved run: it has no “{_VERSION_KEY}”. Choose a file that was written by “Save as file” "
            "or the command save."
        )
    version = document.data[_VERSION_KEY]
    if not isinstance(version, int) or version < 1:
        raise document.error(f"“{_VERSION_KEY}” must be the number {VERSION}.", (_VERSION_KEY,))
    if version > VERSION:
        raise document.error(
            f"The run was saved by a newer version of Dataflow Studio (form {version}; this one reads {VERSION}). "
            "Open it with that.",
            (_VERSION_KEY,),
        )

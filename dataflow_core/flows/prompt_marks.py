"""Whether a generator can be made from stored settings, and a mark of the prompts that it would send."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import islice
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.generators import GENERATORS, build_generator
from dataflow_core.generators.base import Answer, Generator, T
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.generators.prompt_check import check_prompt
from dataflow_core.models import Completion, Fields, Input, Prompt, PromptTexts, Recipe
from dataflow_core.planning.recipes import read_recipe

#: So many of the first inputs are tried until one can be used.
TRIED = 20
_MOST_CALLS = 12
#: The number of dialogues describes the plan, and may be one an intent.
_NO_SETTINGS = {"self", "llm_serving", "return", "num_dialogs_per_intent"}


class _Cell(BaseModel):
    """An input of a dialogue."""

    model_config = ConfigDict(strict=True)

    category: str
    intent: str
    intent_description: str
    flow: str
    flow_steps: list[str]
    topic: str
    language: str


class _EnoughError(DataflowError):
    """No more answers can be made up."""


def check_params(name: str, params: Fields, inputs: Sequence[Fields], *, recipe: Recipe) -> None:
    """Raises `UsageError` for settings or inputs that the generator cannot be made from, or cannot take."""
    made = GENERATORS.get(name)
    if made is None:
        raise UsageError(f"This version of Dataflow Studio has no generator {name!r}.")
    if made is CustomGenerator:
        _check_recipe(params)
    for key, kind in get_type_hints(made.__init__).items():
        # A recipe of one's own bears the name of another argument.
        if key in params and key not in _NO_SETTINGS and not (key == "recipe" and isinstance(params[key], Mapping)):
            try:
                TypeAdapter(kind).validate_python(params[key], strict=True)
            except ValidationError as error:
                said = error.errors()[0]["msg"].replace("Input should be", "it should be")
                raise UsageError(f"The setting {key!r} of {name} is not right: {said}.") from None
    if params.get("prompt") is not None:
        _check_own_prompt(params["prompt"])
    if "llm_serving" in params:
        raise UsageError("The setting 'llm_serving' cannot be in a file.")
    try:
        generator = build_generator(name, params, recipe=recipe)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UsageError(f"The settings do not make a {name}: {error}.") from error
    if isinstance(generator, ParaSeqTaskGenerator) and inputs:
        generator.check_columns(dict.fromkeys(key for fields in inputs for key in fields))
    if isinstance(generator, ConsistentChatGenerator):
        _check_cells(inputs)


def mark_of_prompts(generator: Generator, inputs: Sequence[Input]) -> str:
    """A short text that is another one when the prompts for these inputs are others; "" where none can be told.

    The first input that can be used stands for all. What would be answered is made up.
    """
    with ThreadPoolExecutor(1) as pool:  # the caller may be in an event loop
        for item in islice(inputs, TRIED):
            if prompts := pool.submit(asyncio.run, _prompts(generator, item)).result():
                told = json.dumps([asdict(prompt) for prompt in prompts], sort_keys=True)
                return hashlib.sha256(told.encode()).hexdigest()[:16]
    return ""


async def _prompts(generator: Generator, item: Input) -> list[Prompt]:
    sent: list[Prompt] = []

    async def ask(prompt: Prompt, *, answer: Answer[T], step: str) -> T:
        sent.append(prompt)
        if answer.schema is None or len(sent) >= _MOST_CALLS:
            raise _EnoughError
        return answer.read(Completion((json.dumps(_made_up(answer.schema, answer.schema)),), "none")).value

    try:
        await generator.generate(replace(item, id="none", position=0), ask)
    except DataflowError:
        pass  # what was sent until then is told
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"The first inputs are not what {generator.name} takes: {error!r}.") from error
    return sent


def _made_up(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """The simplest value that follows the schema."""
    if "$ref" in schema:
        return _made_up(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema:
        return _made_up(schema["anyOf"][0], root)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            return {key: _made_up(inner, root) for key, inner in schema.get("properties", {}).items()}
        case "array":
            return [_made_up(schema["items"], root)] * schema.get("minItems", 1)
        case "string":
            return "Text"
        case "boolean":
            return True
        case _:
            return schema.get("minimum", 1)


def _check_recipe(params: Fields) -> None:
    """What the generator itself takes for granted: it makes it from what was stored."""
    if not isinstance(params.get("recipe"), dict):
        raise UsageError("Its recipe is missing: a run of a class in a script cannot be run again from a file.")
    read_recipe(params["recipe"], columns=None)
    for key, kinds in (("temperature", (int, float, type(None))), ("seed", (int, type(None)))):
        if not isinstance(params.get(key), kinds) or isinstance(params.get(key), bool):
            raise UsageError(f"The setting {key!r} of the recipe is not right.")


def _check_own_prompt(prompt: Any) -> None:
    try:
        texts = PromptTexts.of(prompt)
    except (TypeError, KeyError, ValueError, AttributeError):
        raise UsageError("The setting 'prompt' is not a prompt with its texts.") from None
    check_prompt(texts)


def _check_cells(inputs: Sequence[Fields]) -> None:
    for number, fields in enumerate(inputs, start=1):
        try:
            _Cell.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            said = first["msg"].replace("Field required", "it is missing")
            raise UsageError(f"Input {number} is no cell of a plan of dialogues: {key!r}: {said}.") from None

"""Recipes for records of one's own: reading what a person wrote, and drawing what each record is made from."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from importlib import resources
from itertools import islice
from math import lcm, prod
from random import Random
from typing import Any, get_args

import yaml

from dataflow_core.errors import UsageError
from dataflow_core.generators.custom import OFFSET, names_of
from dataflow_core.generators.field_values import MODEL_NAME, read_value
from dataflow_core.generators.field_values import schema_of as schema_of
from dataflow_core.generators.mending import storable
from dataflow_core.models import CustomRecipe, Fields, FieldType, OutputField
from dataflow_core.yaml_files import as_yaml, read_yaml

TYPES: tuple[FieldType, ...] = get_args(FieldType)
_KEYS = ("name", "instruction", "outputs", "variables", "examples", "system")
_NAME = re.compile(r"[^\W\d]\w{0,63}")
_OTHER_NAMES: Mapping[str, FieldType] = {
    "string": "text",
    "str": "text",
    "float": "number",
    "integer": "whole number",
    "int": "whole number",
    "boolean": "yes or no",
    "bool": "yes or no",
    "list": "list of texts",
}
_LONGEST_NAME = 120


def read_recipe(written: Mapping[str, Any], *, columns: Collection[str] | None = ()) -> CustomRecipe:
    """A recipe from what a person wrote in YAML, JSON or a form.

    `outputs` is a list of names or of {name, type, description}, `variables` a list of values by name (or a text with
    one value a line), `examples` a list of records. `columns` are the fields of the records that will be its inputs,
    whose names may stand in the instruction, too; None allows any name, for a recipe whose inputs are not known yet.
    Raises `UsageError` with a sentence for whatever is wrong first.
    """
    if not isinstance(written, Mapping):
        raise UsageError("A recipe is a mapping with the keys name, instruction and outputs.")
    if unknown := [key for key in written if key not in _KEYS]:
        raise UsageError(f"A recipe has no {_quoted(unknown[0])}. What it may have: {', '.join(_KEYS)}.")
    recipe = CustomRecipe(
        name=_title(written.get("name")),
        instruction=_required(written.get("instruction"), "instruction", "Write what the model is to do."),
        outputs=_outputs(written.get("outputs")),
        variables=_variables(written.get("variables")),
        system=_text(written.get("system"), "system"),
    )
    _check_names(recipe, columns)
    known = {*names_of(recipe), *recipe.variables, *(columns or ())}
    examples = _examples(written.get("examples"), recipe.outputs, known)
    return CustomRecipe(
        recipe.name, recipe.instruction, recipe.outputs, recipe.variables, tuple(examples), recipe.system
    )


def recipe_from_yaml(text: str, *, columns: Collection[str] | None = ()) -> CustomRecipe:
    """Like `read_recipe`, of a YAML (or JSON) document. Raises `UsageError`, also for what is no YAML."""
    return read_recipe(read_yaml(text, "The recipe").data, columns=columns)


def recipe_as_yaml(recipe: CustomRecipe) -> str:
    """The recipe for a file that `recipe_from_yaml` reads back."""
    fields = {key: value for key, value in recipe.as_fields().items() if value}
    return as_yaml(fields)


@cache
def builtin_recipes() -> tuple[CustomRecipe, ...]:
    """Those that come with the library, to start from."""
    text = resources.files("dataflow_core.prompts").joinpath("recipes.yaml").read_text(encoding="utf-8")
    return tuple(read_recipe(written) for written in yaml.safe_load(text))


def missing_names(recipe: CustomRecipe, columns: Collection[str] = ()) -> list[str]:
    """The names in its texts that nothing stands for."""
    return [name for name in names_of(recipe) if name not in (OFFSET, *recipe.variables, *columns)]


def draw(
    recipe: CustomRecipe, count: int | None = None, seed: int = 0, *, inputs: Iterable[Mapping[str, Any]] | None = None
) -> Iterator[Fields]:
    """Yield the input fields of each record: its `offset`, from 0, and a value of each of the recipe's lists.

    The lists' combinations come in a shuffled order, none again before all were used; then they are shuffled anew. No
    value of a list is ahead of another by much. The same arguments give the same inputs on every machine, and a larger
    `count` only appends.

    With `inputs`, fields of other records, there is one for each of them (at most `count`), which has their fields,
    too. Raises `UsageError` at once where something stands for none of the instruction's names.
    """
    if count is not None and count < 1:
        raise UsageError(f"The number of records must be at least 1; {count} was given.")
    if inputs is None:
        if count is None:
            raise UsageError("Say how many records the recipe is to make.")
        _check_names(recipe, ())
        return _drawn(recipe, [{}] * count, seed)
    given = [dict(one) for one in islice(inputs, count)]
    if not given:
        raise UsageError("There are no records to be its inputs.")
    for number, one in enumerate(given, start=1):
        if both := [name for name in recipe.variables if name in one]:
            raise UsageError(
                f"“{both[0]}” is a list of the recipe and a field of its inputs. Give the list another name."
            )
        if missing := missing_names(recipe, one.keys()):
            raise UsageError(
                f"{{{missing[0]}}} stands in the instruction, but there is no list of that name, and input {number} "
                "has no such field."
            )
    return _drawn(recipe, given, seed)


def combinations(recipe: CustomRecipe) -> int:
    """How many different inputs its lists give."""
    return prod(len(set(values)) for values in recipe.variables.values())


def _drawn(recipe: CustomRecipe, given: Sequence[Fields], seed: int) -> Iterator[Fields]:
    walk = _walk(recipe.variables, Random(seed))  # noqa: S311 - a plan, not a secret
    return ({OFFSET: offset} | one | next(walk) for offset, one in enumerate(given))


def _walk(variables: Mapping[str, Sequence[str]], random: Random) -> Iterator[Fields]:
    """Walk the grid of all lists for ever, one shuffled pass after another. What is listed twice counts once."""
    lists = {name: list(dict.fromkeys(values)) for name, values in variables.items()}
    while True:
        for values in lists.values():
            random.shuffle(values)
        for step in range(prod(map(len, lists.values()))):
            yield dict(zip(lists, _cell([*lists.values()], step), strict=True))


def _cell(lists: Sequence[Sequence[str]], step: int) -> list[str]:
    """The values at one step of a pass.

    Stepping through two lists at once meets every pair if their lengths have no common divisor. If they have one, the
    steps return to the start after lcm pairs: moving on by one then opens new ones. More lists are the last one beside
    the pairs of all before it.
    """
    found: list[str] = []
    for place in range(len(lists) - 1, -1, -1):
        values, before = lists[place], prod(map(len, lists[:place]))
        found.insert(0, values[step % len(values)])
        step = (step + step // lcm(before, len(values))) % before
    return found


def _check_names(recipe: CustomRecipe, columns: Collection[str] | None) -> None:
    if columns is None:
        return
    if missing := missing_names(recipe, columns):
        besides = f" The inputs have: {', '.join(columns)}." if columns else ""
        raise UsageError(
            f"{{{missing[0]}}} stands in the instruction, but there is no list of values for “{missing[0]}”.{besides}"
        )


def _outputs(written: Any) -> tuple[OutputField, ...]:
    if isinstance(written, Mapping):
        written = [{"name": name, **_described(name, rest)} for name, rest in written.items()]
    if not isinstance(written, list | tuple) or not written:
        raise UsageError("The recipe has no outputs. Name at least one field that a record is to have.")
    outputs = tuple(_output(one) for one in written)
    names = [output.name for output in outputs]
    if again := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"Two outputs are named “{again}”. Give each a name of its own.")
    return outputs


def _described(name: Any, rest: Any) -> Mapping[str, Any]:
    if rest is None or isinstance(rest, str):
        return {"description": rest or ""}
    if isinstance(rest, Mapping) and "name" not in rest:
        return rest
    raise UsageError(f"The output {_quoted(name)} is to have a description, or type and description.")


def _output(written: Any) -> OutputField:
    if isinstance(written, str):
        written = {"name": written}
    if not isinstance(written, Mapping):
        raise UsageError(f"An output is a name, or name, type and description; {_quoted(written)} is neither.")
    if unknown := [key for key in written if key not in ("name", "type", "description")]:
        raise UsageError(f"An output has no {_quoted(unknown[0])}. What it may have: name, type, description.")
    name = _field_name(written.get("name"), "An output")
    if name == MODEL_NAME:
        raise UsageError(
            f"An output cannot be named {MODEL_NAME}: each record has that field anyway, filled in for it."
        )
    kind = written.get("type") or "text"
    kind = _OTHER_NAMES.get(kind, kind) if isinstance(kind, str) else kind
    if kind not in TYPES:
        raise UsageError(
            f"The output “{name}” has the unknown type {_quoted(kind)}. The types are: {', '.join(TYPES)}."
        )
    return OutputField(name, _text(written.get("description"), f"description of “{name}”"), kind)


def _variables(written: Any) -> dict[str, tuple[str, ...]]:
    if written is None:
        return {}
    if not isinstance(written, Mapping):
        raise UsageError("The variables are lists of values by name.")
    found = {}
    for key, values in written.items():
        name = _field_name(key, "A list")
        if name in (OFFSET, MODEL_NAME):
            raise UsageError(f"A list cannot be named {name}, which stands for something already. Choose another name.")
        if isinstance(values, str):
            values = values.splitlines()
        if not isinstance(values, list | tuple):
            raise UsageError(f"“{name}” is to be a list of values.")
        texts = [text for value in values if (text := _scalar(value, name))]
        if not texts:
            raise UsageError(f"The list “{name}” has no values. Give it at least one.")
        found[name] = tuple(dict.fromkeys(texts))
    return found


def _scalar(value: Any, name: str) -> str:
    if isinstance(value, bool):
        raise UsageError(f"The list “{name}” has a value that reads as {str(value).lower()}: put quotes around it.")
    if value is None or isinstance(value, str | int | float | date):
        return "" if value is None else storable(str(value)).strip()
    raise UsageError(f"A value of the list “{name}” is to be a text, not {_quoted(value)}.")


def _examples(written: Any, outputs: Sequence[OutputField], known: Collection[str]) -> Iterator[Fields]:
    if written is None:
        return
    if not isinstance(written, list | tuple):
        raise UsageError("The examples are a list of records.")
    names = [output.name for output in outputs]
    for number, example in enumerate(written, start=1):
        if not isinstance(example, Mapping):
            raise UsageError(f"Example {number} is no record: it has to have {', '.join(names)}.")
        if unknown := [key for key in example if key not in names and key not in known]:
            raise UsageError(f"Example {number} has {_quoted(unknown[0])}, which is neither an output nor a list.")
        drawn = {key: _scalar(value, key) for key, value in example.items() if key not in names}
        fields: Fields = {key: value for key, value in drawn.items() if value}
        for output in outputs:
            if output.name not in example:
                raise UsageError(f"Example {number} lacks “{output.name}”.")
            try:
                fields[output.name] = read_value(example[output.name], output.type)[0]
            except ValueError as error:
                raise UsageError(f"Example {number}: “{output.name}” {error}.") from None
        yield fields


def _field_name(value: Any, what: str) -> str:
    name = value.strip() if isinstance(value, str) else value
    if not name:
        raise UsageError(f"{what} has no name.")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{what} cannot be named {_quoted(name)}: a name begins with a letter and has letters, digits and "
            "underscores only, at most 64 of them."
        )
    return name


def _title(value: Any) -> str:
    name = " ".join(_required(value, "name", "Give it one to find it by.").split())
    if len(name) > _LONGEST_NAME:
        raise UsageError(f"The recipe's name has {len(name)} characters: {_LONGEST_NAME} are the most.")
    return name


def _required(value: Any, what: str, hint: str) -> str:
    if not (text := _text(value, what)):
        raise UsageError(f"The recipe has no {what}. {hint}")
    return text


def _text(value: Any, what: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"The {what} is to be a text.")
    return storable(str(value)).strip()


def _quoted(value: Any) -> str:
    text = storable(str(value))
    return f"“{text if len(text) <= 60 else text[:60] + ' …'}”"

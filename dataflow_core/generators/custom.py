"""`CustomGenerator`: records of one's own, made by a recipe. Their fields are the recipe's outputs and `model_name`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from dataflow_core.errors import UsageError
from dataflow_core.generators.base import Ask, seed_for
from dataflow_core.generators.custom_small import first_prompt, small_record
from dataflow_core.generators.field_values import MODEL_NAME, blank_value, read_value
from dataflow_core.generators.of_scripts import refusal
from dataflow_core.generators.record_answer import RecordAnswer
from dataflow_core.models import Completion, CustomRecipe, Fields, Input, OutputField, Prompt, Recipe
from dataflow_core.prompts import custom, custom_small
from dataflow_core.prompts.templates import names_in

#: What an input always has: its place among the records that the recipe is to make, from 0.
OFFSET = "offset"


class CustomGenerator:
    """Its inputs hold an `offset` and what stands for the names in the recipe's instruction.

    `custom` is the recipe; `recipe` says how the model is asked, as for other generators. `seed` is for the small
    recipe, which draws several candidates.
    """

    name: ClassVar[str] = "GeneratorTask"
    label: ClassVar[str] = "records"

    def __init__(
        self, custom: CustomRecipe, *, temperature: float | None = None, seed: int = 0, recipe: Recipe = "capable"
    ) -> None:
        self.custom = custom
        self.temperature = temperature
        self.seed = seed
        self.recipe = recipe
        self._answer = RecordAnswer(custom)

    @classmethod
    def of(cls, params: Mapping[str, Any], *, recipe: Recipe) -> CustomGenerator:
        """The generator of a stored run. Raises `UsageError` where its task is a class in somebody's script."""
        custom = recipe_in(params)
        if custom is None:
            raise refusal(params)
        return cls(custom, temperature=params.get("temperature"), seed=int(params.get("seed") or 0), recipe=recipe)

    @property
    def prompt_version(self) -> str:
        version = custom_small.VERSION if self.recipe == "small" else custom.VERSION
        return f"{version} · {self.custom.name}@{digest_of_recipe(self.custom)}"

    @property
    def output_keys(self) -> tuple[str, ...]:
        return (*(output.name for output in self.custom.outputs), MODEL_NAME)

    @property
    def params(self) -> Fields:
        """What `build_generator` makes the same generator from."""
        return {"recipe": self.custom.as_fields(), "temperature": self.temperature, "seed": self.seed}

    def prompt(self, item: Input) -> Prompt:
        """What a capable model is asked for the input; of a small one the first field.

        Raises `UsageError` where the input lacks what the recipe names.
        """
        values = values_for(self.custom, item.fields)
        if self.recipe == "small":
            return first_prompt(
                self.custom, values, self._examples(item), version=self.prompt_version, temperature=self.temperature
            )
        examples = [(values_of_example(self.custom, one), _outputs(self.custom, one)) for one in self._examples(item)]
        return custom.record_prompt(
            self.custom, values, examples, version=self.prompt_version, temperature=self.temperature
        )

    async def generate(self, item: Input, ask: Ask) -> Fields:
        """Raises what `ask` raises, and `UsageError` where the input lacks what the recipe names."""
        if self.recipe == "small":
            values = values_for(self.custom, item.fields)
            seed, examples = seed_for(self.seed, item), self._examples(item)
            made = await small_record(
                self.custom,
                values,
                examples,
                ask,
                version=self.prompt_version,
                seed=seed + int(item.position),
                temperature=self.temperature,
            )
        else:
            made = await ask(self.prompt(item), answer=self._answer, step="record")
        return made.fields | {MODEL_NAME: made.model}

    def blank(self, item: Input, answered: Mapping[str, Completion]) -> Fields:
        return {output.name: blank_value(output.type) for output in self.custom.outputs} | {MODEL_NAME: ""}

    def _examples(self, item: Input) -> list[Fields]:
        """The recipe's own first, then those that were chosen for the input; records of another shape are left out."""
        chosen = (*self.custom.examples, *(example.fields for example in item.examples))
        return [fields for fields in chosen if _is_example(self.custom.outputs, fields)]


def recipe_in(params: Mapping[str, Any]) -> CustomRecipe | None:
    """The recipe of a run with these params; None where it has none."""
    return CustomRecipe.of(params["recipe"]) if isinstance(params.get("recipe"), Mapping) else None


def digest_of_recipe(recipe: CustomRecipe) -> str:
    """Four characters that tell a recipe from what it was before a change."""
    text = json.dumps(recipe.as_fields(), ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:4]


def names_of(recipe: CustomRecipe) -> tuple[str, ...]:
    """What stands in braces in the recipe's texts, each once."""
    return tuple(dict.fromkeys((*names_in(recipe.instruction), *names_in(recipe.system))))


def values_for(recipe: CustomRecipe, fields: Fields) -> dict[str, str]:
    """What stands for each name. Raises `UsageError` for one that the input has not."""
    for name in names_of(recipe):
        if name not in fields:
            raise UsageError(f"The input has no “{name}”, which the recipe's instruction names in braces.")
    return {name: _shown(fields[name]) for name in names_of(recipe)}


def values_of_example(recipe: CustomRecipe, example: Fields) -> dict[str, str] | None:
    """What the example says stood for the instruction's names; None where it does not say all of them."""
    names = [name for name in names_in(recipe.instruction) if name != OFFSET]
    if any(name not in example for name in names):
        return None
    return {name: _shown(example[name]) for name in names}


def as_typed(changes: Mapping[str, Any], params: Mapping[str, Any]) -> Fields:
    """What a person has written into a record's fields, each as the type that the run's recipe says it has.

    A text may be empty, and fields that no recipe describes may hold anything. Raises `UsageError` for other values.
    """
    custom = recipe_in(params)
    kinds = {output.name: output.type for output in custom.outputs} if custom else {}
    typed = dict(changes)
    for name, value in changes.items():
        kind = kinds.get(name, "text")
        if name in kinds and not (kind == "text" and isinstance(value, str)):
            try:
                typed[name] = read_value(value, kind)[0]
            except ValueError as error:
                raise UsageError(f"“{name}” {error}.") from None
    return typed


def _outputs(recipe: CustomRecipe, fields: Fields) -> Fields:
    return {output.name: read_value(fields[output.name], output.type)[0] for output in recipe.outputs}


def _is_example(outputs: Iterable[OutputField], fields: Fields) -> bool:
    try:
        for output in outputs:
            read_value(fields.get(output.name), output.type)
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return "\n".join(value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)

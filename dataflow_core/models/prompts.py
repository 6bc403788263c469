"""What a model is told, as data: prompts that a person may change, and recipes for records of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dataflow_core.models.calls import Recipe
from dataflow_core.models.records import Fields

#: What a field of a recipe's records may hold.
FieldType = Literal["text", "number", "whole number", "yes or no", "list of texts"]


@dataclass(frozen=True, slots=True)
class PromptTexts:
    """One version of a generator's prompt. `texts` are by what each is for ("system", "skeleton", …).

    `version` counts from 1 for what a person has saved under `name`; it is 0 for a built-in one, whose name has its
    version in it.
    """

    name: str
    version: int
    generator: str
    texts: Mapping[str, str]
    recipe: Recipe = "capable"

    @property
    def label(self) -> str:
        """What a run and its records are marked with: "para-seq/1" for a built-in one, "kinder/3" for one's own."""
        return f"{self.name}/{self.version}" if self.version else self.name

    def as_fields(self) -> Fields:
        return {
            "name": self.name,
            "version": self.version,
            "generator": self.generator,
            "texts": dict(self.texts),
            "recipe": self.recipe,
        }

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> PromptTexts:
        return cls(
            str(fields["name"]),
            int(fields["version"]),
            str(fields["generator"]),
            {str(key): str(value) for key, value in fields["texts"].items()},
            "small" if fields.get("recipe") == "small" else "capable",
        )


@dataclass(frozen=True, slots=True)
class OutputField:
    """A field of the records that a recipe makes. `description` is told to the model."""

    name: str
    description: str = ""
    type: FieldType = "text"


@dataclass(frozen=True, slots=True)
class CustomRecipe:
    """How records of one's own are made without code.

    `instruction` is a template: `{name}` stands for a value drawn from the list of that name in `variables`, or for the
    field of that name of the record that is its input. `examples` are whole records, each with every output field.
    """

    name: str
    instruction: str
    outputs: tuple[OutputField, ...]
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    examples: tuple[Fields, ...] = ()
    system: str = ""

    def as_fields(self) -> Fields:
        return {
            "name": self.name,
            "instruction": self.instruction,
            "outputs": [{"name": one.name, "description": one.description, "type": one.type} for one in self.outputs],
            "variables": {name: list(values) for name, values in self.variables.items()},
            "examples": [dict(example) for example in self.examples],
            "system": self.system,
        }

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> CustomRecipe:
        """What `as_fields` gave. What a person wrote goes through `dataflow_core.planning.recipes.read_recipe`."""
        return cls(
            name=fields["name"],
            instruction=fields["instruction"],
            outputs=tuple(OutputField(**one) for one in fields["outputs"]),
            variables={name: tuple(values) for name, values in fields.get("variables", {}).items()},
            examples=tuple(fields.get("examples", ())),
            system=fields.get("system", ""),
        )


@dataclass(frozen=True, slots=True)
class Example:
    """A record as it was when it was chosen to be shown to the model. `record` is its id.

    `fields` are its whole fields, and those of the input it was made from that it has not itself.
    """

    record: str
    fields: Fields

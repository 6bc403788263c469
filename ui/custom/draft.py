"""A recipe as it is being written: texts and rows, which need not make sense yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dataflow_core.generators.field_values import written_value
from dataflow_core.models import CustomRecipe, Fields
from dataflow_core.planning.recipes import read_recipe
from dataflow_core.prompts.templates import names_in

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """`lists` have one value a line. Rows of `outputs` have name, type and description; those of `examples` a text for
    each output, and for lists whose value they tell."""

    name: str = ""
    instruction: str = ""
    system: str = ""
    outputs: tuple[Row, ...] = ()
    lists: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[Row, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nobody has begun with it."""
        return not self.name and not self.instruction

    def as_fields(self) -> Fields:
        return asdict(self)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Draft:
        rows = {name: tuple(fields[name]) for name in ("outputs", "examples")}
        return cls(fields["name"], fields["instruction"], fields["system"], lists=fields["lists"], **rows)

    def recipe(self, *, columns: Collection[str] | None = ()) -> CustomRecipe:
        """Raises `UsageError` for what is wrong first; `columns` None lets names stand that have no list."""
        named = names_in(f"{self.instruction}\n{self.system}")
        lists = {name: text for name, text in self.lists.items() if name in named}
        outputs = [row["name"] for row in self.outputs]
        written = {
            "name": self.name,
            "instruction": self.instruction,
            "system": self.system,
            "outputs": list(self.outputs),
            "variables": {name: text for name, text in lists.items() if text.strip()},
            "examples": [
                {name: text for name, text in row.items() if name in outputs or (text.strip() and name in lists)}
                for row in self.examples
            ],
        }
        return read_recipe(written, columns=columns)


def draft_of(recipe: CustomRecipe) -> Draft:
    kinds = {output.name: output.type for output in recipe.outputs}
    return Draft(
        name=recipe.name,
        instruction=recipe.instruction,
        system=recipe.system,
        outputs=tuple({"name": one.name, "type": one.type, "description": one.description} for one in recipe.outputs),
        lists={name: "\n".join(values) for name, values in recipe.variables.items()},
        examples=tuple(
            {name: written_value(value, kinds.get(name, "text")) for name, value in example.items()}
            for example in recipe.examples
        ),
    )

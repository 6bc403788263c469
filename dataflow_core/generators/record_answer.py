"""Reading an answer that is one record of a recipe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from dataflow_core.errors import AnswerError, TruncatedError
from dataflow_core.generators.base import Reading
from dataflow_core.generators.field_values import read_value, schema_of
from dataflow_core.generators.mending import REPAIRS, SHAPE, TYPE, UNSTORABLE, find_json, storable
from dataflow_core.models import Completion, CustomRecipe, Fields

_NO_LETTER = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Made:
    """A record as it was read: its outputs in the recipe's order, and the model that wrote it."""

    fields: Fields
    model: str


class RecordAnswer:
    """A JSON object with exactly the recipe's outputs. Other keys are left aside."""

    def __init__(self, recipe: CustomRecipe) -> None:
        self._outputs = recipe.outputs
        self._keys = frozenset(output.name for output in recipe.outputs)
        self.schema: dict[str, Any] | None = schema_of(recipe)

    def read(self, completion: Completion) -> Reading[Made]:
        """Raises `TruncatedError` for an answer cut off at the token limit, `AnswerError` for other unusable ones."""
        raw = completion.texts[0] if completion.texts else ""
        is_cut = completion.finish_reason == "length"
        sentence = "The answer holds no complete JSON object."
        is_described = False
        try:
            for found in find_json(raw, self._keys, is_cut=is_cut):
                shaped = self._shaped(found.value)
                if not isinstance(shaped, dict):
                    continue
                try:
                    fields, mended = self._fields(shaped)
                except ValueError as error:
                    if not is_described or self._keys <= shaped.keys():
                        sentence, is_described = str(error), True
                    continue
                repairs = {*found.repairs, *mended, *((SHAPE,) if shaped is not found.value else ())}
                made = Made(fields, completion.model)
                return Reading(made, tuple(name for name in REPAIRS if name in repairs))
        except ValueError as error:
            sentence = str(error)
        if is_cut:
            raise TruncatedError("The answer was cut off at the token limit.", raw_text=raw)
        raise AnswerError(sentence, raw_text=raw)

    def _fields(self, shaped: dict[str, Any]) -> tuple[Fields, set[str]]:
        fields, mended = Fields(), set[str]()
        for output in self._outputs:
            if output.name not in shaped:
                raise ValueError(f"The answer lacks {output.name!r}.")
            given = shaped[output.name]
            try:
                fields[output.name], is_mended = read_value(given, output.type)
            except ValueError as error:
                raise ValueError(f"{output.name!r} {error} in the answer.") from None
            if is_mended:
                mended.add(TYPE)
            if isinstance(given, str) and storable(given) is not given:
                mended.add(UNSTORABLE)
        return fields, mended

    def _shaped(self, value: Any) -> Any:
        """The object that was asked for: out of a list or an object with nothing else in it, its keys as asked for."""
        if isinstance(value, list | dict) and len(value) == 1:
            only = next(iter(value.values() if isinstance(value, dict) else value))
            if isinstance(only, dict) and (isinstance(value, list) or not self._keys & value.keys()):
                value = only
        if not isinstance(value, dict) or self._keys <= value.keys():
            return value
        by_letters = {_letters(key): key for key in reversed(value)}
        wanted = {name: by_letters.get(_letters(name)) for name in self._keys - value.keys()}
        named = {name: value[key] for name, key in wanted.items() if key is not None and key not in self._keys}
        return value | named if named else value


def _letters(key: object) -> str:
    return _NO_LETTER.sub("", str(key)).casefold()

"""Reading answers: tolerant of how they are wrapped, strict about what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from dataflow_core.errors import AnswerError, TruncatedError
from dataflow_core.generators.base import Reading
from dataflow_core.generators.mending import REPAIRS, SHAPE, UNSTORABLE, find_json, storable
from dataflow_core.models import Completion, Fields

M = TypeVar("M", bound=BaseModel)
NonEmpty = Annotated[str, Field(min_length=1)]


class StrictAnswer(BaseModel):
    """The base of answers: no text may be empty, surrounding white space is cut off."""

    model_config = ConfigDict(str_strip_whitespace=True, extra="ignore")


class TextsAnswer:
    """The plain texts of all the choices."""

    schema = None

    def read(self, completion: Completion) -> Reading[tuple[str, ...]]:
        texts = tuple(storable(text) for text in completion.texts)
        return Reading(texts, () if texts == completion.texts else (UNSTORABLE,))


class JsonAnswer(Generic[M]):
    """An answer that is a JSON object of the shape of a pydantic model, whose fields are texts or lists of texts.

    `reshape` is handed each JSON value that is found, and returns it as an object of that shape if it means one.
    """

    def __init__(self, model: type[M], *, reshape: Callable[[Any], Any] = lambda value: value) -> None:
        self._model = model
        self._keys = frozenset(model.model_fields)
        self._reshape = reshape
        self.schema: dict[str, Any] | None = _closed(model.model_json_schema())

    def read(self, completion: Completion) -> Reading[M]:
        """Raises `TruncatedError` for an answer cut off at the token limit, `AnswerError` for other unusable ones."""
        raw = completion.texts[0] if completion.texts else ""
        is_cut = completion.finish_reason == "length"
        sentence = "The answer holds no complete JSON object."
        problem: ValidationError | None = None
        try:
            for found in find_json(raw, self._keys, is_cut=is_cut):
                shaped = self._shaped(found.value)
                if not isinstance(shaped, dict):
                    continue
                fields = {key: _storable(shaped[key]) for key in self._keys if key in shaped}
                try:
                    value = self._model.model_validate(fields)
                except ValidationError as error:
                    if problem is None or self._keys <= shaped.keys():
                        problem = error
                    continue
                repairs = set(found.repairs)
                if shaped is not found.value:
                    repairs.add(SHAPE)
                if any(fields[key] is not shaped[key] for key in fields):
                    repairs.add(UNSTORABLE)
                return Reading(value, tuple(name for name in REPAIRS if name in repairs))
        except ValueError as error:
            sentence = str(error)
        if is_cut:
            raise TruncatedError("The answer was cut off at the token limit.", raw_text=raw)
        raise AnswerError(_describe(problem) if problem else sentence, raw_text=raw)

    def _shaped(self, value: Any) -> Any:
        """The object that was asked for, taken out of a list or an object that holds nothing else."""
        only = _only_item(value)
        if isinstance(only, dict) and self._keys <= only.keys():
            value = only
        return self._reshape(value)


@cache
def text_list_answer(key: str, count: int) -> JsonAnswer[Any]:
    """An answer {key: [exactly `count` non-empty texts]}, or the bare list, or one of objects with one text each."""

    def reshape(value: Any) -> Any:
        found = value[key] if isinstance(value, dict) and key in value else _only_list(value)
        if not isinstance(found, list):
            return value
        has_objects = any(isinstance(item, dict) for item in found)
        if isinstance(value, dict) and key in value and not has_objects:
            return value
        return {key: _only_texts(found) if has_objects else found}

    model = create_model(
        f"{key.capitalize()}Answer",
        __base__=StrictAnswer,
        **{key: (list[NonEmpty], Field(min_length=count, max_length=count))},  # type: ignore[call-overload]
    )
    return JsonAnswer(model, reshape=reshape)


def _storable(value: Any) -> Any:
    """The same object if nothing in it had to be replaced."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        parts = [storable(part) if isinstance(part, str) else part for part in value]
        return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts
    return value


def _only_item(value: Any) -> Any:
    if isinstance(value, dict | list) and len(value) == 1:
        return next(iter(value.values() if isinstance(value, dict) else value))
    return None


def _only_list(value: Any) -> list[Any] | None:
    if isinstance(value, dict):
        value = _only_item(value)
    return value if isinstance(value, list) and value else None


def _only_texts(items: Sequence[Any]) -> list[Any]:
    """`"text"` out of each `{"content": "text"}` or `{"role": "user", "value": "text"}`, if all have one role."""
    roles = {str(item.get("role", item.get("from"))) for item in items if isinstance(item, dict)}
    return [_only_text(item) for item in items] if len(roles) == 1 else list(items)


def _only_text(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    texts = [value for name, value in item.items() if isinstance(value, str) and name not in ("role", "from")]
    return texts[0] if len(texts) == 1 else item


def _closed(schema: dict[str, Any]) -> Fields:
    """The schema as strict endpoints want it: no further properties, all of them required, no titles."""
    properties = {
        name: {key: value for key, value in part.items() if key != "title"}
        for name, part in schema["properties"].items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    match first["type"]:
        case "missing":
            return f"The answer lacks {place!r}."
        case "string_too_short":
            return f"{place!r} is empty in the answer."
        case "too_short" | "too_long":
            wanted = first["ctx"].get("min_length", first["ctx"].get("max_length"))
            return (
                f"{place!r} must be a list of exactly {wanted} texts; the answer has {first['ctx']['actual_length']}."
            )
        case "string_type" | "list_type":
            return f"{place!r} is not a {'text' if first['type'] == 'string_type' else 'list'} in the answer."
        case _:
            return f"{place!r} is not right in the answer: {first['msg']}."

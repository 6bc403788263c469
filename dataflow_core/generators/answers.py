"""Reading structured answers: tolerant of how they are wrapped, strict about what they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Generic, TypeVar

import json_repair
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from dataflow_core.errors import AnswerError, TruncatedError
from dataflow_core.models import Completion

M = TypeVar("M", bound=BaseModel)
NonEmpty = Annotated[str, Field(min_length=1)]

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_UNOPENED = re.compile(r"^.*</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_BAD_CHARACTERS = re.compile("[\ud800-\udfff\0]")


class StrictAnswer(BaseModel):
    """The base of answers: no text may be empty, surrounding white space is cut off."""

    model_config = ConfigDict(str_strip_whitespace=True, extra="ignore")


class JsonAnswer(Generic[M]):
    """An answer that is a JSON object of the shape of a pydantic model."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        self.schema: dict[str, Any] | None = _closed(model.model_json_schema())

    def read(self, completion: Completion) -> M:
        """Raises `TruncatedError` for an answer cut off at the token limit, `AnswerError` for other unusable ones."""
        raw = completion.texts[0] if completion.texts else ""
        try:
            return self._model.model_validate(_clean(_find_object(raw, self._model)))
        except (ValidationError, ValueError) as error:
            sentence = _describe(error) if isinstance(error, ValidationError) else str(error)
            if completion.finish_reason == "length":
                raise TruncatedError("The answer was cut off at the token limit.", raw_text=raw) from error
            raise AnswerError(sentence, raw_text=raw) from error


def text_list_answer(key: str, count: int) -> JsonAnswer[Any]:
    """An answer {key: [exactly `count` non-empty texts]}; items wrapped in an object with one text are unwrapped."""

    def unwrap(value: Any) -> Any:
        if isinstance(value, list):
            return [_only_text(item) for item in value]
        return value

    model = create_model(
        f"{key.capitalize()}Answer",
        __base__=StrictAnswer,
        __validators__={"unwrap": field_validator(key, mode="before")(unwrap)},
        **{key: (list[NonEmpty], Field(min_length=count, max_length=count))},  # type: ignore[call-overload]
    )
    return JsonAnswer(model)


def strip_reasoning(text: str) -> str:
    """The text without the blocks in which reasoning models think aloud."""
    return _UNOPENED.sub("", _THINKING.sub("", text)).strip()


def _find_object(raw: str, model: type[BaseModel]) -> dict[str, Any]:
    text = strip_reasoning(raw)
    if not text:
        raise ValueError("The answer is empty.")
    wanted = list(model.model_fields)
    others: list[Any] = []
    for candidate in _candidates(text):
        if isinstance(candidate, dict) and set(wanted) <= set(candidate):
            return candidate
        others.append(candidate)
    for other in others:
        if len(wanted) == 1 and (found := _only_list(other)) is not None:
            return {wanted[0]: found}
    for other in others:
        if isinstance(other, dict):
            return other
    raise ValueError("The answer holds no complete JSON object.")


def _clean(value: Any) -> Any:
    """Lone surrogates and NUL characters, which no file or database holds, become visible replacements."""
    if isinstance(value, str):
        return _BAD_CHARACTERS.sub("\ufffd", value)
    if isinstance(value, dict):
        return {key: _clean(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_clean(part) for part in value]
    return value


def _candidates(text: str) -> Iterator[Any]:
    """The JSON values that stand in the text, as they are first, repaired last."""
    for block in [text, *_FENCED.findall(text)]:
        with suppress(ValueError):
            yield json.loads(block)
    decoder = json.JSONDecoder()
    starts = [match.start() for match in _OPENING.finditer(text)][:20]
    for start in starts:
        with suppress(ValueError, RecursionError):
            yield decoder.raw_decode(text, start)[0]
    if starts:
        # Without its closing bracket an answer was cut: repairing it would pass half a sentence as whole.
        end = max(text.rfind("}"), text.rfind("]")) + 1
        if end > starts[0]:
            yield json_repair.loads(text[starts[0] : end])


def _only_list(value: Any) -> list[Any] | None:
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    return value if isinstance(value, list) and value else None


def _only_text(item: Any) -> Any:
    """`"text"` out of `{"content": "text"}` or `{"role": "user", "value": "text"}`."""
    if not isinstance(item, dict):
        return item
    texts = [value for name, value in item.items() if isinstance(value, str) and name not in ("role", "from")]
    return texts[0] if len(texts) == 1 else item


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
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
    first = error.errors()[0]
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
        case _:
            return f"{place!r} is not right in the answer: {first['msg']}."

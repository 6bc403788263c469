"""The values of a recipe's fields: what each type holds, how it is described to a model, and how it is read."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from dataflow_core.generators.mending import storable
from dataflow_core.models import CustomRecipe, Fields, FieldType

#: Filled in by the library: the model that answered.
MODEL_NAME = "model_name"

_JSON: dict[FieldType, Fields] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "whole number": {"type": "integer"},
    "yes or no": {"type": "boolean"},
    "list of texts": {"type": "array", "items": {"type": "string"}},
}
#: How a sentence calls a value of the type.
_A_VALUE: dict[FieldType, str] = {
    "text": "a text",
    "number": "a number",
    "whole number": "a whole number",
    "yes or no": "yes or no",
    "list of texts": "a list of texts",
}
_YES, _NO = frozenset({"yes", "y", "true"}), frozenset({"no", "n", "false"})
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
_BULLET = re.compile(r"^\s*(?:[-*•]\s+|\d{1,3}[.)]\s+)")
_LARGEST = 2**63 - 1  # of a whole number that every reader of JSON and every database holds
_QUOTED = 40


def schema_of(recipe: CustomRecipe) -> Fields:
    """The JSON schema of what a model is to answer: every output is required, and nothing else is allowed."""
    properties = {
        output.name: _JSON[output.type] | ({"description": output.description} if output.description else {})
        for output in recipe.outputs
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def read_value(value: Any, kind: FieldType) -> tuple[Any, bool]:
    """The value as one of the type, and whether something else had to be made of it: 42 of "42" is mended.

    Raises `ValueError` with the end of a sentence that begins with the field's name: "is empty".
    """
    if value is None or value == [] or (isinstance(value, str) and not value.strip()):
        raise ValueError("is empty")
    found: Any
    match kind:
        case "text":
            found = _as_text(value)
        case "list of texts":
            found = _as_texts(value)
        case "yes or no":
            found = _as_bool(value)
        case _:
            found = _as_number(value, is_whole=kind == "whole number")
    if found is None:
        raise ValueError(f"must be {_A_VALUE[kind]}, and {_quoted(value)} is not")
    is_same_kind = type(found) is type(value) or (kind == "number" and not isinstance(value, str))
    is_mended = not is_same_kind or (isinstance(found, list) and len(found) != len(value))
    return found, is_mended


def written_value(value: Any, kind: FieldType) -> str:
    """The value as a person writes it: a list has one text a line. `read_value` reads it back."""
    if value is None or value == []:
        return ""
    if isinstance(value, str):
        return value
    if kind == "yes or no" and isinstance(value, bool):
        return "yes" if value else "no"
    if kind == "list of texts" and _is_plain_list(value):
        return "\n".join(value)
    return json.dumps(value, ensure_ascii=False)


def kind_of(value: Any) -> FieldType | None:
    """The type that the value is of; None for what none of them holds."""
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "list of texts" if value and all(isinstance(part, str) for part in value) else None
    return "text" if isinstance(value, str) else None


def blank_value(kind: FieldType) -> Any:
    """What stands in a record that a person is to write."""
    return {"text": "", "list of texts": []}.get(kind)


def _as_text(value: Any) -> str | None:
    if isinstance(value, str):
        return storable(value).strip()
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return json.dumps(value) if _is_finite(value) else None
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return "\n".join(storable(part).strip() for part in value).strip() or None
    return None


def _as_texts(value: Any) -> list[str] | None:
    if isinstance(value, str):
        value = _parsed_list(value) or [_BULLET.sub("", line) for line in value.splitlines()]
    if not isinstance(value, list) or not all(isinstance(part, str | int | float) for part in value):
        return None
    texts = [_as_text(part) for part in value]
    if None in texts:
        return None
    return [text for text in texts if text] or None


def _parsed_list(text: str) -> list[Any] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _as_bool(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = value.strip().strip(".!").casefold() if isinstance(value, str) else None
    return True if word in _YES else False if word in _NO else None


def _as_number(value: Any, *, is_whole: bool) -> int | float | None:
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _QUOTED or not any(map(str.isdigit, text)) or not _NUMBER.fullmatch(text):
            return None
        text = text.replace(",", "")
        value = int(text) if text.lstrip("+-").isdigit() else float(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        return None
    if not is_whole or isinstance(value, int):
        return value
    return int(value) if value.is_integer() and abs(value) <= _LARGEST else None


def _is_finite(value: float) -> bool:
    return abs(value) <= _LARGEST if isinstance(value, int) else math.isfinite(value)


def _is_plain_list(value: Any) -> bool:
    """Whether its texts come back from lines as they were."""
    return isinstance(value, list) and _as_texts("\n".join(map(str, value))) == value


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"“{text if len(text) <= _QUOTED else text[:_QUOTED] + ' …'}”"

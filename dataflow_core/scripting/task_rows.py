"""The rows that a task gives: how a yield is read, and when a row can be stored as a record."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from dataflow_core.errors import OwnCodeError, UsageError
from dataflow_core.scripting.typing import Row

MODEL_NAME = "model_name"
_DEEPEST = 50
_HOLDS_ITSELF = (
    "The row holds itself in “{}”: process() has put a dictionary into itself. That happens when `output` is made the "
    "row's dictionary before it is handed to format_output. Keep what the model said in a name of its own: "
    'result = {{"model_name": self.llm.model_name}}; '
    "result.update(self.format_output(output=output, input=None)); yield result."
)


def as_batch(given: Any, task: str) -> list[Row] | tuple[list[Row], bool]:
    """What `process` has yielded: a row as a list of it, a list or (list, is last) as it is.

    Raises `UsageError` for anything else.
    """
    if isinstance(given, dict):
        return [given]
    if _is_rows(given):
        rows: list[Row] = given
        return rows
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], bool):
        if isinstance(given[0], dict):
            return [given[0]], given[1]
        if _is_rows(given[0]):
            return given
    raise UsageError(
        f"{task}.process() has yielded {_kind(given)}. Yield a dictionary (one row), a list of dictionaries, or a list "
        "of dictionaries with True or False for whether it is the last."
    )


def column_names(outputs: Any, task: str) -> list[str]:
    """The names that the property `outputs` gives. Raises `UsageError` where it gives no names."""
    names = list(outputs) if isinstance(outputs, Mapping | Sequence) and not isinstance(outputs, str) else []
    if not names or not all(isinstance(name, str) and name for name in names):
        raise UsageError(
            f"{task}.outputs gives {_kind(outputs)}. It is a property that returns the names of a row's fields: "
            'return ["output_field", "model_name"].'
        )
    return list(dict.fromkeys(names))


def as_fields(row: Row, outputs: Any, *, model_name: str) -> Row:
    """The row as a record's fields: JSON values, in the order that `outputs` names them.

    Raises `OwnCodeError` for a row that holds itself, something that is not JSON, or other fields than declared.
    """
    required = [name for name in outputs if not isinstance(outputs, Mapping) or outputs[name]]
    if MODEL_NAME in outputs and MODEL_NAME not in row:
        row = {**row, MODEL_NAME: model_name}
    fields = {name: _json(value, str(name), (id(row),)) for name, value in row.items()}
    if missing := [name for name in required if name not in fields]:
        raise OwnCodeError(f"The row lacks {_named(missing)}, which `outputs` names. Put it into what is yielded.")
    if more := [str(name) for name in fields if name not in outputs and name != MODEL_NAME]:
        raise OwnCodeError(f"The row has {_named(more)}, which `outputs` does not name. Add it there, or leave it out.")
    order = [name for name in outputs if name in fields]
    return {name: fields[name] for name in dict.fromkeys([*order, *fields])}


def json_value(value: Any, name: str) -> Any:
    """Raises `OwnCodeError` for what is not JSON."""
    return _json(value, name, ())


def is_empty(fields: Row) -> bool:
    """Whether the row holds nothing but the model's name: so it is when its call failed."""
    return all(value is None for name, value in fields.items() if name != MODEL_NAME)


def _json(value: Any, path: str, above: tuple[int, ...]) -> Any:
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return str(value) if isinstance(value, str) else value
    if id(value) in above:
        raise OwnCodeError(_HOLDS_ITSELF.format(path))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise OwnCodeError(f"The row's “{path}” is {value}, which JSON does not have. Use None in its place.")
        return float(value)
    if len(above) > _DEEPEST:
        raise OwnCodeError(f"The row's “{path}” is nested more than {_DEEPEST} deep.")
    inside = (*above, id(value))
    if isinstance(value, BaseModel):
        return json.loads(value.model_dump_json())
    if isinstance(value, Mapping):
        return {_key(key, path): _json(part, f"{path}.{key}", inside) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_json(part, f"{path}[{number}]", inside) for number, part in enumerate(value)]
    if callable(getattr(value, "tolist", None)):  # numpy's
        return _json(value.tolist(), path, inside)
    raise OwnCodeError(
        f"The row's “{path}” is {_kind(value)}, which cannot be stored. Yield texts, numbers, True, False, None, "
        "and lists or dictionaries of them."
    )


def _key(key: Any, path: str) -> str:
    if isinstance(key, str | int | float | bool):
        return str(key)
    raise OwnCodeError(f"A key in the row's “{path}” is {_kind(key)}. The keys of a dictionary are texts.")


def _is_rows(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(row, dict) for row in given)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _named(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)

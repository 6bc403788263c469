"""Rows of a step: JSON values by column, out of what a script holds (a DataFrame, a list of dicts), and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields
from dataflow_core.readers.table import visible

if TYPE_CHECKING:
    import pandas as pd


class Rows(NamedTuple):
    """The columns in order, and the rows; a row may lack columns."""

    columns: tuple[str, ...]
    rows: list[Fields]


def rows_of(data: Any) -> Rows:
    """The rows of a DataFrame (without its index) or of a list of dicts, as JSON values.

    Missing values (NaN, NaT, NA) become null, dates their ISO text, arrays lists; what no text can hold (NUL, half a
    character) is replaced by signs that can be seen. Raises `UsageError` for a value that JSON has no form for, for a
    column that has no name of its own, and for data that is neither.
    """
    if hasattr(data, "columns") and hasattr(data, "itertuples"):
        names = _unique(data.columns)
        columns = [data.iloc[:, place].tolist() for place in range(len(names))]
        rows = [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    elif isinstance(data, list | tuple) and all(isinstance(row, Mapping) for row in data):
        names, rows = _unique(dict.fromkeys(name for row in data for name in row)), list(data)
    else:
        raise UsageError(f"A DataFrame or a list of dicts is needed here; this is a {type(data).__name__}.")
    return Rows(names, [{name: _plain(value, name) for name, value in row.items()} for row in rows])


def frame_of(rows: Rows) -> pd.DataFrame:
    """The rows as a DataFrame, numbered from 0.

    A column of values of several kinds, or with gaps, holds Python objects: 1 does not become 1.0 because its
    neighbour is missing.
    """
    import pandas as pd

    columns = {}
    for name in rows.columns:
        values = [row.get(name) for row in rows.rows]
        is_even = len({type(value) for value in values} - {type(None)}) == 1 and None not in values
        columns[name] = pd.Series(values, dtype=None if is_even else object, name=name)
    return pd.DataFrame(columns, columns=list(rows.columns), index=range(len(rows.rows)))


def _unique(names: Iterable[Any]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f"The column {name!r} is not named by a text. Rename it.")
        if name in found:
            raise UsageError(f"Two columns are named {name!r}. Give each a name of its own.")
        if visible(name) != name:
            raise UsageError(f"The column {visible(name)!r} has a character in its name that no text holds. Rename it.")
        found[name] = None
    return tuple(found)


def _plain(value: Any, column: str) -> Any:
    """The value in JSON's terms."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return visible(str(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isinf(value):
            raise UsageError(f"The column {column!r} holds the number {value}, which JSON does not know.")
        return None if math.isnan(value) else float(value)
    if isinstance(value, Mapping):
        if bad := [key for key in value if not isinstance(key, str)]:
            raise UsageError(f"The column {column!r} holds a dict with the key {bad[0]!r}, which is not a text.")
        return {visible(key): _plain(part, column) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, column) for part in value]
    if isinstance(value, datetime | date | time):
        return None if type(value).__name__ == "NaTType" else value.isoformat()
    if type(value).__name__ == "NAType":
        return None
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return _plain(value.tolist(), column)
    raise UsageError(
        f"The column {column!r} holds a {type(value).__name__}, which cannot be stored. Turn it into text, a number, "
        "a list or a dict first."
    )

"""Parquet of everything, each column of the type that its values have.

Texts, whole numbers, numbers, yes or no; lists of texts, and lists of objects that all have the same texts (turns of a
dialogue). A column of anything else holds JSON text, and says so: its field has the metadata `dataflow: json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from dataflow_core.exporters.base import RowWriter
from dataflow_core.exporters.tables import TIMES, TableExporter, TableWriter, as_json
from dataflow_core.models import Fields

if TYPE_CHECKING:
    import pyarrow

#: Of a column whose cells are JSON text.
JSON_COLUMN = {"dataflow": "json"}

#: "text", "whole", "number", "yes", "texts", "json", or the names of the texts that objects of a list have.
_Kind: TypeAlias = "str | tuple[str, ...]"
_EMPTY_LIST = "empty list"
_ROWS_AT_ONCE = 10_000
_CHARACTERS_AT_ONCE = 1 << 23
_LARGEST, _LARGEST_EXACT = 2**63, 2**53


class ParquetWriter(TableWriter):
    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self._kinds: dict[str, _Kind] = {}

    def write(self, row: Fields) -> None:
        for name, value in row.items():
            kinds = self._kinds
            if isinstance(value, str):
                kind: _Kind | None = "text"
            else:
                kind = _kind_of(value)
            if kind is not None and kinds.get(name) != kind:
                kinds[name] = _both(kinds[name], kind) if name in kinds else kind
        super().write(row)

    def put(self, columns: list[str], rows: Iterator[Fields], stream: BinaryIO) -> None:
        import pyarrow
        import pyarrow.parquet

        kinds = {name: "time" if name in TIMES else self._kinds.get(name, "text") for name in columns}
        schema = pyarrow.schema([_field(pyarrow, name, kind) for name, kind in kinds.items()])
        with pyarrow.parquet.ParquetWriter(stream, schema, compression="zstd") as file:
            for group in _groups(rows):
                arrays = [
                    pyarrow.array([_cell(row.get(name), kind) for row in group], type=field.type)
                    for (name, kind), field in zip(kinds.items(), schema, strict=True)
                ]
                file.write_batch(pyarrow.record_batch(arrays, schema=schema), row_group_size=_ROWS_AT_ONCE)


def _groups(rows: Iterable[Fields]) -> Iterator[list[Fields]]:
    """As many rows at a time as a group of the file has: bounded in number and in length."""
    group: list[Fields] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(_size(value) for value in row.values())
        if len(group) == _ROWS_AT_ONCE or size > _CHARACTERS_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 8


def _kind_of(value: Any) -> _Kind | None:
    """What a column of such values would be; None for nothing, which every column may hold."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, int):
        return "exact" if abs(value) <= _LARGEST_EXACT else "whole" if -_LARGEST <= value < _LARGEST else "json"
    if isinstance(value, float):
        return "number"
    return _kind_of_list(value) if isinstance(value, list) else "json"


def _kind_of_list(values: list[Any]) -> _Kind:
    if not values:
        return _EMPTY_LIST
    if all(isinstance(value, str) for value in values):
        return "texts"
    first = values[0]
    if not isinstance(first, dict) or not first:
        return "json"
    names = tuple(first)
    for value in values:
        if not isinstance(value, dict) or tuple(value) != names:
            return "json"
        if not all(isinstance(text, str) for text in value.values()):
            return "json"
    return names


def _both(one: _Kind, other: _Kind) -> _Kind:
    """What a column is that holds values of both kinds."""
    kinds = {one, other}
    if len(kinds) == 1:
        return one
    if kinds == {"exact", "whole"}:
        return "whole"
    if kinds == {"exact", "number"}:
        return "number"
    if _EMPTY_LIST in kinds:
        (rest,) = kinds - {_EMPTY_LIST}
        if rest == "texts" or isinstance(rest, tuple):
            return rest
    return "json"


def _field(pyarrow: Any, name: str, kind: _Kind) -> pyarrow.Field:
    if isinstance(kind, tuple):
        turn = pyarrow.struct([(part, pyarrow.string()) for part in kind])
        return pyarrow.field(name, pyarrow.list_(turn))
    if kind == "json":
        return pyarrow.field(name, pyarrow.string(), metadata=JSON_COLUMN)
    types = {
        "text": pyarrow.string(),
        "exact": pyarrow.int64(),
        "whole": pyarrow.int64(),
        "number": pyarrow.float64(),
        "yes": pyarrow.bool_(),
        "texts": pyarrow.list_(pyarrow.string()),
        _EMPTY_LIST: pyarrow.list_(pyarrow.string()),
        "time": pyarrow.timestamp("us", tz="UTC"),
    }
    return pyarrow.field(name, types[kind])


def _cell(value: Any, kind: _Kind) -> Any:
    if value is None or kind not in ("json", "number", "time"):
        return value
    if kind == "json":
        return as_json(value)
    return float(value) if kind == "number" else datetime.fromisoformat(value)


class ParquetExporter(TableExporter):
    name = "parquet"
    title = "Parquet"
    trainers = "pandas, Polars, DuckDB, the Hub's viewer"
    source = "https://parquet.apache.org/docs/file-format/"
    suffix = ".parquet"

    def writer(self, stream: BinaryIO) -> RowWriter:
        return ParquetWriter(stream)

"""The file of one step: JSON, JSON Lines, CSV or Parquet, read as it was written and written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from dataflow_core.errors import ReadError, UsageError
from dataflow_core.exporting.files import write_lines
from dataflow_core.models import Fields
from dataflow_core.readers import read_table
from dataflow_core.readers.json_values import Decoder, fault_of, skip_space
from dataflow_core.scripting.rows import Rows

FileType = Literal["json", "jsonl", "csv", "parquet"]


def read_first_entry(path: Path) -> Rows:
    """Read a file that somebody else has made, by what it holds. Lines that are blank are passed over.

    Raises `ReadError` where any other line cannot be read, naming the first.
    """
    data = _bytes_of(path)
    if data.strip() in (b"", b"[]"):
        return Rows((), [])
    table = read_table(data, path.name)
    broken = [problem for problem in table.problems if problem.kind == "unreadable"]
    if broken:
        more = f" {len(broken) - 1} more cannot be read, either." if len(broken) > 1 else ""
        raise ReadError(f"{path}: {broken[0].reason}{more} Correct the file, then run again.")
    return Rows(table.columns, [entry.fields for entry in table.entries])


def read_step(path: Path, file_type: FileType) -> Rows:
    """Read what `write_step` has written: every row as it was. Raises `ReadError`, with the place, for what is not."""
    data = _bytes_of(path)
    if file_type == "parquet":
        return _read_parquet(data, path)
    try:
        text = data.decode("utf_8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ReadError(f"{path} is not UTF-8 text: see line {line}. Save it as UTF-8.") from error
    if file_type == "csv":
        return _read_csv(text, path)
    rows = list(_read_lines(text, path) if file_type == "jsonl" else _read_list(text, path))
    return Rows(tuple(dict.fromkeys(name for row in rows for name in row)), rows)


def write_step(path: Path, file_type: FileType, rows: Rows) -> None:
    """Write the rows, replacing the file. Raises `UsageError` for what the type cannot hold, and a place that cannot
    be written to.
    """
    match file_type:
        case "json":
            write_lines(path, _list_lines(rows.rows))
        case "jsonl":
            write_lines(path, map(json_line, rows.rows))
        case "csv":
            write_lines(path, _csv_lines(rows))
        case "parquet":
            _write_parquet(path, rows)


def check_holds(file_type: FileType, rows: Rows) -> None:
    """Raises `UsageError` for what `write_step` would refuse."""
    if file_type == "csv":
        for _ in _csv_lines(rows):
            pass
    elif file_type == "parquet":
        _arrays(rows)


def json_line(row: Fields) -> str:
    # Line separators other than \n are legal in JSON text but end a line for many readers.
    text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")


def nested_in_csv(column: str) -> UsageError:
    return UsageError(
        f"The column {column!r} holds lists or dicts, which a CSV file cannot. Use cache_type jsonl, json or parquet."
    )


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error


def _read_lines(text: str, path: Path) -> Iterator[Fields]:
    decoder = Decoder()
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _object(line, f"{path}: line {number}", decoder)


def _read_list(text: str, path: Path) -> Iterator[Fields]:
    if not text.strip():
        return
    value = _value(text, str(path), Decoder())
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ReadError(f"{path} is not a list of objects. A step's JSON file is one.")
    yield from value


def _object(text: str, place: str, decoder: Decoder) -> Fields:
    value = _value(text, place, decoder)
    if not isinstance(value, dict):
        raise ReadError(f"{place} holds no object. Each line of a step's file is one.")
    return value


def _value(text: str, place: str, decoder: Decoder) -> Any:
    def line_at(position: int) -> int:
        return text.count("\n", 0, position) + 1

    try:
        value, end, harm = decoder.value_at(text, skip_space(text, 0))
        if skip_space(text, end) != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except ValueError as error:
        raise ReadError(f"{place} {fault_of(error, line_at=line_at if chr(10) in text else None)}") from error
    if harm:
        raise ReadError(f"{place} {harm}")
    return value


def _list_lines(rows: Sequence[Fields]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows, 1):
        yield json_line(row) + ("," if number < len(rows) else "")
    yield "]"


def _read_csv(text: str, path: Path) -> Rows:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: tuple[str, ...] | None = None
    rows: list[Fields] = []
    try:
        for cells in reader:
            if columns is None:
                columns = tuple(cells)
            elif len(cells) == len(columns):
                rows.append(dict(zip(columns, cells, strict=True)))
            elif cells:
                raise ReadError(
                    f"{path}: the row that ends in line {reader.line_num} has {len(cells)} cells where the header has "
                    f"{len(columns)}."
                )
    except csv.Error as error:
        raise ReadError(f"{path}: line {reader.line_num} is not valid CSV: {error}.") from error
    return Rows(columns or (), rows)


def _csv_lines(rows: Rows) -> Iterator[str]:
    if rows.rows and not rows.columns:
        raise UsageError("These rows have no columns, and a CSV file cannot hold such. Use cache_type jsonl.")
    if rows.columns:
        yield ",".join(_csv_cell(name, name) or '""' for name in rows.columns)
    for row in rows.rows:
        yield ",".join(_csv_cell(row.get(name), name) for name in rows.columns) or '""'


def _csv_cell(value: Any, column: str) -> str:
    if isinstance(value, list | dict):
        raise nested_in_csv(column)
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    is_bare = text and text == text.strip() and not any(mark in text for mark in ',"\r\n')
    return text if is_bare or value is None else '"' + text.replace('"', '""') + '"'


def _read_parquet(data: bytes, path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dataflow_core.scripting.rows import rows_of

    try:
        table = pq.read_table(pa.BufferReader(data))
        return Rows(tuple(table.column_names), rows_of(table.to_pylist()).rows)
    except (pa.ArrowException, ValueError, OSError) as error:
        detail = str(error).strip().split("\n")[0][:200]
        raise ReadError(f"{path} is no whole Parquet file ({detail}). Write the step again.") from error


def _write_parquet(path: Path, rows: Rows) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = _arrays(rows)
    partial = path.resolve().with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            pq.write_table(pa.table(arrays), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    except pa.ArrowException as error:
        raise UsageError(f"Parquet cannot hold these values ({error}). Use cache_type jsonl.") from error
    finally:
        partial.unlink(missing_ok=True)


def _arrays(rows: Rows) -> dict[str, Any]:
    if rows.rows and not rows.columns:
        raise UsageError("These rows have no columns, and a Parquet file cannot hold such. Use cache_type jsonl.")
    return {name: _array([row.get(name) for row in rows.rows], name) for name in rows.columns}


def _array(values: list[Any], column: str) -> Any:
    """As a column of Parquet, which has one type. Raises `UsageError` where a value would not come back as it was."""
    import pyarrow as pa

    try:
        array = pa.array(values)
        if array.to_pylist() == values:
            return array
    except (pa.ArrowException, OverflowError):
        pass
    raise UsageError(
        f"The column {column!r} holds values of several kinds, and a column of Parquet has one. Use cache_type jsonl."
    )

"""Parquet. Texts, numbers and nested values stay what they are; what JSON has no word for becomes text."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from dataflow_core.errors import ReadError
from dataflow_core.models import Fields, SourceLine
from dataflow_core.readers.table import (
    Entry,
    Table,
    blank,
    column_names,
    is_harmful,
    refuse_if_nothing_was_read,
    unreadable,
    why_harmful,
)

if TYPE_CHECKING:
    from dataflow_core.readers.parquet_rows import Row

_MOST_BYTES = 1 << 30
_MOST_ENTRIES = 5_000_000
_LONGEST = 256 << 20


def is_parquet(data: bytes) -> bool:
    return data[:4] == b"PAR1"


def read_parquet(data: bytes, name: str) -> Table:
    """Read a Parquet file; an entry's line is its number, from 1."""
    import pyarrow as pa

    from dataflow_core.readers.parquet_rows import ParquetRows

    if not is_parquet(data):
        raise ReadError(f"{name} is not a Parquet file, whatever its name says. Save it again as Parquet or CSV.")
    if len(data) < 12 or data[-4:] != b"PAR1":
        raise ReadError(f"{name} is cut off: the end of a Parquet file is missing. Copy or download it again.")
    try:
        rows = ParquetRows(pa.BufferReader(data), name, longest=_LONGEST)
        _refuse_too_large(rows.metadata, name)
        columns, notes = column_names(rows.names)
        entries, problems = _entries(rows, columns, name)
    except ReadError:
        raise
    except (pa.ArrowException, ValueError, OSError, LookupError, TypeError, OverflowError) as error:
        detail = str(error).strip().split("\n")[0][:200]
        raise ReadError(f"{name} is a damaged Parquet file ({detail}). Copy or download it again.") from error
    refuse_if_nothing_was_read(name, entries, problems)
    return Table(columns, entries, problems, "Parquet", "binary", None, name, (*notes, *rows.notes))


def _refuse_too_large(metadata: Any, name: str) -> None:
    size = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    if size > _MOST_BYTES or metadata.num_rows > _MOST_ENTRIES:
        raise ReadError(
            f"{name} is too large: {metadata.num_rows:,} entries, {size / (1 << 20):,.0f} MB unpacked. "
            f"Split it into files of at most {_MOST_ENTRIES:,} entries and {_MOST_BYTES >> 20:,} MB."
        )


def _entries(rows: Iterable[Row], columns: tuple[str, ...], name: str) -> tuple[list[Entry], list[SourceLine]]:
    entries: list[Entry] = []
    problems: list[SourceLine] = []
    size = 0
    for number, cells in enumerate(rows, 1):
        if isinstance(cells, str):
            problems.append(unreadable(number, f"Entry {number} {cells}", ""))
            continue
        fields, text = fields_of(number, columns, map(json_value, cells))
        if isinstance(fields, str):
            problems.append(unreadable(number, fields, text))
        elif all(value is None or (isinstance(value, str) and not value.strip()) for value in fields.values()):
            problems.append(blank(number, unit="Entry"))
        else:
            entries.append(Entry(number, fields))
        size += sum(len(value) for value in cells if isinstance(value, str))
        if size > _MOST_BYTES:  # of texts that the file repeats by their number
            raise ReadError(f"{name} is too large: its texts have more than {_MOST_BYTES >> 20:,} MB. Split it.")
    return entries, problems


def fields_of(number: int, columns: Sequence[str], values: Iterable[Any]) -> tuple[Fields | str, str]:
    """A row's fields, or why they cannot be kept, in a sentence, with their text."""
    fields: Fields = dict(zip(columns, values, strict=True))
    texts = "".join(value if isinstance(value, str) else repr(value) for value in fields.values())
    if is_harmful(texts):
        return f"Entry {number} {why_harmful(texts)}", texts
    return fields, ""


def json_value(value: Any) -> Any:
    """`value` in JSON's terms: dates in ISO form, bytes as the text they hold or else in base 64, NaN as null."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode("utf_8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {str(key): json_value(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(part) for part in value]
    return str(value)

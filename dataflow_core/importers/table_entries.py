"""CSV, TSV and Parquet read a row at a time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from dataflow_core.errors import ReadError
from dataflow_core.exporters.csv_table import unguarded
from dataflow_core.exporters.parquet import JSON_COLUMN
from dataflow_core.importers.entries import LONGEST, Entry, too_long
from dataflow_core.importers.json_reader import JsonReader
from dataflow_core.readers.columnar import fields_of, json_value
from dataflow_core.readers.delimited import delimiter_of
from dataflow_core.readers.json_values import UnusableError
from dataflow_core.readers.table import column_names, is_harmful, looks_like_a_name, why_harmful

if TYPE_CHECKING:
    from dataflow_core.readers.parquet_rows import Row

_SAMPLE = 1 << 16
#: After so many quotes that are never closed, the rest of a file is not looked through for their ends again.
_MOST_OPEN = 20


class CsvReader:
    """A table in text. Its first line that is not blank names the columns. Raises `ReadError` where it names none."""

    def __init__(self, text: IO[str], name: str) -> None:
        # The module's own limit, 128 KB a field, is for the whole process; it is only ever raised.
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST))
        self._lines = _Lines(text)
        beginning = self._lines.beginning(_SAMPLE)
        self.delimiter, skipped = delimiter_of(beginning, preferred="\t" if "\t" in beginning[:1000] else ",")
        for _ in range(skipped):
            self._lines.read()
        header = self._header(name)
        self.columns, notes = column_names([unguarded(cell) for cell in header])
        self.notes = tuple(notes)
        if self.delimiter is None and not looks_like_a_name(self.columns[0]):
            raise ReadError(
                f"{name} is plain text. An import needs JSON Lines, JSON, Parquet, or CSV whose first line names the "
                "columns."
            )

    def _header(self, name: str) -> list[str]:
        for line, cells, _ in self._rows(0):
            if isinstance(cells, str):
                raise ReadError(f"The header of {name} cannot be read. {cells} Correct it there and try again.")
            if any(map(str.strip, cells)):
                return cells
            if line > 1_000:
                break
        raise ReadError(f"{name} is empty: it holds no entry to import. Choose a file with at least one.")

    def entries(self) -> Iterator[Entry]:
        columns = self.columns
        width = len(columns)
        for line, cells, raw in self._rows(width):
            if isinstance(cells, str):
                yield line, cells, raw()
            elif not cells or (width > 1 and not any(map(str.strip, cells))):
                yield line, None, ""
            elif len(cells) != width:
                count = "1 field" if len(cells) == 1 else f"{len(cells)} fields"
                yield line, f"Line {line} has {count} where the header has {width}.", raw()
            elif is_harmful("".join(cells)):
                yield line, f"Line {line} {why_harmful(''.join(cells))}", raw()
            else:
                yield line, dict(zip(columns, cells, strict=True)), ""

    def _rows(self, width: int) -> Iterator[tuple[int, list[str] | str, Callable[[], str]]]:
        """Each row's first line, its cells or why it has none, and its text.

        A quote that has no proper end costs the line that it is in; those after it are read on their own.
        """
        lines, opened = self._lines, 0
        # A sign that no text has, where there is no delimiter: the module wants one.
        delimiter = self.delimiter or "\U0010fffe"
        while True:
            reader = csv.reader(iter(lines.read, ""), delimiter=delimiter, strict=True)
            begin = lines.number + 1
            try:
                for cells in reader:
                    yield begin, cells, partial("".join, lines.taken)
                    lines.taken = []
                    begin = lines.number + 1
            except csv.Error as error:
                is_open = "unexpected end" in str(error) or lines.is_too_long
                opened += is_open
                if lines.is_too_long and len(lines.taken) == 1:
                    yield begin, too_long("Line", begin), partial(str, lines.taken[0])
                    lines.skip_rest_of_line()
                    lines.taken = []
                    continue
                if is_open and opened > _MOST_OPEN:
                    reason = f"A quote opened in line {begin} is never closed; the rest of the file was not read."
                    yield begin, reason, partial(str, lines.taken[0])
                    return
                yield begin, _broken(begin, lines.number, is_open), partial(str, lines.taken[0])
                lines.again()
            else:
                return


def _broken(begin: int, end: int, is_open: bool) -> str:
    if is_open:
        return f"A quote opened in line {begin} is never closed; the lines after it were read on their own."
    if end == begin:
        return f"Line {begin} has text after a closing quote; a quote inside a quoted field must be doubled."
    return (
        f"A quote opened in line {begin} has no proper end: line {end} has text after the next quote; "
        "the lines between were read on their own."
    )


class _Lines:
    """A text's lines; `taken` are those of the row that is being read, which can be given back."""

    def __init__(self, text: IO[str]) -> None:
        self._readline = partial(text.readline, LONGEST)
        self._back: list[str] = []  # last first
        self.number = 0
        self.taken: list[str] = []
        self._length = 0
        self.is_too_long = False

    def read(self) -> str:
        """The next line, "" at the end. Raises `csv.Error` where the row has grown too long."""
        line = self._back.pop() if self._back else self._readline()
        if not line:
            return ""
        if not self.taken:
            self._length, self.is_too_long = 0, False
        self.taken.append(line)
        self.number += 1
        self._length += len(line)
        if self._length >= LONGEST:
            self.is_too_long = True
            raise csv.Error("too long")
        return line

    def again(self) -> None:
        """Give all lines of the row back but the first."""
        self.number -= len(self.taken) - 1
        self._back += self.taken[:0:-1]
        self.taken = []

    def beginning(self, most: int) -> str:
        """The first lines, which are read again after it."""
        found: list[str] = []
        length = 0
        while length < most and (line := self._readline()):
            found.append(line)
            length += len(line)
        self._back = found[::-1]
        return "".join(found)

    def skip_rest_of_line(self) -> None:
        last = self.taken[-1]
        while last and last[-1] not in "\r\n":
            last = self._readline()


class ParquetReader:
    """A Parquet file, a few rows in memory at a time. An entry is told by its number, from 1."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        from dataflow_core.readers.parquet_rows import ParquetRows

        self._name = name
        with damage_told(name):
            self._rows = ParquetRows(file, name, longest=LONGEST)
            self.columns, notes = column_names(self._rows.names)
        ours = {key.encode(): value.encode() for key, value in JSON_COLUMN.items()}
        self._of_json = tuple(ours.items() <= about.items() for about in self._rows.about)
        self.notes = (*notes, *self._rows.notes)
        self.json = JsonReader()
        self.total = self._rows.total
        self.read = 0

    def entries(self) -> Iterator[Entry]:
        with damage_told(self._name):
            for cells in self._rows:
                self.read += 1
                yield self._entry(self.read, cells)

    def _entry(self, number: int, cells: Row) -> Entry:
        if isinstance(cells, str):
            return number, f"Entry {number} {cells}", ""
        try:
            fields, text = fields_of(number, self.columns, self._values(cells))
        except UnusableError as error:
            return number, f"Entry {number} {error}", str(cells)
        except ValueError:
            return number, f"Entry {number} has a text that is not the JSON which its column is to hold.", str(cells)
        if isinstance(fields, dict) and all(value is None for value in fields.values()):
            return number, None, ""
        return number, fields, text

    def _values(self, cells: Sequence[Any]) -> Iterator[Any]:
        for cell, is_json in zip(cells, self._of_json, strict=True):
            yield self.json.only_value(cell) if is_json and cell is not None else json_value(cell)


class damage_told:  # noqa: N801  used as a function is
    """Within it, what Arrow makes of a damaged file is a `ReadError`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import pyarrow as pa

        broken = (pa.ArrowException, ValueError, OSError, LookupError, TypeError, OverflowError)
        if isinstance(error, broken) and not isinstance(error, ReadError):
            detail = str(error).strip().split("\n")[0][:200]
            raise ReadError(f"{self._name} is a damaged Parquet file ({detail}). Copy or download it again.") from error

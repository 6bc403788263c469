"""Excel workbooks (.xlsx). Every cell becomes the text that it shows, as far as that can be told."""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from dataflow_core.errors import ReadError
from dataflow_core.models import SourceLine
from dataflow_core.readers.table import (
    TASK_COLUMN,
    Entry,
    Table,
    blank,
    column_names,
    is_harmful,
    looks_like_a_name,
    refuse_if_nothing_was_read,
    unreadable,
    why_harmful,
)

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST_BYTES = 400 << 20
_LAST_LINE = 1_048_576  # of any Excel sheet
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")

# openpyxl has no error of its own for a damaged file: whatever its parsing runs into comes out.
_DAMAGE = (
    *(
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        OSError,
        EOFError,
        SyntaxError,
        RuntimeError,
        ArithmeticError,
    ),
    *(AssertionError, zipfile.BadZipFile, zlib.error),
)

_Grid = list[tuple[int, list[str]]]


def is_workbook(data: bytes) -> bool:
    return data[:4] == b"PK\x03\x04" or data.startswith(_OLE2)


def sheet_names(data: bytes, name: str) -> list[str]:
    """The titles of a workbook's sheets, in their order."""
    workbook = _open(data, name)
    try:
        return [sheet.title for sheet in workbook.worksheets]
    finally:
        workbook.close()


def read_workbook(data: bytes, name: str, *, sheet: str | None = None) -> Table:
    """Read one sheet, the first that is not empty unless `sheet` names one. Lines are the sheet's own row numbers."""
    titles = sheet_names(data, name)
    if sheet is not None and sheet not in titles:
        raise ReadError(f"{name} has no sheet “{sheet}”. Choose one of: {', '.join(titles)}.")
    for title in titles if sheet is None else [sheet]:
        grid, faults, has_formulas = _read_sheet(data, name, title)
        if grid:
            break
    else:
        where = f"The sheet “{sheet}” of {name}" if sheet else name
        raise ReadError(f"{where} is empty: it holds no entry to read. Choose one with at least one.")
    notes = [f"Read the sheet “{title}”; the file has {len(titles) - 1} more."] if len(titles) > 1 else []
    if has_formulas:
        notes.append("Formulas were read as the values last computed for them.")
    return _table(grid, faults, name, notes)


def _open(data: bytes, name: str, *, formulas: bool = False) -> Any:
    import openpyxl

    _refuse_what_is_no_xlsx(data, name)
    try:
        return openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=not formulas, keep_links=False)
    except _DAMAGE as error:
        raise _damaged(name, error) from error


def _refuse_what_is_no_xlsx(data: bytes, name: str) -> None:
    if data.startswith(_OLE2):
        if "EncryptedPackage".encode("utf_16_le") in data:
            raise ReadError(
                f"{name} is protected by a password. Remove it in Excel, save the file and choose it again."
            )
        raise ReadError(f"{name} is in the old Excel format (.xls) or no table. Save it as .xlsx or CSV.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = package.infolist()
    except _DAMAGE as error:
        raise _damaged(name, error) from error
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names and not any(part.startswith("xl/worksheets/") for part in names):
        raise ReadError(f"{name} is a ZIP archive or a document, not an Excel workbook. Choose .xlsx, CSV or JSON.")
    size = sum(part.file_size for part in parts)
    if size > _MOST_BYTES:
        raise ReadError(
            f"{name} is too large: {size >> 20:,} MB unpacked, where {_MOST_BYTES >> 20} MB is the most. "
            "Save it as CSV, or split it."
        )


def _read_sheet(data: bytes, name: str, title: str) -> tuple[_Grid, dict[int, str], bool]:
    """The rows down to the last that is not empty, what is wrong with some of them, and whether there are formulas."""
    grid: _Grid = []
    filled = 0
    for line, cells in _rows(data, name, title):
        grid.append((line, [_shown(cell) for cell in cells]))
        if any(map(str.strip, grid[-1][1])):
            filled = line
    if not _may_have_formulas(data, name):
        return grid[:filled], {}, False
    faults: dict[int, str] = {}
    has_formulas = False
    for line, cells in _rows(data, name, title, formulas=True):
        for cell, text in zip(cells, grid[line - 1][1], strict=False):
            has_formulas = has_formulas or cell.data_type == "f"
            if cell.data_type == "f" and not text:
                reason = f"Line {line} has a formula without a value in cell {cell.coordinate}; open and save the "
                faults[line] = reason + "file in Excel to compute it."
                filled = max(filled, line)
    return grid[:filled], faults, has_formulas


def _may_have_formulas(data: bytes, name: str) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = [part for part in package.namelist() if part.startswith("xl/worksheets/")]
            return any(_FORMULA.search(package.read(part)) for part in parts)
    except _DAMAGE as error:
        raise _damaged(name, error) from error


def _rows(data: bytes, name: str, title: str, *, formulas: bool = False) -> Iterator[tuple[int, tuple[Any, ...]]]:
    workbook = _open(data, name, formulas=formulas)
    try:
        sheet = workbook[title]
        sheet.reset_dimensions()  # the size that a file states is often wrong
        for line, cells in enumerate(sheet.iter_rows(), 1):
            if line > _LAST_LINE:
                raise ReadError(f"{name} is damaged: it has more lines than an Excel sheet can have. Save it again.")
            yield line, cells
    except _DAMAGE as error:
        raise _damaged(name, error) from error
    finally:
        workbook.close()


def _table(grid: _Grid, faults: dict[int, str], name: str, notes: list[str]) -> Table:
    problems: list[SourceLine] = []
    width = max(_width(cells) for _, cells in grid)
    first = next((index for index, (_, cells) in enumerate(grid) if _width(cells)), 0)
    problems += [blank(line) for line, _ in grid[:first]]
    header = _padded(grid[first][1], width)
    if width <= 1 and not looks_like_a_name("".join(header).strip()):
        columns: tuple[str, ...] = (TASK_COLUMN,)
        notes.append(f"The first line is no name, so the column is called “{TASK_COLUMN}”.")
    else:
        columns, changed = column_names(header)
        notes += changed
        first += 1
    entries: list[Entry] = []
    for line, cells in grid[first:]:
        texts = _padded(cells, len(columns))
        if line in faults:
            problems.append(unreadable(line, faults[line], "\t".join(texts)))
        elif is_harmful("".join(texts)):
            problems.append(unreadable(line, f"Line {line} {why_harmful(''.join(texts))}", "\t".join(texts)))
        elif not any(map(str.strip, texts)):
            problems.append(blank(line))
        else:
            entries.append(Entry(line, dict(zip(columns, texts, strict=True))))
    if not entries and not problems:
        notes.append("The sheet has a header and nothing below it.")
    elif not entries:
        refuse_if_nothing_was_read(name, entries, problems)
    return Table(columns, entries, problems, "Excel", "binary", None, name, tuple(notes))


def _shown(cell: Any) -> str:
    """The text a cell shows: dates in ISO form, whole numbers without a point, up to 15 digits as in Excel."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float) and math.isfinite(value):
        text = str(int(value)) if value == int(value) and abs(value) < 1e15 else format(value, ".15g")
        zeros = cell.number_format
        return text.zfill(len(zeros)) if zeros and set(zeros) == {"0"} and text.isdigit() else text
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _width(cells: list[str]) -> int:
    return max((position for position, text in enumerate(cells, 1) if text.strip()), default=0)


def _padded(cells: list[str], width: int) -> list[str]:
    return [*cells[:width], *[""] * (width - len(cells))]


def _damaged(name: str, error: BaseException) -> ReadError:
    detail = f" ({str(error).splitlines()[0][:120]})" if str(error).strip() else ""
    return ReadError(f"{name} is a damaged Excel workbook{detail}. Open and save it in Excel, or save it as CSV.")

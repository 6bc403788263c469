"""CSV of everything, which a spreadsheet opens without running any of it.

A spreadsheet takes a cell that begins with = + - or @ for a formula, even in quotes; some also after blanks, and in
the wide forms of East Asian keyboards. Such a cell gets an apostrophe before it. Every cell stands in quotes, outside
of which LibreOffice splits at semicolons and tabs, too. Where lists are separated by semicolons, as in much of Europe,
Excel splits this file at semicolons and line ends, quotes or not: within a cell, what would be a formula after one of
these gets its apostrophe, too. Plain numbers are left as they are, and so are bullets that could do nothing. Whoever
reads the file takes away exactly these apostrophes (`unguarded`).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, BinaryIO

from dataflow_core.exporters.base import RowWriter
from dataflow_core.exporters.tables import TableExporter, TableWriter, as_json
from dataflow_core.models import Fields

_EQUALS, _PLUS_MINUS = "=@\ufe66\ufe6b\uff1d\uff20", "+\\-\u2212\ufe62\ufe63\uff0b\uff0d"
_SIGNS = frozenset(_EQUALS + _PLUS_MINUS.replace("\\", ""))
_NUMBER = re.compile(r"-(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
#: What would be a cell of its own where the file is split at semicolons: plus and minus only where something is called.
_FORMULA_INSIDE = (
    "['\"\x00-\x09\x0b\x0c\x0e-\x20\xa0\u2000-\u200f\u202f\u2060\u3000\ufeff]*"
    f"(?:[{_EQUALS}]|[{_PLUS_MINUS}][^;\\r\\n]*(?:\\w[|(]|![\\w$'\"]))"
)
_TO_GUARD = re.compile(f"(?<=[;\\r\\n])(?={_FORMULA_INSIDE})")
_GUARDED = re.compile(f"(?<=[;\\r\\n])'(?={_FORMULA_INSIDE})")
_BREAK = re.compile("[;\\r\\n]")
_AT_ONCE = 1 << 16


def guarded(text: str) -> str:
    """The text as a cell that no spreadsheet runs."""
    if text[:1].isalnum() and not _BREAK.search(text):
        return text  # as most are
    text = _TO_GUARD.sub("'", text)
    return f"'{text}" if _is_risky(text) else text


def unguarded(cell: str) -> str:
    """The text that `guarded` made the cell of."""
    text = cell[1:] if cell.startswith("'") and _is_risky(cell[1:]) else cell
    return _GUARDED.sub("", text)


def _is_risky(text: str) -> bool:
    """Whether a sign that begins a formula is the first thing to be seen, or a tab or a line end the first at all."""
    text = text.lstrip("'")
    if text[:1] in ("\t", "\r", "\n"):
        return True
    first = next((character for character in text if not _is_unseen(character)), "")
    return first in _SIGNS and _NUMBER.fullmatch(text) is None


def _is_unseen(character: str) -> bool:
    """Blanks, controls and marks that stand by themselves."""
    return character not in _SIGNS and unicodedata.category(character)[0] in "CZM"


def cell_of(value: Any) -> str:
    """A value as a cell: a text as it is, nothing as nothing, and anything else as JSON."""
    if value is None:
        return ""
    return guarded(value if isinstance(value, str) else as_json(value))


class CsvWriter(TableWriter):
    def __init__(self, stream: BinaryIO, *, has_mark: bool) -> None:
        super().__init__(stream)
        self._has_mark = has_mark

    def put(self, columns: list[str], rows: Iterator[Fields], stream: BinaryIO) -> None:
        if self._has_mark:
            stream.write(codecs.BOM_UTF8)
        lines = io.StringIO(newline="")
        writer = csv.writer(lines, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        writer.writerow(map(guarded, columns))
        for row in rows:
            writer.writerow([cell_of(row.get(name)) for name in columns])
            if lines.tell() > _AT_ONCE:
                _move(lines, stream)
        _move(lines, stream)


def _move(lines: io.StringIO, stream: BinaryIO) -> None:
    stream.write(lines.getvalue().encode("utf-8"))
    lines.seek(0)
    lines.truncate()


class CsvExporter(TableExporter):
    """`has_mark`: the file begins with a byte order mark, without which Excel takes UTF-8 for something else."""

    name = "csv"
    title = "CSV"
    trainers = "spreadsheets"
    source = "https://owasp.org/www-community/attacks/CSV_Injection"
    suffix = ".csv"

    def __init__(self, *, has_mark: bool = True) -> None:
        self.has_mark = has_mark

    def writer(self, stream: BinaryIO) -> RowWriter:
        return CsvWriter(stream, has_mark=self.has_mark)

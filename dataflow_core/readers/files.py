"""The two doors: a file that was chosen, and text that was pasted. What it is, its content says before its name."""

from __future__ import annotations

import re

from dataflow_core.errors import ReadError
from dataflow_core.readers.columnar import is_parquet, read_parquet
from dataflow_core.readers.delimited import read_delimited, read_if_table, read_plain_lines
from dataflow_core.readers.json_text import looks_like_json, read_json
from dataflow_core.readers.spreadsheet import is_workbook, read_workbook
from dataflow_core.readers.table import Table
from dataflow_core.readers.text import Decoded, decode

_FOREIGN = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x1f\x8b", "a compressed file (gzip)"),
    (b"BZh", "a compressed file (bzip2)"),
    (b"\xfd7zXZ", "a compressed file (xz)"),
    (b"\x28\xb5\x2f\xfd", "a compressed file (zstd)"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"ARROW1", "an Arrow (Feather) file"),
    (b"{\\rtf", "a rich text document"),
)
_MARKUP = re.compile(r"\s*<(?:!doctype html|html|table|\?xml)[\s>]", re.IGNORECASE)
_PASTED = "Pasted text"


def read_table(data: bytes, name: str, *, sheet: str | None = None) -> Table:
    """Read a file's bytes. `name` tells what the file takes itself for, and is shown; nothing is opened by it.

    Raises ReadError where there is no entry to be had. `sheet` matters for Excel workbooks alone.
    """
    suffix = name.rpartition(".")[2].casefold()
    if not data.strip():
        raise ReadError(f"{name} is empty: it holds no entry to read. Choose a file with at least one.")
    if is_parquet(data) or suffix == "parquet":
        return read_parquet(data, name)
    if is_workbook(data):
        return read_workbook(data, name, sheet=sheet)
    if kind := foreign_kind(data):
        raise ReadError(f"{name} is {kind}. Choose a CSV, TSV, JSON, JSON Lines, text, Excel or Parquet file.")
    decoded = decode(data, name)
    if _MARKUP.match(decoded.text):
        raise ReadError(f"{name} is a web page or XML, not a table. Save it as .xlsx, CSV or JSON.")
    return _read_text(decoded, name, suffix)


def foreign_kind(data: bytes) -> str:
    """What a file is that begins so and cannot be read as a table: "an image"; "" for any other."""
    return next((kind for beginning, kind in _FOREIGN if data.startswith(beginning)), "")


def read_lines(text: str) -> Table:
    """Read pasted text: each line is a task, unless it is plainly a table or JSON."""
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise ReadError("Nothing was pasted. Write one task a line, or paste a table with its header.")
    return _read_text(Decoded(text, "UTF-8"), _PASTED, "")


def _read_text(decoded: Decoded, name: str, suffix: str) -> Table:
    if suffix in ("json", "jsonl", "ndjson"):
        return read_json(decoded, name, is_lines=suffix != "json")
    if looks_like_json(decoded.text):
        return read_json(decoded, name)
    if suffix in ("csv", "tsv", "tab", "xlsx", "xls"):
        return read_delimited(decoded, name, preferred="\t" if suffix in ("tsv", "tab") else ",")
    return read_if_table(decoded, name) or read_plain_lines(decoded, name)

"""JSON in its usual shapes: a list, an object that holds one, columns, JSON Lines, objects one after another."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from dataflow_core.errors import ReadError
from dataflow_core.models import SourceLine
from dataflow_core.readers.json_values import Decoder, fault_of, kind_of, skip_space
from dataflow_core.readers.table import (
    TASK_COLUMN,
    TASK_NAMES,
    Entry,
    Table,
    blank,
    refuse_if_nothing_was_read,
    unreadable,
)
from dataflow_core.readers.text import Decoded, physical_lines

_NEXT_OBJECT = re.compile(r"(?:\r\n|\n|\r)(?=\{)")
_NEAR = 100_000


def looks_like_json(text: str) -> bool:
    """Whether text that says nothing about itself is JSON that holds objects, or a list of texts."""
    filled = (line for line in physical_lines(text[:65_536]) if line.strip())
    first = [line for line, _ in zip(filled, range(20), strict=False)]
    decoder = Decoder()
    if first and 2 * sum(_stands_alone(line, decoder) for line in first) >= len(first):
        return True
    start = skip_space(text, 0)
    if text[start : start + 1] not in ("{", "["):
        return False
    try:
        value, _, _ = decoder.value_at(text, start)
    except ValueError:
        return False
    return isinstance(value, dict) or (bool(value) and isinstance(value[0], dict | str))


def read_json(decoded: Decoded, name: str, *, is_lines: bool = False) -> Table:
    """Read JSON of any shape; `is_lines` says that the file calls itself JSON Lines."""
    text = decoded.text
    start = skip_space(text, 0)
    if start == len(text):
        raise ReadError(f"{name} is empty: it holds no entry to read. Choose a file with at least one.")
    reading = _Reading(decoded, name)
    value, harm = _whole_document(text, start)
    if isinstance(value, dict) and not is_lines:
        return reading.document(value, harm, start)
    if isinstance(value, list) and (not is_lines or all(isinstance(part, dict | str) for part in value)):
        reading.elements(start)
        return reading.table("JSON")
    lines = [line for line in physical_lines(text) if line.strip()][:1000]
    decoder = Decoder()
    alone = [_stands_alone(line, decoder) for line in lines]
    if 2 * sum(alone) >= len(lines) or (is_lines and alone[0]):
        reading.each_line()
    elif text[start] == "[" and not is_lines:
        reading.elements(start)  # finds what is wrong, and raises
    elif text[start] == "{":
        reading.one_after_another(start)
    else:
        reading.each_line()
    return reading.table("JSON Lines")


def _whole_document(text: str, start: int) -> tuple[Any, str]:
    """The value that is the whole text, with what is wrong with it; None if the text is not one value."""
    try:
        value, end, harm = Decoder().value_at(text, start)
    except ValueError:
        return None, ""
    return (value, harm) if skip_space(text, end) == len(text) else (None, "")


class _Reading:
    """What has been read so far of one text, whichever way its shape asks for."""

    def __init__(self, decoded: Decoded, name: str) -> None:
        self.decoded = decoded
        self.text = decoded.text
        self.name = name
        self.decoder = Decoder()
        self.columns: dict[str, None] = {}
        self.entries: list[Entry] = []
        self.problems: list[SourceLine] = []
        self.notes: list[str] = []
        self.unit = "Line"
        self._line_ends = [found.end() for found in re.finditer(r"\r\n|\n|\r", self.text)]

    def table(self, kind: str) -> Table:
        refuse_if_nothing_was_read(self.name, self.entries, self.problems)
        notes = (*self.decoded.notes, *self.notes)
        encoding = self.decoded.encoding
        return Table(tuple(self.columns), self.entries, self.problems, kind, encoding, None, self.name, notes)

    def keep(self, line: int, value: Any, harm: str, raw: str, *, column: str = TASK_COLUMN) -> None:
        """Make an entry of an object or a bare text, a problem of anything else."""
        if harm:
            self.problems.append(unreadable(line, f"{self.unit} {line} {harm}", raw))
        elif isinstance(value, dict) and not value:
            self.problems.append(blank(line, raw, unit=self.unit))
        elif isinstance(value, dict | str):
            fields = value if isinstance(value, dict) else {column: value}
            self.columns.update(dict.fromkeys(fields))
            self.entries.append(Entry(line, fields))
        else:
            reason = f"{self.unit} {line} holds {kind_of(value)} where an object or a text is needed."
            self.problems.append(unreadable(line, reason, raw))

    def each_line(self) -> None:
        for number, ended in enumerate(physical_lines(self.text), 1):
            line = ended.rstrip("\r\n")
            raw = line.strip()
            if not raw:
                self.problems.append(blank(number))
                continue
            try:
                value, end, harm = self.decoder.value_at(line, skip_space(line, 0))
                if skip_space(line, end) != len(line):
                    raise json.JSONDecodeError("Extra data", line, end)
            except ValueError as error:
                self.problems.append(unreadable(number, f"Line {number} {fault_of(error)}", raw))
            else:
                self.keep(number, value, harm, raw)

    def one_after_another(self, position: int) -> None:
        """Read values that span lines; after a broken one, go on at the next line that begins with an object."""
        # An error of the decoder counts lines from the start of its text, so broken entries are read from a near one.
        text, base = self.text, 0
        while position < len(text):
            line = self.line_at(base + position)
            try:
                value, end, harm = self.decoder.value_at(text, position)
            except ValueError as error:
                next_object = _NEXT_OBJECT.search(text, position)
                end = next_object.end() if next_object else len(text)
                reason = f"The entry in line {line} {fault_of(error, line_at=self.line_at, base=base)}"
                self.problems.append(unreadable(line, reason, text[position:end].strip()))
                if end > _NEAR:
                    text, base, end = text[end:], base + end, 0
            else:
                self.keep(line, value, harm, text[position:end])
                end = skip_space(text, end)
                if text[end : end + 1] == ",":
                    end += 1
            position = skip_space(text, end)

    def elements(self, start: int, *, column: str = TASK_COLUMN) -> None:
        """Read the list that starts there. Its entries are told by number: often they all stand in one line."""
        self.unit = "Entry"
        number = 0
        position = skip_space(self.text, start + 1)
        while self.text[position : position + 1] != "]":
            try:
                value, end, harm = self.decoder.value_at(self.text, position)
            except ValueError as error:
                raise self.invalid(error) from error
            number += 1
            self.keep(number, value, harm, self.text[position:end], column=column)
            position = skip_space(self.text, end)
            if self.text[position : position + 1] == ",":
                position = skip_space(self.text, position + 1)
            elif self.text[position : position + 1] != "]":
                raise self.invalid(json.JSONDecodeError("Expecting ',' delimiter", self.text, position))

    def document(self, value: dict[str, Any], harm: str, start: int) -> Table:
        """Read an object that is the whole file: columns, something around one list, or a single entry."""
        self.unit = "Entry"
        if harm or all(part in ([], {}) for part in value.values()):
            self.keep(1, value if harm else {}, harm, self.text)
            return self.table("JSON")
        if (rows := _from_columns(value)) is not None:
            for number, fields in enumerate(rows, 1):
                self.keep(number, fields, "", "")
            return self.table("JSON")
        key = _wrapped_list(value, self.name)
        if key is None:
            self.keep(1, value, "", self.text)
            return self.table("JSON")
        self.elements(_start_of_member(self.text, start, key), column=key)
        others = ", ".join(f"“{other}”" for other in value if other != key)
        self.notes.append(
            f"Read the list under “{key}”." + (f" Left out what is beside it: {others}." if others else "")
        )
        return self.table("JSON")

    def line_at(self, position: int) -> int:
        return bisect_right(self._line_ends, position) + 1

    def invalid(self, error: ValueError) -> ReadError:
        fault = fault_of(error, line_at=self.line_at)
        return ReadError(f"{self.name} {fault} Correct it there, or save the file as JSON Lines, one object a line.")


def _from_columns(value: dict[str, Any]) -> Iterator[dict[str, Any]] | None:
    """The entries of `{"a": [1, 2], "b": [3, 4]}`, or of the same with `{"0": 1, "1": 2}` for lists; else None."""
    columns = list(value.values())
    if columns and all(isinstance(column, dict) and column.keys() == columns[0].keys() for column in columns):
        if not columns[0] or not all(key.isdecimal() for key in columns[0]):
            return None
        columns = [list(column.values()) for column in columns]
    is_even = all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns)
    if not columns or not is_even or not columns[0]:
        return None
    if any(all(isinstance(cell, dict) for cell in column) for column in columns):
        return None  # lists of entries, not columns of values
    return (dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True))


def _wrapped_list(value: dict[str, Any], name: str) -> str | None:
    """The key of the one list that an object is there to hold; None if the object is an entry itself."""
    if any(key.casefold() in TASK_NAMES and isinstance(part, str) for key, part in value.items()):
        return None
    lists = [key for key, part in value.items() if isinstance(part, list) and part]
    of_objects = [key for key in lists if all(isinstance(part, dict) for part in value[key])]
    if len(of_objects) > 1:
        names = ", ".join(f"“{key}”" for key in of_objects)
        raise ReadError(
            f"{name} holds {len(of_objects)} lists: {names}. Keep one of them, or save each as its own file."
        )
    if of_objects:
        return of_objects[0]
    return lists[0] if len(lists) == 1 and all(isinstance(part, str) for part in value[lists[0]]) else None


def _start_of_member(text: str, start: int, wanted: str) -> int:
    """Where the value of a key begins in the valid object at `start`. Of a repeated key, the last."""
    decoder, found, position = json.JSONDecoder(), start, start
    while text[position] != "}":
        key, position = decoder.raw_decode(text, skip_space(text, position + 1))
        position = skip_space(text, skip_space(text, position) + 1)
        if key == wanted:
            found = position
        _, position = decoder.raw_decode(text, position)
        position = skip_space(text, position)
    return found


def _stands_alone(line: str, decoder: Decoder) -> bool:
    if line.lstrip()[:1] != "{":
        return False
    try:
        value, end, _ = decoder.value_at(line, skip_space(line, 0))
    except ValueError:
        return False
    return isinstance(value, dict) and not line[end:].strip()

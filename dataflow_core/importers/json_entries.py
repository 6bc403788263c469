"""JSON read an entry at a time: a line each, the elements of a list, or objects one after another.

The standard decoder does the reading, on a part of the text that is moved along; it is the only one that keeps whole
numbers of any size, and no slower than a parser made for streams.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

from dataflow_core.errors import ReadError
from dataflow_core.exporters.json_lines import is_whole
from dataflow_core.importers.entries import LONGEST, Entry, too_long
from dataflow_core.importers.json_reader import CarefulError, JsonReader
from dataflow_core.models import Fields
from dataflow_core.readers.json_values import fault_of, kind_of, skip_space
from dataflow_core.readers.table import TASK_COLUMN

_PART = 1 << 20
_ENDS = ("\n", "", "\r\n")
_NEXT_OBJECT = re.compile(r"(?:\r\n|\n|\r)(?=\{)")


def lines(text: IO[str], reader: JsonReader) -> Iterator[Entry]:
    """JSON Lines."""
    number = 0
    read, scan, is_plain = partial(text.readline, LONGEST), reader.scan, reader.is_plain
    for line in iter(read, ""):
        number += 1
        try:
            value, end = scan(line, 0)
        except (StopIteration, ValueError, RecursionError):
            pass
        else:
            is_entry = type(value) is dict and value and line[end:] in _ENDS
            if is_entry and (_is_simple(value, line) or (is_plain(value, line, 0, end) and is_whole(line))):
                yield number, value, line[:end]
                continue
        if len(line) >= LONGEST and line[-1] not in "\r\n":
            yield number, too_long("Line", number), line
            skip_line(text, read)
        else:
            yield _careful_line(number, line, reader)


def _is_simple(value: Fields, line: str) -> bool:
    """What `is_plain` and `is_whole` say, told quickly of what most lines of tables are: an object of plain texts."""
    return (
        line.isascii()
        and line.find("{", 1) < 0
        and line.find("[") < 0
        and line.find("\\") < 0
        and line.count('":') == len(value)
    )


def skip_line(text: IO[str], read: Callable[[], str]) -> None:
    """Go on to the end of a line that has been begun."""
    while (rest := read()) and rest[-1] not in "\r\n":
        pass


def _careful_line(number: int, ended: str, reader: JsonReader) -> Entry:
    line = ended.strip()
    if not line.strip("\ufeff"):
        return number, None, ""
    try:
        value, end, harm = reader.value_at(line, 0)
        if skip_space(line, end) != len(line):
            raise json.JSONDecodeError("Extra data", line, end)
    except ValueError as error:
        return number, f"Line {number} {fault_of(error)}", line
    return _entry("Line", number, value, harm, line)


class Window:
    """A text that is read on as values ask for more of it. `position` is where the next one is looked for."""

    def __init__(self, text: IO[str], name: str) -> None:
        self.text, self.position = "", 0
        self.line = 1  # of the text's beginning
        self._counted, self._lines = 0, 0  # lines that end before a place: from there to the next one it is not far
        self.name = name
        self._read = text.read
        self.is_ended = False

    def more(self) -> bool:
        """Read on, at least as much again as there is; False at the end."""
        rest = self.text[self.position :]
        self.line, self._counted, self._lines = self.line_at(self.position), 0, 0
        part = self._read(max(_PART, len(rest)))
        self.is_ended = not part
        self.text, self.position = rest + part, 0
        return not self.is_ended

    def sign(self) -> str:
        """The next character that is no white space, "" at the end; the position is its place then."""
        while True:
            self.position = skip_space(self.text, self.position)
            if self.position < len(self.text) or not self.more():
                return self.text[self.position : self.position + 1]

    def line_at(self, position: int) -> int:
        if position < self._counted:
            self._lines -= self.text.count("\n", position, self._counted)
        else:
            self._lines += self.text.count("\n", self._counted, position)
        self._counted = position
        return self.line + self._lines

    def value(self, reader: JsonReader) -> tuple[Any, str, str]:
        """The next value, what is wrong with it, and its text. Raises `ValueError` where there is none."""
        while True:
            start = self.position
            try:
                value, end, harm = reader.value_at(self.text, start)
                if end < len(self.text) or self.is_ended:  # else it may go on: a number's next digits
                    self.position = end
                    return value, harm, self.text[start:end]
                if len(self.text) - start > LONGEST:
                    raise CarefulError
            except ValueError as error:
                if self.is_ended:
                    raise
                if len(self.text) - start > LONGEST:
                    if _goes_on(error, start):
                        raise CarefulError from error
                    raise
            self.more()


def _goes_on(error: ValueError, start: int) -> bool:
    """Whether it is the end of what was read that is wrong, rather than the value."""
    if not isinstance(error, json.JSONDecodeError):
        return isinstance(error, CarefulError)
    return error.msg.startswith("Unterminated string") or error.pos - start >= LONGEST


def elements(window: Window, reader: JsonReader, *, column: str = TASK_COLUMN) -> Iterator[Entry]:
    """The list that begins at the window's position. Its entries are told by number. Raises `ReadError`."""
    window.position += 1
    number = 0
    if window.sign() == "]":
        window.position += 1
        return
    while True:
        window.sign()
        number += 1
        try:
            value, harm, raw = window.value(reader)
        except ValueError as error:
            raise _invalid(window, error, number) from error
        yield _entry("Entry", number, value, harm, raw, column=column)
        sign = window.sign()
        window.position += 1
        if sign == "]":
            return
        if sign != ",":
            window.position -= 1
            raise _invalid(window, json.JSONDecodeError("Expecting ',' delimiter", window.text, window.position))


def whole_list(window: Window, reader: JsonReader) -> Iterator[Entry]:
    """A document that is a list. Raises `ReadError` where something follows it."""
    yield from elements(window, reader)
    if window.sign():
        raise ReadError(f"{window.name} has something after the end of its list, in line {_here(window)}.")


def members(window: Window, reader: JsonReader, wanted: str) -> Iterator[Entry]:
    """The list under a key of the object that begins at the window's position; what is beside it is passed over.

    Raises `ReadError` where another list of objects is beside it.
    """
    seen = False
    for key in keys(window, reader):
        if key == wanted and not seen and window.sign() == "[":
            seen = True
            yield from elements(window, reader, column=wanted)
        elif _is_list_of_objects(_beside(window, reader)):
            raise ReadError(
                f"{window.name} holds 2 lists: “{wanted}” and “{key}”. Keep one of them, or save each as its own file."
            )


def _beside(window: Window, reader: JsonReader) -> Any:
    try:
        return window.value(reader)[0]
    except ValueError as error:
        raise _invalid(window, error) from error


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def keys(window: Window, reader: JsonReader) -> Iterator[str]:
    """The keys of the object that begins at the window's position; who is given one must take its value.

    Raises `ReadError` where it is no object in JSON.
    """
    window.position += 1
    sign = window.sign()
    while sign != "}":
        try:
            key, _, _ = window.value(reader)
            if not isinstance(key, str) or window.sign() != ":":
                raise json.JSONDecodeError("Expecting a key and ':'", window.text, window.position)
        except ValueError as error:
            raise _invalid(window, error) from error
        window.position += 1
        window.sign()
        yield key
        sign = window.sign()
        if sign == ",":
            window.position += 1
            sign = window.sign()
        elif sign != "}":
            raise _invalid(window, json.JSONDecodeError("Expecting ',' or '}'", window.text, window.position))
    window.position += 1


def one_after_another(window: Window, reader: JsonReader) -> Iterator[Entry]:
    """Values that span lines; after a broken one, go on at the next line that begins with an object."""
    while window.sign():
        line = _here(window)
        try:
            value, harm, raw = window.value(reader)
        except ValueError as error:
            start = window.position
            if isinstance(error, CarefulError):
                yield line, too_long("The entry in line", line), window.text[start : start + _PART]
                _go_to_object(window)
                continue
            # Its line is counted from the text's beginning.
            reason = f"The entry in line {line} {fault_of(error, line_at=window.line_at)}"
            found = _NEXT_OBJECT.search(window.text, start)
            window.position = found.end() if found else len(window.text)
            yield line, reason, window.text[start : window.position].strip()
        else:
            yield _entry("The entry in line", line, value, harm, raw)
            if window.sign() == ",":
                window.position += 1


def _go_to_object(window: Window) -> None:
    """Pass over what is left of a value that is not read, up to the next line that begins with an object."""
    while (found := _NEXT_OBJECT.search(window.text, window.position)) is None:
        window.position = max(0, len(window.text) - 2)  # a line end may be cut through
        if not window.more():
            window.position = len(window.text)
            return
    window.position = found.end()


def _entry(unit: str, number: int, value: Any, harm: str, raw: str, *, column: str = TASK_COLUMN) -> Entry:
    if not harm and not is_whole(raw):
        harm = "holds bytes that are not valid text."
    if harm:
        return number, f"{unit} {number} {harm}", raw
    if isinstance(value, dict):
        return number, value or None, "" if "NaN" in raw else raw
    if isinstance(value, str):
        return number, {column: value}, ""
    return number, f"{unit} {number} holds {kind_of(value)} where an object is needed.", raw


def _here(window: Window) -> int:
    return window.line_at(window.position)


def _invalid(window: Window, error: ValueError, number: int = 0) -> ReadError:
    if isinstance(error, CarefulError):
        said = too_long("Entry", number) if number else f"something beside its list is longer than {LONGEST >> 20} MB."
        hint = "Shorten it, or look for a quote that is never closed, and import the file again."
        return ReadError(f"{window.name} cannot be read on: {said[0].lower()}{said[1:]} {hint}")
    fault = fault_of(error, line_at=window.line_at)
    return ReadError(f"{window.name} {fault} Correct it there, or save the file as JSON Lines, one object a line.")

"""Single values of JSON, the ordinary ones read fast, and the others with care."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from dataflow_core.readers.json_values import Decoder, UnusableError, skip_space

_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_DEEP = 64


class CarefulError(ValueError):
    """The value has something that has to be looked at more closely."""


class JsonReader:
    """Reads values, the ordinary ones fast. `nans` counts numbers that are none and are read as null."""

    def __init__(self) -> None:
        self.nans = 0
        fast = json.JSONDecoder(parse_float=_float, parse_constant=_constant)
        self.scan: Callable[[str, int], tuple[Any, int]] = fast.scan_once  # type: ignore[attr-defined]
        self._careful = _CountingDecoder(self)

    def value_at(self, text: str, start: int) -> tuple[Any, int, str]:
        """The value that starts there, where it ends, and why it is unusable. There must be no white space.

        Raises `ValueError` where none can be told.
        """
        try:
            value, end = self.scan(text, start)
        except (StopIteration, ValueError, RecursionError):
            return self._careful.value_at(text, start)
        return (value, end, "") if self.is_plain(value, text, start, end) else self._careful.value_at(text, start)

    def only_value(self, text: str) -> Any:
        """The one value that a text holds, as a cell of a table may.

        Raises `UnusableError` where it cannot be kept as it is, else `ValueError` where the text is no JSON.
        """
        value, end, harm = self.value_at(text, skip_space(text, 0))
        if harm:
            raise UnusableError(harm)
        if skip_space(text, end) != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
        return value

    def is_plain(self, value: Any, text: str, start: int, end: int) -> bool:
        """Whether nothing can be wrong with a value that was read from there: no key twice, no half characters."""
        if text.find("{", start + 1, end) < 0 and type(value) is dict:  # to find one sign is much quicker than to count
            keys = len(value)
            is_deep = text.find("[", start, end) >= 0 and text.count("[", start, end) > _DEEP
        else:
            is_deep = text.count("{", start, end) + text.count("[", start, end) > _DEEP
            keys = _keys(value) if not is_deep and isinstance(value, dict | list) else 0
        if is_deep or keys != text.count('":', start, end):
            return False
        return text.find("\\", start, end) < 0 or _SUSPECT.search(text, start, end) is None


class _CountingDecoder(Decoder):
    def __init__(self, reader: JsonReader) -> None:
        super().__init__()
        self._reader = reader

    def _constant(self, word: str) -> None:
        self._reader.nans += word == "NaN"
        super()._constant(word)


def _keys(value: Any) -> int:
    """How many keys there are in all."""
    count = 0
    if type(value) is dict:
        count = len(value)
        value = value.values()
    for part in value:
        if type(part) is dict or type(part) is list:
            count += _keys(part)
    return count


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise CarefulError
    return number


def _constant(word: str) -> None:
    raise CarefulError

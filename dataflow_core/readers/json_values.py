"""Single JSON values: decoded with an eye on what the standard decoder loses, and judged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from dataflow_core.readers.table import is_harmful, why_harmful

_SPACE = re.compile(r"[ \t\r\n]*")
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|[\0\ud800-\udfff]")
_DEEPEST = 64


class UnusableError(ValueError):
    """A value that is valid JSON and still cannot be kept as it is; its message follows the line's number."""


class Decoder:
    """A JSON decoder that notices what the standard one silently loses: repeated keys, overlarge numbers."""

    def __init__(self) -> None:
        self._lost: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_float=self._float, parse_constant=self._constant
        )

    def value_at(self, text: str, start: int) -> tuple[Any, int, str]:
        """The value that starts there, where it ends, and why it is unusable, "" if it is not.

        Raises ValueError, mostly JSONDecodeError, where no value can be told.
        """
        self._lost.clear()
        try:
            value, end = self._decoder.raw_decode(text, start)
            return value, end, self._harm(value, text, start, end)
        except RecursionError:
            raise UnusableError("is nested too deeply.") from None

    def _harm(self, value: Any, text: str, start: int, end: int) -> str:
        if self._lost:
            return self._lost[0]
        brackets = text.count("[", start, end) + text.count("{", start, end)
        if brackets > _DEEPEST and _depth(value) > _DEEPEST:
            return "is nested too deeply."
        return _harm_in(value) if _SUSPECT.search(text, start, end) else ""

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            self._lost.append(f"has the key “{twice}” twice in one object, so one of its values would be lost.")
        return fields

    def _float(self, digits: str) -> float:
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            self._lost.append(f"has a number that is too large: {digits[:30]}.")
        return number

    def _constant(self, word: str) -> None:
        if word != "NaN":
            self._lost.append(f"has the number {word}, which JSON does not know.")


def skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def fault_of(error: ValueError, *, line_at: Callable[[int], int] | None = None, base: int = 0) -> str:
    """What an error says, to follow the name of the place; with the line too, where a value can span several."""
    if isinstance(error, json.JSONDecodeError):
        line = "" if line_at is None else f"line {line_at(base + error.pos)} "
        return f"is not valid JSON at {line}column {error.colno}: {error.msg}."
    if isinstance(error, UnusableError):
        return str(error)
    return "has a number with more digits than can be read."


def _harm_in(value: Any) -> str:
    if isinstance(value, str):
        return why_harmful(value) if is_harmful(value) else ""
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next((found for part in parts if (found := _harm_in(part))), "")


def _depth(value: Any) -> int:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, parts), default=0) if isinstance(value, dict | list) else 0


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return "a list" if isinstance(value, list) else "a number"

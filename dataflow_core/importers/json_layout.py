"""How a file's JSON is laid out, told by its beginning."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, Literal, NamedTuple

from dataflow_core.readers.json_values import Decoder, skip_space
from dataflow_core.readers.text import physical_lines

#: Under which names turns stand in an entry: a list of objects there is no list of entries.
_OF_TURNS = frozenset(
    (
        *("conversation", "conversations", "messages", "dialogue", "dialog", "turns", "chat", "history"),
        *("prompt", "completion", "chosen", "rejected", "tools", "functions"),
    )
)
#: What an object calls the list that it is there to hold. In one line it may as well be the only line of JSON Lines.
_OF_ENTRIES = frozenset(
    ("data", "dataset", "records", "rows", "items", "examples", "entries", "results", "instances", "samples", "train")
)
_LOOKED_AT = 20


class Layout(NamedTuple):
    """`key` is that of the list in an object, for "member"."""

    how: Literal["lines", "list", "member", "objects"]
    key: str = ""


def layout_of(beginning: str, *, is_whole: bool) -> Layout | None:
    """None for what is no JSON. `is_whole` says that the beginning is all of it."""
    text = beginning.lstrip("\ufeff \t\r\n")
    if text[:1] not in ("{", "["):
        return None
    all_lines = [line for line in physical_lines(text) if line.strip()]
    lines = all_lines if is_whole or len(all_lines) < 2 else all_lines[:-1]
    alone = [_is_object(line) for line in islice(lines, _LOOKED_AT)]
    if text[0] == "[":
        is_of_lists = len(lines) > 1 and _is_value(lines[0]) and lines[1].lstrip()[:1] in "[{"
        return Layout("lines" if is_of_lists else "list")
    if len(all_lines) > 1 and 2 * sum(alone) >= len(alone):
        return Layout("lines")
    key = _list_in(text)
    is_one_line = len(all_lines) == 1
    if is_one_line and key.casefold() not in _OF_ENTRIES:
        return Layout("lines")
    if key and not _is_followed(text, is_whole=is_whole):
        return Layout("member", key)
    return Layout("lines" if is_one_line else "objects")


def _is_followed(text: str, *, is_whole: bool) -> bool:
    """Whether there is something after the first value, as far as that can be seen."""
    try:
        _, end, _ = Decoder().value_at(text, 0)
    except ValueError:
        return False
    return skip_space(text, end) < len(text) or not is_whole


def _list_in(text: str) -> str:
    """The first key of the object under which a list of objects begins that are no turns; "" for none in sight."""
    decoder = json.JSONDecoder()
    position = skip_space(text, 1)
    try:
        while text[position : position + 1] == '"':
            key, position = decoder.raw_decode(text, position)
            position = skip_space(text, skip_space(text, position) + 1)
            if text[position : position + 1] == "[" and text.startswith("{", skip_space(text, position + 1)):
                return "" if key.casefold() in _OF_TURNS else str(key)
            _, position = decoder.raw_decode(text, position)
            position = skip_space(text, skip_space(text, position) + 1)
    except (ValueError, RecursionError):
        return ""
    return ""


def _is_object(line: str) -> bool:
    return line.lstrip()[:1] == "{" and isinstance(_value(line), dict)


def _is_value(line: str) -> bool:
    return _value(line) is not None


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None

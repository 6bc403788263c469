"""What can be wrong with turns and texts, found alike for all formats; how bad it is differs from target to target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from dataflow_core.exporters.base import Problem, Severity
from dataflow_core.exporters.json_lines import is_whole

NO_TURNS = "no-turns"
FIRST_TURN = "first-turn"
TURN_ORDER = "turn-order"
LAST_TURN = "last-turn"
NO_ANSWER = "no-answer"
EMPTY_TEXT = "empty-text"
BLANK_TEXT = "blank-text"
SYSTEM_TURN = "system-turn"
HALF_CHARACTER = "half-character"
LAST_ANSWER_ONLY = "last-answer-only"
NOT_CARRIED = "not-carried"
NO_CATEGORY = "no-category"

LEARNS_SILENCE = "A model would learn to say nothing there."
REFUSES_SYSTEM = "It has a system turn, which some chat templates refuse, Gemma's among them."


class Fault(NamedTuple):
    """A rule that is broken, and where, as a sentence without its full stop."""

    rule: str
    where: str

    def problem(self, severity: Severity, why: str) -> Problem:
        return Problem(self.rule, severity, f"{self.where}. {why}")


def broken_order(roles: Sequence[str]) -> Fault | None:
    """Where the roles do not begin with the user, alternate, and end with the assistant; None where they do.

    `roles` are those of user and assistant, without the system's.
    """
    count = len(roles)
    if not count:
        return Fault(NO_TURNS, "It has no turns")
    if not count % 2 and roles == ["user", "assistant"] * (count // 2):
        return None
    if roles[0] != "user":
        return Fault(FIRST_TURN, "It begins with the assistant, not with the user")
    for place in range(1, count):
        if roles[place] == roles[place - 1]:
            return Fault(TURN_ORDER, f"Turns {place} and {place + 1} are both by the {roles[place]}")
    return Fault(LAST_TURN, "It ends with the user, who is not answered")


def empty_text(texts: Sequence[str], name: str = "Turn") -> Fault | None:
    """The first text that says nothing at all, else the first of nothing but blanks; None where all say something."""
    if "" in texts:
        return Fault(EMPTY_TEXT, f"{name} {texts.index('') + 1} is empty")
    if any(map(str.isspace, texts)):
        place = next(place for place, text in enumerate(texts, start=1) if text.isspace())
        return Fault(BLANK_TEXT, f"{name} {place} holds nothing but blanks")
    return None


def half_characters(texts: Sequence[str]) -> list[Problem]:
    """A problem where a text holds half of a character."""
    if all(map(str.isascii, texts)) or all(map(is_whole, texts)):
        return []
    message = "It holds half of a character, which UTF-8 has no place for, and many readers refuse."
    return [Problem(HALF_CHARACTER, Severity.REFUSED, message)]


def texts_in(value: Any) -> Iterable[str]:
    """All texts in a JSON value, names of its parts too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from texts_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_in(part)


def is_json(value: Any) -> bool:
    """Whether JSON has a word for the value: it has none for numbers that are none, and infinite ones."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(is_json, value.values()))
    return not isinstance(value, list) or all(map(is_json, value))


def kind_of(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "a text" if isinstance(value, str) else "an object"

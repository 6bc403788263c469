"""What can be wrong with turns, found alike for all formats; how bad it is differs from target to target."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dataflow_core.exporters.base import Problem, Severity

#: Half of a character, as broken software leaves it: UTF-8 cannot hold it, and JSON readers differ on it.
SURROGATE = re.compile("[\ud800-\udfff]")

NO_TURNS = "no-turns"
FIRST_TURN = "first-turn"
TURN_ORDER = "turn-order"
LAST_TURN = "last-turn"
NO_ANSWER = "no-answer"
EMPTY_TEXT = "empty-text"
BLANK_TEXT = "blank-text"
SYSTEM_TURN = "system-turn"
HALF_CHARACTER = "half-character"


def broken_order(roles: Sequence[str]) -> tuple[str, str] | None:
    """The rule that the roles break, and where: they begin with the user, alternate, and end with the assistant.

    `roles` are without the system's. None where they are in order.
    """
    count = len(roles)
    if not count:
        return NO_TURNS, "It has no turns"
    if not count % 2 and roles == ["user", "assistant"] * (count // 2):
        return None
    if roles[0] != "user":
        return FIRST_TURN, "It does not begin with the user"
    for place in range(1, count):
        if roles[place] == roles[place - 1]:
            return TURN_ORDER, f"Turns {place} and {place + 1} are both by the {roles[place]}"
    return LAST_TURN, "It ends with the user, unanswered"


def empty_text(texts: Sequence[str], named: str = "Turn {}") -> tuple[str, str] | None:
    """The rule and the place of the first text that says nothing; None where all say something."""
    for place, text in enumerate(texts, start=1):
        if not text:
            return EMPTY_TEXT, f"{named.format(place)} is empty"
        if text.isspace():
            return BLANK_TEXT, f"{named.format(place)} is nothing but blanks"
    return None


def half_characters(texts: Iterable[str]) -> list[Problem]:
    """A problem where a text holds half of a character."""
    if any(not text.isascii() and SURROGATE.search(text) for text in texts):
        message = "It holds half of a character, which UTF-8 cannot hold and many readers refuse."
        return [Problem(HALF_CHARACTER, Severity.REFUSED, message)]
    return []

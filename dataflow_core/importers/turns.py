"""Conversations of other people's files, in any of the usual spellings, as turns of a dialogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from dataflow_core.exporters.rules import kind_of

#: What a turn's role and its text are called, the likeliest first.
ROLE_KEYS, TEXT_KEYS = ("role", "from", "speaker"), ("content", "value", "text")
_ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "model", "chatgpt"), "assistant"),
    "system": "system",
}
_OURS = ("user", "assistant")
_BOTH = frozenset(("role", "value"))


class UnusableError(ValueError):
    """An entry that cannot become a record; the message follows its line: "has no conversation." """


class Dialogue(NamedTuple):
    turns: list[dict[str, str]]  # {"role": "user" or "assistant", "value"}
    system: str


def are_turns(value: Any) -> bool:
    """Whether this is a list of what look like turns, whoever speaks in them."""
    return isinstance(value, list) and bool(value) and all(map(_is_turn, value))


def dialogue_of(value: Any, lost: Counter[str]) -> Dialogue:
    """The turns in a list; a system turn comes first, if at all. `lost` counts what else turns have, by its name.

    Raises `UnusableError` for what a dialogue cannot hold.
    """
    if not isinstance(value, list):
        raise UnusableError(f"has {kind_of(value)} where its conversation should be, a list of turns.")
    turns: list[dict[str, str]] = []
    system = ""
    for place, turn in enumerate(value, start=1):
        if type(turn) is dict and turn.keys() == _BOTH and type(turn["value"]) is str and turn["role"] in _OURS:
            turns.append(turn)
            continue
        role, text = _read(turn, place, lost)
        if role == "system":
            if place > 1:
                raise UnusableError(f"has a system turn in place {place}. Only the first turn may be the system's.")
            system = text
        else:
            turns.append({"role": role, "value": text})
    if not turns:
        raise UnusableError("has an empty conversation: no turn is by a user or an assistant. Leave it out.")
    return Dialogue(turns, system)


def _is_turn(turn: Any) -> bool:
    return (
        isinstance(turn, dict)
        and any(isinstance(turn.get(key), str) for key in ROLE_KEYS)
        and any(key in turn for key in TEXT_KEYS)
    )


def _read(turn: Any, place: int, lost: Counter[str]) -> tuple[str, str]:
    if not isinstance(turn, dict):
        raise UnusableError(f"has {kind_of(turn)} as turn {place}, where a role with a text is needed.")
    role_key, text_key = _key(turn, ROLE_KEYS), _key(turn, TEXT_KEYS)
    said = turn.get(role_key)
    if not isinstance(said, str) or not said:
        raise UnusableError(f"has no role in turn {place}. Say who speaks: user, assistant, or system first.")
    role = _ROLES.get(said) or _ROLES.get(said.casefold())
    if role is None:
        raise UnusableError(
            f"has a turn by “{said[:40]}” in place {place}. Only turns by user and assistant, and a system turn before "
            "them, can be reviewed."
        )
    text = _text(turn.get(text_key), place, lost)
    for key, value in turn.items():
        if key not in (role_key, text_key) and value is not None:
            lost[key] += 1
    return role, text


def _text(value: Any, place: int, lost: Counter[str]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        part = value[0]
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            lost[""] += 1
            return str(part["text"])
    if isinstance(value, list):
        raise UnusableError(f"has parts in turn {place}, not one text: pictures and the like cannot be reviewed.")
    raise UnusableError(f"has {kind_of(value)} in turn {place}, where a text is needed.")


def _key(turn: dict[str, Any], keys: Iterable[str]) -> str:
    return next((key for key in keys if turn.get(key) is not None), "")

"""A field's value as text to be shown and edited, and back."""

from __future__ import annotations

import json
from typing import Any

from dataflow_core.models import Fields

CONVERSATION = "conversation"


def as_text(value: Any) -> str:
    """Return a conversation as a script, and other values as `as_editable` does."""
    if is_conversation(value):
        return "\n\n".join(f"{turn['role'].capitalize()}: {turn['value']}" for turn in value)
    return as_editable(value)


def as_editable(value: Any) -> str:
    """Return text as it is, nothing as "", and other values as JSON, which `from_text` reads back."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def from_text(text: str | None, before: Any) -> Any:
    """Return the value that `text` stands for in place of `before`: JSON where that was no text and it still reads."""
    text = text or ""
    if text == as_editable(before):
        return before
    if isinstance(before, str | None):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def is_conversation(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(turn, dict) and {"role", "value"} <= turn.keys() for turn in value
    )


def first_question(fields: Fields) -> str:
    """Return the first turn of the user in the record's conversation, or ""."""
    return next((turn["value"] for turn in fields.get(CONVERSATION) or [] if turn["role"] == "user"), "")


def with_first_question(fields: Fields, text: str) -> list[Any]:
    """Return the conversation with its first turn of the user replaced."""
    turns = [dict(turn) for turn in fields.get(CONVERSATION) or []]
    for turn in turns:
        if turn["role"] == "user":
            turn["value"] = text
            return turns
    return [{"role": "user", "value": text}, *turns]

"""Records that are preference pairs already, in each of the shapes that TRL documents, shown with the prompt apart.

What is asked may stand in `prompt`, or be what `chosen` and `rejected` begin with alike; then it is told as TRL's own
`extract_prompt` tells it. A text in `prompt` beside two lists of messages, which repeat it, is for people only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dataflow_core.exporters.base import UnfitError
from dataflow_core.models import Fields

PAIR = ("prompt", "chosen", "rejected")
ANSWERS = PAIR[1:]
#: Fields that say what is asked where there is no prompt: then two texts are answers, with no beginning in common.
_ASKED = ("instruction", "question", "query", "user", "problem", "task")


def is_pair(fields: Fields) -> bool:
    """Whether the fields say that there is a pair, be it a good one or not."""
    if not all(fields.get(name) is not None for name in ANSWERS):
        return all(name in fields for name in PAIR)
    if fields.get("prompt") is not None or any(isinstance(fields[name], list) for name in ANSWERS):
        return True
    return not any(name in fields for name in _ASKED)


def pair_of(fields: Fields) -> Fields:
    """The record's own pair. Raises `UnfitError` with what keeps it from being one, in a sentence."""
    prompt: Any = fields.get("prompt")
    chosen: Any = fields.get("chosen")
    rejected: Any = fields.get("rejected")
    is_apart = isinstance(prompt, list) and prompt != []
    if all(isinstance(value, str) for value in (chosen, rejected)):
        if isinstance(prompt, str):
            return {name: fields[name] for name in PAIR}
        if prompt is None:
            return _of_texts(chosen, rejected)
        is_apart = True
    for name in PAIR if is_apart else ANSWERS:
        _need_messages(name, fields.get(name))
    return {name: fields[name] for name in PAIR} if is_apart else _of_messages(chosen, rejected)


def why_no_pair(fields: Fields) -> str:
    """What keeps fields with `chosen` and `rejected` from being a pair, in a sentence; "" where nothing does."""
    if is_pair(fields):
        try:
            pair_of(fields)
        except UnfitError as error:
            return str(error)
        return ""
    for name in ANSWERS:
        if fields.get(name) is None:
            return f"It has nothing in “{name}”."
    asked = next(name for name in _ASKED if name in fields)
    return f"It has no field “prompt”. What is asked seems to stand in “{asked}”: rename that to “prompt”."


def left_of(fields: Fields, row: Fields) -> str:
    """The text of `prompt` that is not in the row, "" where it is there."""
    said, messages = fields.get("prompt"), row["prompt"]
    if not isinstance(said, str) or isinstance(messages, str):
        return ""
    return "" if any(said.strip() in message["content"] for message in messages) else said


def _of_texts(chosen: str, rejected: str) -> Fields:
    place = _parting(chosen, rejected)
    if place > 0 and chosen[place - 1] == " ":
        place -= 1  # as TRL does
    if not chosen[:place].strip():
        raise UnfitError(
            "It has no prompt: there is no field “prompt”, and “chosen” and “rejected” have no beginning in common."
        )
    return dict(zip(PAIR, (chosen[:place], chosen[place:], rejected[place:]), strict=True))


def _of_messages(chosen: list[Fields], rejected: list[Fields]) -> Fields:
    place = _parting(chosen, rejected)
    if not any(message["role"] == "user" for message in chosen[:place]):
        raise UnfitError("It has no prompt: “chosen” and “rejected” do not begin with the same message by a user.")
    for answers in (chosen, rejected):
        if answers[place]["role"] != "assistant":
            raise UnfitError(
                f"“chosen” and “rejected” part at message {place + 1}, which is by the {answers[place]['role']}, not "
                "the assistant: no prompt in common."
            )
    return dict(zip(PAIR, (chosen[:place], chosen[place:], rejected[place:]), strict=True))


def _parting(one: Sequence[Any], other: Sequence[Any]) -> int:
    """The first place in which they differ; where they do not, the last that both have, so that an answer is left."""
    most = min(len(one), len(other))
    return next((place for place in range(most) if one[place] != other[place]), max(0, most - 1))


def _need_messages(name: str, value: Any) -> None:
    if not isinstance(value, list) or not value or not all(map(_is_message, value)):
        raise UnfitError(f"Its field “{name}” is no list of messages with a role and a content. {_SHAPES}")


_SHAPES = (
    "“prompt”, “chosen” and “rejected” are three texts, or three such lists; or “chosen” and “rejected” begin with the "
    "prompt."
)


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and all(isinstance(message.get(name), str) for name in ("role", "content"))

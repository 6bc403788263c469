"""What a trainer has to be told of a dataset: which column holds what, and what the roles are called."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dataflow_core.exporters.base import FieldChoice
from dataflow_core.exporting.parts import Part

#: Formats whose rows are {"messages": [{"role", "content"}]}.
_OF_MESSAGES = ("openai", "messages", "axolotl", "trl")


@dataclass(frozen=True, slots=True)
class Messages:
    """A column of turns, their keys and roles. `system` is the column of the system's text, "" where it is a turn."""

    column: str = "messages"
    role: str = "role"
    content: str = "content"
    user: str = "user"
    assistant: str = "assistant"
    system: str = ""


@dataclass(frozen=True, slots=True)
class Instruction:
    """Columns of plain texts; "" for those that there are none of. `history` holds earlier questions and answers."""

    prompt: str
    query: str
    response: str
    system: str = ""
    history: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """The columns "prompt" and "completion", of plain texts or of messages."""

    is_messages: bool


@dataclass(frozen=True, slots=True)
class Preference:
    """The columns "prompt", "chosen" and "rejected", of plain texts or of messages."""

    is_messages: bool


Shape = Messages | Instruction | Completion | Preference


def shape_of(part: Part, columns: Collection[str]) -> Shape | None:
    """The shape of the part's rows, which have these columns; None where no trainer reads them as they are."""
    if part.format in _OF_MESSAGES:
        return Messages()
    if part.format == "sharegpt":
        return Messages("conversations", "from", "value", "human", "gpt", _if_there("system", columns))
    if part.format == "dataflow":
        return Messages("conversation", content="value") if part.is_dialogues else _chosen(part.choice, columns)
    if part.format == "alpaca":
        system, history = _if_there("system", columns), _if_there("history", columns)
        return Instruction("instruction", _if_there("input", columns), "output", system, history)
    if part.format == "prompt-completion":
        return Completion(part.is_dialogues)
    if part.format == "preference":
        return Preference(part.is_dialogues)
    return None


def _chosen(choice: FieldChoice, columns: Collection[str]) -> Instruction | None:
    """The fields that were chosen to be instruction and output, of records that keep all of their own."""
    if choice.instruction not in columns or choice.output not in columns:
        return None
    system, query = _if_there(choice.system, columns), _if_there(choice.input, columns)
    return Instruction(choice.instruction, query, choice.output, system)


def _if_there(name: str, columns: Collection[str]) -> str:
    return name if name in columns else ""

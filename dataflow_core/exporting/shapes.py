"""What a trainer has to be told of a dataset: which column holds what, and what the roles are called."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dataflow_core.exporters.base import FieldChoice
from dataflow_core.exporting.parts import Part, Rows

#: Formats whose rows are {"messages": [{"role", "content"}]}.
_OF_MESSAGES = ("openai", "messages", "axolotl", "trl")


@dataclass(frozen=True, slots=True)
class Messages:
    """A column of turns, their keys and roles. `system` is the column of the system's text, "" where it is a turn.

    `has_system`: any row has such a text, whether in the column or as a turn.
    """

    column: str = "messages"
    role: str = "role"
    content: str = "content"
    user: str = "user"
    assistant: str = "assistant"
    system: str = ""
    has_system: bool = False


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


def shape_of(part: Part, rows: Rows) -> Shape | None:
    """The shape of these rows of the part; None where no trainer reads them as they are."""
    columns = rows.columns.keys()
    if part.format in _OF_MESSAGES:
        return Messages(has_system=rows.has_system)
    if part.format == "sharegpt":
        return Messages("conversations", "from", "value", "human", "gpt", "system", rows.has_system)
    if part.format == "dataflow":
        return Messages("conversation", content="value") if part.is_dialogues else _chosen(part.choice, columns)
    if part.format == "alpaca":
        return Instruction("instruction", "input", "output", _among("system", columns), _among("history", columns))
    if part.format == "prompt-completion":
        return Completion(rows.is_messages)
    if part.format == "preference":
        return Preference(rows.is_messages)
    return None


def _chosen(choice: FieldChoice, columns: Collection[str]) -> Instruction | None:
    """The fields that were chosen to be instruction and output, of records that keep all of their own."""
    if choice.instruction not in columns or choice.output not in columns:
        return None
    return Instruction(choice.instruction, _among(choice.input, columns), choice.output, _among(choice.system, columns))


def _among(name: str, columns: Collection[str]) -> str:
    return name if name in columns else ""

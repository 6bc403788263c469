"""Turns as `{"role", "content"}`: what OpenAI began, and most trainers read. Each target has rules of its own."""

from __future__ import annotations

from typing import ClassVar

from dataflow_core.exporters.base import Chat, Content, FieldChoice, Problem, Severity
from dataflow_core.exporters.chats import TurnsExporter, chat_of
from dataflow_core.exporters.rules import (
    EMPTY_TEXT,
    LEARNS_SILENCE,
    SYSTEM_TURN,
    Fault,
    broken_order,
    empty_text,
    half_characters,
)
from dataflow_core.models import Fields


def messages_of(chat: Chat) -> list[Fields]:
    """The turns as messages, the system's first where there is one."""
    messages: list[Fields] = [{"role": role, "content": text} for role, text in chat.turns]
    return [{"role": "system", "content": chat.system}, *messages] if chat.system else messages


class ChatExporter(TurnsExporter):
    """`{"messages": [{"role", "content"}, …]}`, and what is alike in the targets' rules.

    Subclasses say what the target does with roles out of order (`disorder`), and with an empty text (`if_empty` and
    `why_full`); `why_no_system` is "" where every model of the target takes a system turn.
    """

    takes_fields = True
    if_empty: ClassVar[Severity] = Severity.NOTED
    why_full: ClassVar[str] = LEARNS_SILENCE
    why_no_system: ClassVar[str] = ""

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        return {"messages": messages_of(chat_of(content, choice))}

    def problems(self, row: Fields) -> list[Problem]:
        messages = row["messages"]
        roles = [message["role"] for message in messages]
        texts = [message["content"] for message in messages]
        found = half_characters(texts)
        if roles and roles[0] == "system":
            del roles[0], texts[0]
            if self.why_no_system:
                found.append(Problem(SYSTEM_TURN, Severity.NOTED, self.why_no_system))
        if fault := broken_order(roles):
            found.append(self.disorder(fault, roles))
        if fault := empty_text(texts):
            severity = self.if_empty if fault.rule == EMPTY_TEXT else Severity.NOTED
            found.append(fault.problem(severity, self.why_full))
        return found

    def disorder(self, fault: Fault, roles: list[str]) -> Problem:
        """What comes of roles, the system's aside, that do not begin with the user and alternate up to an answer."""
        raise NotImplementedError

    def texts(self, row: Fields) -> list[str]:
        return [message["content"] for message in row["messages"]]

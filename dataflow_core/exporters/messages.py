"""Turns as `{"role", "content"}`: what OpenAI began, and most trainers read. Each target has rules of its own."""

from __future__ import annotations

from typing import ClassVar

from dataflow_core.exporters.base import Chat, Content, Exporter, FieldChoice, Problem, Severity
from dataflow_core.exporters.chats import chat_of
from dataflow_core.exporters.rules import SYSTEM_TURN, broken_order, empty_text, half_characters
from dataflow_core.models import Fields


def messages_of(chat: Chat) -> list[Fields]:
    """The turns as messages, the system's first where there is one."""
    messages: list[Fields] = [{"role": role, "content": text} for role, text in chat.turns]
    return [{"role": "system", "content": chat.system}, *messages] if chat.system else messages


class ChatExporter(Exporter):
    """`{"messages": [{"role", "content"}, …]}`, and the rules that targets say of it in the same words.

    `if_disordered` is what comes of roles that do not begin with the user and alternate up to an answer, `if_empty` of
    a text that is empty, and `why_…` says so.
    """

    takes_fields = True
    if_disordered: ClassVar[Severity] = Severity.REFUSED
    why_ordered: ClassVar[str]
    if_empty: ClassVar[Severity] = Severity.NOTED
    why_full: ClassVar[str] = "A model would learn to say nothing."
    why_no_system: ClassVar[str] = ""

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        return {"messages": messages_of(chat_of(content, choice))}

    def problems(self, row: Fields) -> list[Problem]:
        return self.problems_of(row["messages"])

    def problems_of(self, messages: list[Fields]) -> list[Problem]:
        found: list[Problem] = []
        has_system = bool(messages) and messages[0]["role"] == "system"
        roles = [message["role"] for message in messages]
        texts = [message["content"] for message in messages]
        if has_system:
            del roles[0]
            if self.why_no_system:
                found.append(Problem(SYSTEM_TURN, Severity.NOTED, self.why_no_system))
        if broken := broken_order(roles):
            found.append(Problem(broken[0], self.if_disordered, f"{broken[1]}. {self.why_ordered}"))
        if empty := empty_text(texts[1:] if has_system else texts):
            severity = self.if_empty if empty[0] == "empty-text" else Severity.NOTED
            found.append(Problem(empty[0], severity, f"{empty[1]}. {self.why_full}"))
        return found + half_characters(texts)

    def texts(self, row: Fields) -> list[str]:
        return [message["content"] for message in row["messages"]]

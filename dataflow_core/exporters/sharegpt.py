"""ShareGPT as LLaMA-Factory reads it: `conversations` of `from` and `value`, and the system prompt beside them.

Every row has a `system`, empty for none: a column that is not in every row is one that some readers fail at.
"""

from __future__ import annotations

from dataflow_core.exporters.base import Content, Exporter, FieldChoice, Problem, Severity
from dataflow_core.exporters.chats import chat_of
from dataflow_core.exporters.rules import broken_order, empty_text, half_characters
from dataflow_core.models import Fields

FROM = {"user": "human", "assistant": "gpt"}
_ROLES = {name: role for role, name in FROM.items()}


class ShareGptExporter(Exporter):
    name = "sharegpt"
    title = "ShareGPT"
    trainers = "LLaMA-Factory"
    source = "https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md"
    takes_fields = True

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        chat = chat_of(content, choice)
        turns = [{"from": FROM[role], "value": text} for role, text in chat.turns]
        return {"conversations": turns, "system": chat.system}

    def problems(self, row: Fields) -> list[Problem]:
        found = []
        turns = row["conversations"]
        texts = [turn["value"] for turn in turns]
        if broken := broken_order([_ROLES[turn["from"]] for turn in turns]):
            why = "LLaMA-Factory skips such an example with no more than a line in its log."
            found.append(Problem(broken[0], Severity.DROPPED, f"{broken[1]}. {why}"))
        if empty := empty_text(texts):
            found.append(Problem(empty[0], Severity.NOTED, f"{empty[1]}. A model would learn to say nothing."))
        return found + half_characters([row["system"], *texts])

    def texts(self, row: Fields) -> list[str]:
        return [row["system"], *(turn["value"] for turn in row["conversations"])]

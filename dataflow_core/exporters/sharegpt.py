"""ShareGPT as LLaMA-Factory reads it: `conversations` of `from` and `value`, and the system prompt beside them.

Every row has a `system`, empty for none: readers that take the columns from a file's first rows fail at one that only
later rows have. LLaMA-Factory's converter skips what is not pairs of a human's turn and gpt's.
"""

from __future__ import annotations

from dataflow_core.exporters.base import Content, FieldChoice, Problem, Severity
from dataflow_core.exporters.chat_messages import SKIPPED
from dataflow_core.exporters.chats import TurnsExporter, chat_of
from dataflow_core.exporters.rules import LEARNS_SILENCE, broken_order, empty_text, half_characters
from dataflow_core.models import Fields

FROM = {"user": "human", "assistant": "gpt"}
_ROLES = {name: role for role, name in FROM.items()}


class ShareGptExporter(TurnsExporter):
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
        turns = row["conversations"]
        texts = [turn["value"] for turn in turns]
        found = half_characters([row["system"], *texts])
        if fault := broken_order([_ROLES[turn["from"]] for turn in turns]):
            found.append(fault.problem(Severity.DROPPED, SKIPPED))
        if fault := empty_text(texts):
            found.append(fault.problem(Severity.NOTED, LEARNS_SILENCE))
        return found

    def texts(self, row: Fields) -> list[str]:
        return [row["system"], *(turn["value"] for turn in row["conversations"])]

"""Alpaca: an instruction, an input and an output; of a dialogue the last exchange, with those before it as history.

LLaMA-Factory asks `instruction`, a line end and `input`, and learns the answers in `history`, too. Rows of dialogues
have the same five keys, those of other records no history, and a system prompt only where a field is chosen for it.
"""

from __future__ import annotations

from dataflow_core.exporters.base import Content, FieldChoice, Problem, Severity, UnfitError
from dataflow_core.exporters.chats import TurnsExporter, dialogue_of, field_text, is_dialogue, settled
from dataflow_core.exporters.rules import LEARNS_SILENCE, broken_order, empty_text, half_characters
from dataflow_core.models import Fields


class AlpacaExporter(TurnsExporter):
    name = "alpaca"
    title = "Alpaca"
    trainers = "LLaMA-Factory"
    source = "https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md"
    takes_fields = True

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        if is_dialogue(content.generator):
            return _of_dialogue(content.fields)
        choice = settled(content, choice)
        row = {
            "instruction": field_text(content, choice.instruction),
            "input": field_text(content, choice.input, may_lack=True) if choice.input else "",
            "output": field_text(content, choice.output),
        }
        return row | {"system": field_text(content, choice.system, may_lack=True)} if choice.system else row

    def problems(self, row: Fields) -> list[Problem]:
        found = half_characters(self.texts(row))
        asked = row["instruction"] or row["input"]
        texts = [text for pair in row.get("history", ()) for text in pair] + [asked, row["output"]]
        if fault := empty_text(texts):
            found.append(fault.problem(Severity.NOTED, LEARNS_SILENCE))
        return found

    def texts(self, row: Fields) -> list[str]:
        earlier = [text for pair in row.get("history", ()) for text in pair]
        return [row.get("system", ""), *earlier, row["instruction"], row["input"], row["output"]]


def _of_dialogue(fields: Fields) -> Fields:
    """Raises `UnfitError` where the turns are not pairs of a question and its answer: history holds nothing else."""
    chat = dialogue_of(fields)
    if fault := broken_order([role for role, _ in chat.turns]):
        raise UnfitError(f"{fault.where}. Alpaca holds only pairs of a question and its answer.")
    texts = [text for _, text in chat.turns]
    return {
        "instruction": texts[-2],
        "input": "",
        "output": texts[-1],
        "system": chat.system,
        "history": [list(pair) for pair in zip(texts[:-2:2], texts[1:-2:2], strict=True)],
    }

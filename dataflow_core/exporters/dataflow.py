"""The generators' own shapes, as their documents show them.

Tasks: every input column and the three outputs. Dialogues: exactly `category` and `conversation`.
"""

from __future__ import annotations

import math
from typing import Any

from dataflow_core.exporters.base import Content, Exporter, FieldChoice, Problem, Severity, UnfitError
from dataflow_core.exporters.chats import dialogue_of, is_dialogue
from dataflow_core.exporters.rules import broken_order, empty_text, half_characters
from dataflow_core.models import Fields


class DataflowExporter(Exporter):
    name = "dataflow"
    title = "DataFlow"
    trainers = "DataFlow, LLaMA-Factory, Axolotl"
    source = "https://github.com/OpenDCAI/DataFlow"

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        fields = content.fields
        if not is_dialogue(content.generator):
            for name, value in fields.items():
                if not isinstance(value, str) and not is_json(value):
                    raise UnfitError(f"Its field “{name}” holds what is no number, and JSON has no word for it.")
            return fields
        turns = [{"role": role, "value": text} for role, text in dialogue_of(fields).turns]
        return {"category": fields.get("category", ""), "conversation": turns}

    def problems(self, row: Fields) -> list[Problem]:
        turns = row.get("conversation")
        if len(row) != 2 or "category" not in row or not isinstance(turns, list):
            return half_characters(self.texts(row))
        found, texts = [], [turn["value"] for turn in turns]
        if broken := broken_order([turn["role"] for turn in turns]):
            why = "A DataFlow dialogue begins with the user and ends with the assistant."
            found.append(Problem(broken[0], Severity.DROPPED, f"{broken[1]}. {why}"))
        if empty := empty_text(texts):
            found.append(Problem(empty[0], Severity.NOTED, f"{empty[1]}. A model would learn to say nothing."))
        return found + half_characters(texts)

    def texts(self, row: Fields) -> list[str]:
        turns = row.get("conversation")
        if isinstance(turns, list) and len(row) == 2 and "category" in row:
            return [turn["value"] for turn in turns]
        return [value for value in row.values() if isinstance(value, str)]


def is_json(value: Any) -> bool:
    """Whether JSON has a word for the value: it has none for numbers that are none."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(is_json, value.values()))
    return not isinstance(value, list) or all(map(is_json, value))

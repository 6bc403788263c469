"""The generators' own shapes, as their documents show them.

Tasks: every input column and the three outputs. Dialogues: exactly `category` and `conversation`, which begins with the
user and ends with the assistant. Records of one's own: their fields.
"""

from __future__ import annotations

from dataflow_core.exporters.base import Content, FieldChoice, Problem, Severity, UnfitError
from dataflow_core.exporters.chats import SYSTEM, TurnsExporter, is_dialogue, turns_of
from dataflow_core.exporters.rules import (
    LEARNS_SILENCE,
    NO_CATEGORY,
    NOT_CARRIED,
    broken_order,
    empty_text,
    half_characters,
    is_json,
    texts_in,
)
from dataflow_core.models import Fields

_KEYS = ("role", "value")


class DataflowExporter(TurnsExporter):
    name = "dataflow"
    title = "DataFlow"
    trainers = "DataFlow, LLaMA-Factory, Axolotl"
    source = "https://github.com/OpenDCAI/DataFlow"

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        fields = content.fields
        if not is_dialogue(content.generator):
            for name, value in fields.items():
                if not isinstance(value, str) and not is_json(value):
                    raise UnfitError(f"Its field “{name}” holds a number that is none, which JSON has no word for.")
            return fields
        roles, texts = turns_of(fields)
        turns = fields["conversation"]
        if not all(map(_KEYS.__eq__, map(tuple, turns))):
            turns = [{"role": role, "value": text} for role, text in zip(roles, texts, strict=True)]
        category = fields.get("category", "")
        if not isinstance(category, str):
            raise UnfitError("Its category is no text.")
        return {"category": category, "conversation": turns}

    def problems(self, row: Fields) -> list[Problem]:
        said = _said_in(row)
        if said is None:
            texts = [value for value in row.values() if isinstance(value, str)]
            return half_characters(texts if len(texts) == len(row) else list(texts_in(row)))
        roles, texts = said
        found = half_characters([row["category"], *texts])
        if fault := broken_order(roles):
            why = "A DataFlow dialogue begins with the user and ends with the assistant; LLaMA-Factory skips others."
            found.append(fault.problem(Severity.DROPPED, why))
        if fault := empty_text(texts):
            found.append(fault.problem(Severity.NOTED, LEARNS_SILENCE))
        return found

    def notes(self, content: Content, choice: FieldChoice) -> list[Problem]:
        found = super().notes(content, choice)
        if not is_dialogue(content.generator):
            return found
        if content.fields.get(SYSTEM):
            message = "Its system turn is left behind: DataFlow's dialogues have no place for one."
            found.append(Problem(NOT_CARRIED, Severity.NOTED, message))
        if not content.fields.get("category"):
            found.append(Problem(NO_CATEGORY, Severity.NOTED, "It has no category, and goes out with an empty one."))
        return found

    def texts(self, row: Fields) -> list[str]:
        said = _said_in(row)
        return list(texts_in(row)) if said is None else said[1]


def _said_in(row: Fields) -> tuple[list[str], list[str]] | None:
    """The roles and texts of a dialogue's row; None for the row of another record, whatever its fields are called."""
    turns = row.get("conversation")
    if len(row) != 2 or "category" not in row or not isinstance(turns, list):
        return None
    try:
        roles, texts = [turn["role"] for turn in turns], [turn["value"] for turn in turns]
    except (TypeError, KeyError):
        return None
    return (roles, texts) if {str}.issuperset(map(type, [row["category"], *roles, *texts])) else None

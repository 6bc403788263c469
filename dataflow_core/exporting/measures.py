"""What is counted of the records of an export while they are written, for its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dataflow_core.exporters.base import Content, UnfitError
from dataflow_core.exporters.chats import is_dialogue, turns_of
from dataflow_core.models import Fields
from dataflow_core.storage.exported import Origin


@dataclass(slots=True)
class Length:
    """Of some texts in words, or of dialogues in turns."""

    number: int = 0
    total: int = 0
    least: int = 0
    most: int = 0

    def add(self, value: int) -> None:
        self.least = min(self.least, value) if self.number else value
        self.most = max(self.most, value)
        self.number += 1
        self.total += value

    @property
    def mean(self) -> float:
        return self.total / self.number if self.number else 0.0


@dataclass(slots=True)
class Measures:
    """Of one generator's records. `lengths` are by what is measured: "turns", or the name of a field in words.

    `runs` counts by the run's id, "" for records of none.
    """

    records: int = 0
    edited: int = 0
    models: Counter[str] = field(default_factory=Counter)
    intents: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, Length] = field(default_factory=dict)

    def add(self, contents: Sequence[Content], origins: Iterable[Origin]) -> None:
        self.records += len(contents)
        for content in contents:
            self.runs[content.run] += 1
            if is_dialogue(content.generator):
                self._measure_dialogue(content.fields)
            else:
                self._measure_texts(content.fields)
        for origin in origins:
            self.models[origin.model] += 1
            self.intents[origin.intent] += 1
            self.edited += origin.is_edited

    def _measure_dialogue(self, fields: Fields) -> None:
        try:
            roles, texts = turns_of(fields)
        except UnfitError:  # tables take also what is no dialogue
            return
        self._length(TURNS).add(len(roles))
        for role, said in zip(roles, texts, strict=True):
            self._length(QUESTION if role == "user" else ANSWER).add(_words(said))

    def _measure_texts(self, fields: Fields) -> None:
        for name, value in fields.items():
            if isinstance(value, str):
                self._length(name).add(_words(value))

    def _length(self, name: str) -> Length:
        found = self.lengths.get(name)
        if found is None:
            found = self.lengths[name] = Length()
        return found


#: What is measured of dialogues.
TURNS, QUESTION, ANSWER = "turns a dialogue", "words a question", "words an answer"


def _words(text: str) -> int:
    """How many there are between blanks."""
    return len(text.split())

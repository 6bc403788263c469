"""An export as datasets: the files of one generator's records, by split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataflow_core.exporters.base import FieldChoice
from dataflow_core.exporting.plan import Export, ExportFile
from dataflow_core.generators import GENERATORS
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one generator. `name` is that of a dataset: "dialogues". `files` are by split, train first."""

    name: str
    generator: str
    format: str
    choice: FieldChoice
    files: dict[str, ExportFile]

    @property
    def is_dialogues(self) -> bool:
        return self.generator == ConsistentChatGenerator.name

    @property
    def records(self) -> int:
        return sum(file.records for file in self.files.values())

    @property
    def columns(self) -> frozenset[str]:
        """The keys that any row of any of its files has."""
        return frozenset(column for file in self.files.values() for column in file.columns)


def parts_of(export: Export) -> list[Part]:
    """Its datasets, in the order of its files."""
    data = [file for file in export.files if file.kind == "data"]
    generators = list(dict.fromkeys(file.generator for file in data))
    names = _names(generators)
    return [
        Part(
            names[generator],
            generator,
            export.plan.format,
            export.plan.fields.get(generator, FieldChoice()),
            {file.split or "train": file for file in data if file.generator == generator},
        )
        for generator in generators
    ]


def _names(generators: Sequence[str]) -> dict[str, str]:
    """What a dataset of each is called; those of one label are told apart by the generator's name."""
    labels = {one: GENERATORS[one].label if one in GENERATORS else one for one in generators}
    shared = {label for label in labels.values() if list(labels.values()).count(label) > 1}
    return {one: _plain(one if label in shared else label) for one, label in labels.items()}


def _plain(text: str) -> str:
    """Only letters, digits, "_" and "-", as names of datasets may be of."""
    return "".join(letter if letter.isascii() and letter.isalnum() or letter in "_-" else "_" for letter in text.lower())

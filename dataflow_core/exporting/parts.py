"""An export as datasets: the files of one generator's records, by split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dataflow_core.exporters import exporter_named
from dataflow_core.exporters.base import Content, FieldChoice
from dataflow_core.exporters.chats import default_choice, is_dialogue
from dataflow_core.exporting.names import names_of
from dataflow_core.exporting.plan import ExportFile, ExportPlan
from dataflow_core.models import Fields

#: The split of a file that names none.
ONLY = "train"


@dataclass(slots=True)
class Rows:
    """What the rows of one file turned out to be. `columns` are the keys that any of them has."""

    columns: dict[str, None] = field(default_factory=dict)
    is_messages: bool = False  # prompts are lists of messages, not texts
    has_system: bool = False  # any of them says something to the model before the turns

    def see(self, row: Fields) -> None:
        if not row.keys() <= self.columns.keys():
            self.columns |= dict.fromkeys(row)
        self.is_messages = self.is_messages or isinstance(row.get("prompt"), list)
        self.has_system = self.has_system or bool(row.get("system"))


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one generator. `name` is that of a dataset: "dialogues". `files` are by split, train first."""

    name: str
    generator: str
    format: str
    choice: FieldChoice
    files: dict[str, ExportFile]
    rows: dict[str, Rows]

    @property
    def is_dialogues(self) -> bool:
        return is_dialogue(self.generator)

    @property
    def records(self) -> int:
        return sum(file.records for file in self.files.values())


class RowsSeen:
    """Gathers what the files of an export turn out to hold, by generator and split."""

    def __init__(self, plan: ExportPlan) -> None:
        self._plan = plan
        self._exporter = exporter_named(plan.format)
        self._rows: dict[tuple[str, str], Rows] = {}
        self._params: dict[str, Fields] = {}

    def took(self, generator: str, split: str, contents: Sequence[Content]) -> None:
        rows = self._rows.setdefault((generator, split or ONLY), Rows())
        choice = self._plan.fields.get(generator, FieldChoice())
        for content in contents:
            self._params.setdefault(generator, content.params)
            # All rows of dialogues are of one shape, and all of tables of any; those of others depend on their fields.
            if not rows.columns or not is_dialogue(generator):
                rows.see(self._exporter.row(content, choice))
            elif not rows.has_system:
                rows.has_system = bool(content.fields.get("system"))

    def parts(self, written: Iterable[ExportFile]) -> list[Part]:
        """The datasets that the files are, in their order."""
        data = [file for file in written if file.kind == "data"]
        names = names_of(list(dict.fromkeys(file.generator for file in data)))
        parts = []
        for generator, name in names.items():
            files = {file.split or ONLY: file for file in data if file.generator == generator}
            rows = {split: self._rows.get((generator, split), Rows()) for split in files}
            choice = self._plan.fields.get(generator, FieldChoice())
            if choice == FieldChoice():
                columns = dict.fromkeys(column for seen in rows.values() for column in seen.columns)
                choice = default_choice(generator, self._params.get(generator, {}), columns)
            parts.append(Part(name, generator, self._plan.format, choice, files, rows))
        return parts

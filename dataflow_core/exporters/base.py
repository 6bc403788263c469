"""What a format is: a view of one record as an object with the keys that a trainer reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, ClassVar, Literal, Protocol

from dataflow_core.errors import DataflowError
from dataflow_core.exporters.json_lines import LineWriter
from dataflow_core.models import Fields

Role = Literal["user", "assistant"]


class UnfitError(DataflowError):
    """The record cannot be shown in the format at all; the message says why, in a sentence for a person."""


#: Who speaks, and what is said.
Turn = tuple[Role, str]


@dataclass(frozen=True, slots=True)
class Chat:
    """What a trainer learns to answer: turns as they stand in the record, and what stands before them, "" for nothing.

    Nothing is mended here: roles may fail to alternate, texts may be empty.
    """

    turns: tuple[Turn, ...]
    system: str = ""


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """Which fields of a record that is no dialogue are what; "" for none."""

    instruction: str = ""
    input: str = ""
    output: str = ""
    system: str = ""


@dataclass(slots=True)  # not frozen: of these a million are made, and that takes four times as long with it
class Content:
    """What there is to be exported of a record, and not to be changed.

    `fields` are those of its present revision, `params` those of its run ({} for none). `refused` are the fields that
    the present ones were preferred to, for formats with `needs_refused`; None where there are none. `about` is its
    provenance by name, for formats with `needs_provenance`; {} for others. `revision` is the number of the present
    one, `run` the id of its run, "" for none.
    """

    number: int
    id: str
    generator: str
    fields: Fields
    params: Fields
    refused: Fields | None = None
    about: Fields = field(default_factory=dict)
    revision: int = 1
    run: str = ""


class Severity(StrEnum):
    """What the trainer makes of the record."""

    REFUSED = "refused"  # it will not take the whole file
    DROPPED = "dropped"  # it skips the record, often without a word
    CUT = "cut"  # it cuts the record off, or takes only a part of it
    NOTED = "noted"  # it takes it; something is worth knowing


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row. `rule` is a short name that never changes, to count by; `message` is for a person."""

    rule: str
    severity: Severity
    message: str


class RowWriter(Protocol):
    """Writes rows to a file one by one. What it wrote is whole only once it is closed; it leaves the file open."""

    def write(self, row: Fields) -> None: ...

    def close(self) -> None: ...


class Exporter:
    """A format. `name` is for the command line, `title` and `trainers` for the screen.

    `suffix` is ".jsonl", ".parquet" or ".csv". `takes_fields` says whether records that are no dialogues are shown by
    a choice of fields. `fewest` examples must be in a file for `fewest_for` to take it. `source` names the documents
    that the shape and the rules are from.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    trainers: ClassVar[str] = ""
    source: ClassVar[str] = ""
    suffix: ClassVar[str] = ".jsonl"
    takes_fields: ClassVar[bool] = False
    needs_refused: ClassVar[bool] = False
    needs_provenance: ClassVar[bool] = False
    fewest: ClassVar[int] = 0
    fewest_for: ClassVar[str] = ""

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        """The record in this format. Raises `UnfitError`."""
        raise NotImplementedError

    def problems(self, row: Fields) -> list[Problem]:
        """What the target would not take as it stands, by its own documented rules."""
        return []

    def notes(self, content: Content, choice: FieldChoice) -> list[Problem]:
        """What of the record is not in its row, where that is worth knowing. To be asked after `row`."""
        return []

    def texts(self, row: Fields) -> list[str]:
        """The texts of the row that the target reads, to be counted in tokens."""
        raise NotImplementedError

    def writer(self, stream: BinaryIO) -> RowWriter:
        """What writes rows of this format to a file of its suffix."""
        return LineWriter(stream)

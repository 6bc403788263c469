"""What a file for import turns out to hold, and what is to be made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dataflow_core.models import Fields, SourceLine


@dataclass(frozen=True, slots=True)
class ImportMapping:
    """Which columns are what: our name of a part to the file's name of the column.

    `kind` is the generator whose records they become. For tasks the parts are atom_task, parallel_task,
    subsequent_task and composition_task; every other column is kept beside them. For dialogues: conversation (a list of
    turns, in any of the usual spellings), or user and assistant, with input, history, system and category where there
    are such. For records with fields of their own every column is a field, and `columns` is empty.

    `aside` are columns that are not read. `as_json` are those whose text is a list or an object in JSON. With
    `is_quoted` an apostrophe before what a spreadsheet would run as a formula is taken away again.
    """

    kind: str
    columns: dict[str, str] = field(default_factory=dict)
    aside: tuple[str, ...] = ()
    as_json: tuple[str, ...] = ()
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Recognised:
    """What the content says. `shape` is the name of a format or "columns"; `mapping` is the best guess.

    `sample` are the first entries as they stand in the file, `records` what would become of them. `notes` are
    sentences on what will not be kept, or is taken differently.
    """

    shape: str
    title: str  # "OpenAI chat", for a person
    columns: tuple[str, ...]
    mapping: ImportMapping
    sample: tuple[Fields, ...] = ()
    records: tuple[Fields, ...] = ()
    notes: tuple[str, ...] = ()
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """A whole file read once: how many entries would become records, and those that would not.

    `problems` counts what stands in the way of importing all of it; `blank` lines do not. `notes` are sentences, with
    counts, on what will not be kept, and on what is worth knowing: `unanswered` dialogues, which end with a turn of the
    user's, `doubled` ones, in which one side has two turns running, and records that are `not_pairs` in a file of
    preference pairs.
    """

    records: int
    problems: int
    first_problems: tuple[SourceLine, ...]  # no more than can be shown
    blank: int = 0
    notes: tuple[str, ...] = ()
    unanswered: int = 0
    doubled: int = 0
    not_pairs: int = 0


@dataclass(frozen=True, slots=True)
class ReadSoFar:
    """How far a file has been read: the share of its bytes, 0 to 1, and what has come of them."""

    share: float
    records: int
    problems: int


#: Called a few times a second while a file is read.
ImportProgress = Callable[[ReadSoFar], None]

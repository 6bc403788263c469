"""What a file for import turns out to hold, and what is to be made of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from dataflow_core.models import Fields, SourceLine


@dataclass(frozen=True, slots=True)
class Mapping:
    """Which columns are what, where the shape does not say it: our name of a part to the file's name of the column.

    `kind` is the generator whose records they become. For tasks the parts are atom_task, parallel_task,
    subsequent_task and composition_task; for dialogues: conversation, or user and assistant, system and category. For
    records with fields of their own every column is a field, and `columns` is empty.
    """

    kind: str
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recognised:
    """What the content says. `shape` is the name of a format or "columns"; `mapping` is the best guess.

    `sample` are the first entries as they stand in the file, `records` what would become of them. `notes` are
    sentences on what will not be kept, or is taken differently.
    """

    shape: str
    title: str  # "OpenAI chat", for a person
    columns: tuple[str, ...]
    mapping: Mapping
    sample: tuple[Fields, ...] = ()
    records: tuple[Fields, ...] = ()
    notes: tuple[str, ...] = ()
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """A whole file read once: how many entries would become records, and those that would not."""

    records: int
    problems: int
    first_problems: tuple[SourceLine, ...]  # no more than can be shown
    blank: int = 0

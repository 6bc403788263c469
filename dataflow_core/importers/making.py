"""From a file's entries to records: what is taken from which column, and what is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from dataflow_core.errors import UsageError
from dataflow_core.exporters.csv_table import unguarded
from dataflow_core.exporters.rules import kind_of
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, task_keys
from dataflow_core.importers.base import ImportMapping
from dataflow_core.importers.json_reader import JsonReader
from dataflow_core.importers.turns import UnusableError, dialogue_of
from dataflow_core.models import Fields
from dataflow_core.readers import json_values

TASKS, DIALOGUES, OWN = ParaSeqTaskGenerator.name, ConsistentChatGenerator.name, CustomGenerator.name
#: The parts of each kind, with what they are called to a person.
PARTS: dict[str, tuple[str, ...]] = {
    TASKS: task_keys({}),
    DIALOGUES: ("conversation", "completion", "user", "input", "assistant", "history", "system", "category"),
    OWN: (),
}
_OURS = ("category", "conversation", "system")
#: The parts that turns are made of.
_TURNS = ("conversation", "completion", "user", "input", "assistant", "history")


class Maker:
    """Makes records of entries by a mapping, and counts what it leaves behind.

    Raises `UsageError` for a mapping that names no such kind or part, or lacks a part that is needed.
    """

    def __init__(self, mapping: ImportMapping) -> None:
        check_mapping(mapping)
        self.mapping = mapping
        self.lost: Counter[str] = Counter()  # of turns, by the name of what they have besides a role and a text
        self.unquoted = 0
        self._json = JsonReader()
        self.left: Counter[str] = Counter()  # columns that have the name of a part of ours
        self.set_aside: Counter[str] = Counter()
        makers: dict[str, Callable[[Fields], Fields]] = {TASKS: self._tasks, DIALOGUES: self._dialogue, OWN: self._own}
        self._make = makers[mapping.kind]
        self._columns = mapping.columns
        self._part_of = {column: part for part, column in mapping.columns.items()}
        is_prepared = mapping.is_quoted or mapping.aside or mapping.as_json
        #: Makes the record's fields of an entry's. Raises `UnusableError`.
        self.make = self._prepared if is_prepared else self._make
        #: Whether an entry of JSON becomes a record as it stands.
        self.is_as_it_stands = mapping.kind != DIALOGUES and not mapping.aside and not mapping.as_json

    def _prepared(self, fields: Fields) -> Fields:
        mapping = self.mapping
        if mapping.is_quoted:
            fields = self._unquoted(fields)
        if mapping.aside:
            for name in mapping.aside:
                self.set_aside[name] += name in fields
            fields = {name: value for name, value in fields.items() if name not in mapping.aside}
        if mapping.as_json:
            fields = fields | {name: self._parsed(fields[name], name) for name in mapping.as_json if name in fields}
        return self._make(fields)

    def notes(self, unit: str = "entries") -> Iterator[str]:
        """Sentences on what was not kept, or was taken differently, with counts."""
        for name, count in self.set_aside.items():
            if count:
                yield f"The column “{name}” is not kept ({count:,} {unit})."
        for name, count in self.left.items():
            yield f"“{name}” is not kept ({count:,} {unit}): a dialogue has another part of that name."
        if self.lost[""]:
            yield f"{self.lost['']:,} turns had their text in a list of one part; it is kept as a text."
        for name, count in self.lost.items():
            if name:
                yield f"“{name}” of {count:,} turns is not kept: a turn has a role and a text."
        if self.unquoted:
            yield f"{self.unquoted:,} cells had an apostrophe before what a spreadsheet would run; it is taken away."

    def _own(self, fields: Fields) -> Fields:
        if not fields:
            raise UnusableError("has nothing but columns that are not kept.")
        return fields

    def _tasks(self, fields: Fields) -> Fields:
        for part, column in self._columns.items():
            value = fields.get(column)
            if type(value) is not str:
                what = f"{kind_of(value)} in “{column}”" if column in fields else f"no “{column}”"
                raise UnusableError(f"has {what}, where the text of the {part.replace('_', ' ')} is needed.")
        return fields

    def _dialogue(self, fields: Fields) -> Fields:
        columns = self._columns
        if "conversation" in columns:
            turns, system = self._turns(fields)
        else:
            turns, system = self._pairs(fields), ""
        beside = self._text(fields, "system") if "system" in columns else ""
        if system and beside and system != beside:
            raise UnusableError(f"has a system turn and another text in “{columns['system']}”. Keep one of them.")
        made: Fields = {}
        for name, value in fields.items():  # in the order of the file, which a table's columns have again then
            part = self._part_of.get(name)
            if part == "category":
                made["category"] = self._text(fields, "category")
            elif part in _TURNS:
                made["conversation"] = turns
            elif part == "system" and value is not None:
                made["system"] = system or beside
            elif part is None and value is not None:
                self._add(made, name, value)
        if system and "system" not in made:
            made["system"] = system
        return made if "category" in made else {"category": "", **made}

    def _turns(self, fields: Fields) -> tuple[list[dict[str, str]], str]:
        column = self._columns["conversation"]
        if column not in fields:
            raise UnusableError(f"has no “{column}”, where its conversation should be.")
        value = fields[column]
        if "completion" in self._columns:
            after = fields.get(self._columns["completion"])
            if not isinstance(value, list) or not isinstance(after, list):
                raise UnusableError(
                    f"has {kind_of(after)} in “{self._columns['completion']}”, where messages are needed."
                )
            value = value + after
        return dialogue_of(value, self.lost)

    def _pairs(self, fields: Fields) -> list[dict[str, str]]:
        columns = self._columns
        turns: list[dict[str, str]] = []
        earlier = fields.get(columns["history"]) if "history" in columns else None
        if earlier and not isinstance(earlier, list):  # an empty cell is none
            raise UnusableError(
                f"has {kind_of(earlier)} in “{columns['history']}”, where a list of exchanges is needed."
            )
        for place, pair in enumerate(earlier or (), start=1):
            if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
                raise UnusableError(f"has no question with its answer as part {place} of “{columns['history']}”.")
            turns += _exchange(*pair)
        asked = self._needed(fields, "user")
        if more := self._text(fields, "input"):
            asked = f"{asked}\n{more}"
        if "assistant" not in columns:
            return [*turns, {"role": "user", "value": asked}]
        return turns + _exchange(asked, self._needed(fields, "assistant"))

    def _needed(self, fields: Fields, part: str) -> str:
        column = self._columns[part]
        value = fields.get(column)
        if not isinstance(value, str):
            what = f"{kind_of(value)} in “{column}”" if column in fields else f"no “{column}”"
            raise UnusableError(f"has {what}, where the text of the {part} is needed.")
        return value

    def _text(self, fields: Fields, part: str) -> str:
        """The text of a part that need not be there."""
        column = self._columns.get(part)
        value = fields.get(column) if column else None
        if value is None:
            return ""
        if not isinstance(value, str):
            raise UnusableError(f"has {kind_of(value)} in “{column}”, where a text is needed.")
        return value

    def _add(self, made: Fields, name: str, value: Any) -> None:
        if name in _OURS:
            self.left[name] += 1
        else:
            made[name] = value

    def _parsed(self, value: Any, name: str) -> Any:
        if not isinstance(value, str) or not value.strip():
            return value
        try:
            return self._json.only_value(value.strip())
        except json_values.UnusableError as error:
            raise UnusableError(f"has a list in “{name}” that {error}") from error
        except ValueError as error:
            raise UnusableError(f"has no list in JSON in “{name}”, where its conversation should be.") from error

    def _unquoted(self, fields: Fields) -> Fields:
        found = {
            name: text
            for name, value in fields.items()
            if type(value) is str and "'" in value and (text := unguarded(value)) != value
        }
        self.unquoted += len(found)
        return fields | found if found else fields


def check_mapping(mapping: ImportMapping) -> None:
    """Raises `UsageError` for a mapping that cannot be used."""
    if mapping.kind not in PARTS:
        raise UsageError(f"There are no records of the kind {mapping.kind!r}. The kinds are: {', '.join(PARTS)}.")
    parts = PARTS[mapping.kind]
    if unknown := [part for part in mapping.columns if part not in parts]:
        named = ", ".join(parts) or "none: every column is a field"
        raise UsageError(f"There is no part {unknown[0]!r}. The parts are: {named}.")
    needed = parts if mapping.kind == TASKS else ()
    if mapping.kind == DIALOGUES and "conversation" not in mapping.columns:
        needed = ("user",)
    if lacking := [part for part in needed if not mapping.columns.get(part)]:
        if mapping.kind == DIALOGUES:
            raise UsageError("Say which column holds the conversation, or which one holds what the user says.")
        raise UsageError(f"Say which column holds the {lacking[0].replace('_', ' ')}.")
    taken = Counter(column for column in mapping.columns.values())
    if twice := next((column for column, count in taken.items() if count > 1), None):
        raise UsageError(f"The column {twice!r} stands for two parts. Choose another for one of them.")


def _exchange(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "value": question}, {"role": "assistant", "value": answer}]

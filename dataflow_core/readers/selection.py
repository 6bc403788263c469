"""Which entries of a table become inputs: the column that holds the task, duplicates, what is skipped."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, SourceLine
from dataflow_core.readers.table import TASK_NAMES, Entry, Table, visible

_LOOKED_AT = 500
_ID = re.compile(r"[A-Za-z0-9_\-:.{}/+=#@%]*")


@dataclass(frozen=True, slots=True)
class Duplicates:
    """`exact` repeats an earlier entry in every column; `same_task`, as (line, first line), in the task alone."""

    exact: list[SourceLine]
    same_task: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What becomes inputs and what does not: together, every line of the table once."""

    entries: list[Entry]
    skipped: list[SourceLine]


def guess_task_column(table: Table) -> str:
    """The column that holds the tasks: by its name, else the one with the most text that differs between entries."""
    looked_at = table.entries[:_LOOKED_AT]
    by_name = {re.sub(r"[\s-]+", "_", column.strip()).casefold(): column for column in reversed(table.columns)}
    for name in TASK_NAMES:
        column = by_name.get(name)
        if column is not None and (not looked_at or any(not _is_blank(entry.fields, column) for entry in looked_at)):
            return column
    if not table.columns:
        raise UsageError(f"{table.name} has no columns, so none can hold the tasks.")
    return max(table.columns, key=lambda column: _text_in(looked_at, column))


def find_duplicates(table: Table, task_column: str) -> Duplicates:
    """Find entries that repeat an earlier one. Texts are compared as they are; 1, 1.0 and true differ."""
    _refuse_unknown(table, task_column)
    exact: list[SourceLine] = []
    same_task: list[tuple[int, int]] = []
    first_task: dict[str, Entry] = {}
    for entry, earlier in zip(table.entries, _earlier_equals(table), strict=True):
        if earlier is not None:
            exact.append(_repeated(entry, earlier, table, task_column))
        elif not _is_blank(entry.fields, task_column):
            first = first_task.setdefault(_key(entry.fields[task_column]), entry)
            if first is not entry:
                same_task.append((entry.line, first.line))
    return Duplicates(exact, same_task)


def select_inputs(
    table: Table, task_column: str, *, skip_blank: bool = True, skip_duplicates: bool = True
) -> Selection:
    """Choose what becomes inputs. A blank line or task that is not skipped is kept, and will fail where it shows."""
    _refuse_unknown(table, task_column)
    skipped = [line for line in table.problems if skip_blank or line.kind != "blank"]
    blank = [] if skip_blank else [line.line for line in table.problems if line.kind == "blank"]
    entries = [Entry(line, dict.fromkeys(table.columns, "")) for line in blank]
    for entry, earlier in zip(table.entries, _earlier_equals(table), strict=True):
        if skip_blank and _is_blank(entry.fields, task_column):
            reason = f"{table.unit.capitalize()} {entry.line} has nothing in “{task_column}”."
            skipped.append(SourceLine(entry.line, "blank", reason, _told(entry, task_column)))
        elif skip_duplicates and earlier is not None:
            skipped.append(_repeated(entry, earlier, table, task_column))
        else:
            entries.append(entry)
    entries.sort(key=lambda entry: entry.line)
    skipped.sort(key=lambda line: line.line)
    return Selection(entries, skipped)


def _earlier_equals(table: Table) -> list[Entry | None]:
    """For each entry the first one before it that is equal in every column."""
    first: dict[str, Entry] = {}
    found = (first.setdefault(_key(entry.fields), entry) for entry in table.entries)
    return [None if one is entry else one for one, entry in zip(found, table.entries, strict=True)]


def _repeated(entry: Entry, earlier: Entry, table: Table, column: str) -> SourceLine:
    return SourceLine(entry.line, "duplicate", f"Same as {table.unit} {earlier.line}.", _told(entry, column))


def _refuse_unknown(table: Table, column: str) -> None:
    if column not in table.columns:
        raise UsageError(f"{table.name} has no column “{column}”. Choose one of: {', '.join(table.columns)}.")


def _is_blank(fields: Fields, column: str) -> bool:
    value = fields.get(column)
    return value is None or (isinstance(value, str) and not value.strip())


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _told(entry: Entry, column: str) -> str:
    if not _is_blank(entry.fields, column):
        value = entry.fields[column]
        return visible(value if isinstance(value, str) else _key(value))[:500]
    return visible(_key(entry.fields))[:500]


def _text_in(entries: list[Entry], column: str) -> tuple[bool, float]:
    """How much text a column brings: ids, hashes and addresses, words without a space, count only among themselves."""
    texts = {value for entry in entries if isinstance(value := entry.fields.get(column), str)}
    is_text = any(not _ID.fullmatch(text) for text in texts)
    return is_text, sum(map(len, texts)) / max(1, len(entries))

"""What every reader returns, and the few rules about text and names that they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dataflow_core.errors import ReadError
from dataflow_core.models import Fields, SourceLine

#: The column of a source that has no columns: one task a line.
TASK_COLUMN = "atom_task"

#: Names under which a column of tasks is known, the likeliest first.
TASK_NAMES = (
    TASK_COLUMN,
    *("atomic_task", "task", "tasks", "instruction", "instructions", "prompt", "query", "question", "text", "input"),
    *("request", "user_prompt", "problem", "message", "content"),
)

# NUL cannot be stored in every database, and half a surrogate pair cannot be written as UTF-8.
_HARMFUL = re.compile("[\0\ud800-\udfff]")
_TEXT_KEPT = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a source. `line` is the line it starts in, from 1, or its number where a source has no lines."""

    line: int
    fields: Fields


@dataclass(frozen=True, slots=True)
class Table:
    """A source as it was read. Each of its lines is an entry or a problem; the header is neither.

    `name` is for showing only. An entry of a JSON source holds the columns that it has itself. In Parquet and in
    JSON lists, which have no lines of their own, what is called line is the entry's number.
    """

    columns: tuple[str, ...]
    entries: list[Entry]
    problems: list[SourceLine]
    format: str
    encoding: str
    delimiter: str | None
    name: str
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> int:
        return len(self.entries) + len(self.problems)

    @property
    def unit(self) -> str:
        """What to call a line of this source: "line" or "entry"."""
        return "entry" if self.format in ("JSON", "Parquet") else "line"


def is_harmful(text: str) -> bool:
    return _HARMFUL.search(text) is not None


def why_harmful(text: str) -> str:
    if "\0" in text:
        return "holds a NUL character, which is no text."
    return "holds bytes or halves of characters that are not valid text."


def visible(text: str) -> str:
    """`text` with what cannot be stored replaced by signs that can be seen."""
    return _HARMFUL.sub(lambda found: "␀" if found[0] == "\0" else "\N{REPLACEMENT CHARACTER}", text)


def unreadable(line: int, reason: str, text: str) -> SourceLine:
    return SourceLine(line, "unreadable", visible(reason), visible(text[:_TEXT_KEPT]))


def blank(line: int, text: str = "", *, unit: str = "Line") -> SourceLine:
    return SourceLine(line, "blank", f"{unit} {line} is blank.", visible(text[:_TEXT_KEPT]))


MOST_COLUMNS = 10_000


def column_names(cells: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Names for the columns headed by `cells`, each once and none empty, with notes on those that were changed."""
    if len(cells) > MOST_COLUMNS:
        raise ReadError(
            f"There are {len(cells):,} columns, where {MOST_COLUMNS:,} is the most. Leave out what is not needed."
        )
    names: dict[str, None] = {}
    taken = {visible(cell) for cell in cells}
    unnamed: list[str] = []
    repeated: list[str] = []
    for position, cell in enumerate(cells, 1):
        wanted = visible(cell) if cell.strip() else f"column_{position}"
        name = wanted
        if name in names or (not cell.strip() and name in taken):
            numbered = (f"{wanted} ({number})" for number in range(2, len(cells) + 3))
            name = next(one for one in numbered if one not in taken and one not in names)
        if not cell.strip():
            unnamed.append(name)
        elif name != wanted:
            repeated.append(name)
        names[name] = None
    notes = []
    if unnamed:
        notes.append(f"{_columns(len(unnamed))} had no name: now called {_listed(unnamed)}.")
    if repeated:
        notes.append(f"{_columns(len(repeated))} had the name of another: now called {_listed(repeated)}.")
    return tuple(names), notes


def looks_like_a_name(cell: str, *, words: int = 4) -> bool:
    """Whether `cell` could head a column, rather than being a value or a sentence."""
    if cell.strip().casefold() in TASK_NAMES:
        return True
    return (
        0 < len(cell) <= 40
        and cell == cell.strip()
        and len(cell.split()) <= words
        and cell[-1] not in ".?!:。？！："
        and not set(",;，；、\n") & set(cell)
        and any(character.isalpha() for character in cell)
    )


def refuse_if_nothing_was_read(name: str, entries: Iterable[Entry], problems: list[SourceLine]) -> None:
    """Raise for a source without a single readable entry, naming the first thing that stood in the way."""
    if any(True for _ in entries):
        return
    bad = [problem for problem in problems if problem.kind == "unreadable"]
    if not bad:
        raise ReadError(f"{name} is empty: it holds no entry to read. Choose a file with at least one.")
    raise ReadError(f"Nothing in {name} could be read. {bad[0].reason} Correct it there and try again.")


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"“{name}”" for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")

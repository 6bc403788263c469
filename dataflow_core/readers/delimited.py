"""CSV, TSV and their relatives, and plain lines of text. Every value stays the text that the file holds."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dataflow_core.errors import ReadError
from dataflow_core.models import SourceLine
from dataflow_core.readers.table import (
    TASK_COLUMN,
    TASK_NAMES,
    Entry,
    Table,
    blank,
    column_names,
    is_harmful,
    looks_like_a_name,
    refuse_if_nothing_was_read,
    unreadable,
    why_harmful,
)
from dataflow_core.readers.text import Decoded, physical_lines

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 65_536
_QUOTED = r'"(?:[^"]|"")*+"'
_QUOTED_HEADER = re.compile(rf"{_QUOTED}(?P<delimiter>[,;\t|]){_QUOTED}(?:(?P=delimiter){_QUOTED})*+(?=\r?\n|\Z)")


@dataclass(frozen=True, slots=True)
class _Found:
    """A delimiter, with the first line's cells under it and the share of lines that have as many."""

    delimiter: str
    header: tuple[str, ...]
    consistency: float
    records: int


def read_delimited(decoded: Decoded, name: str, *, preferred: str = ",") -> Table:
    """Read a file that says it is CSV or TSV. Its first line is the header, unless it is one column of sentences."""
    delimiter, skipped = delimiter_of(decoded.text, preferred=preferred)
    return _read(decoded, name, delimiter, first=skipped)


def delimiter_of(text: str, *, preferred: str = ",") -> tuple[str | None, int]:
    """The delimiter of a table that begins so, None where it has none, and how many lines come before the header."""
    declared, skipped = _declared_delimiter(text)
    return declared or _delimiter_of_quoted(text) or _trusted(_find_delimiter(text, preferred)), skipped


def read_if_table(decoded: Decoded, name: str) -> Table | None:
    """Read text that says nothing about itself as a table, if it looks like one beyond doubt; else None."""
    found = _find_delimiter(decoded.text, "\t")
    if found is None or found.records < 2 or found.consistency < 0.9:
        return None
    words = 6 if found.delimiter == "\t" else 3
    if all(looks_like_a_name(cell, words=words) for cell in found.header):
        return _read(decoded, name, found.delimiter)
    return _read(decoded, name, "\t", headed=False) if found.delimiter == "\t" else None


def read_plain_lines(decoded: Decoded, name: str) -> Table:
    """Read each line as a task, whatever it holds; a first line such as “task” names the column."""
    entries: list[Entry] = []
    problems: list[SourceLine] = []
    column, notes = TASK_COLUMN, list(decoded.notes)
    for number, line in enumerate(physical_lines(decoded.text), 1):
        text = line.rstrip("\r\n")
        if is_harmful(text):
            problems.append(unreadable(number, f"Line {number} {why_harmful(text)}", text))
        elif not text.strip():
            problems.append(blank(number))
        elif not entries and column == TASK_COLUMN and text.strip().casefold() in TASK_NAMES:
            column = text.strip()
            notes.append(f"The first line, “{column}”, was read as the column's name.")
        else:
            entries.append(Entry(number, {column: text}))
    refuse_if_nothing_was_read(name, entries, problems)
    return Table((column,), entries, problems, "Lines", decoded.encoding, None, name, tuple(notes))


def _find_delimiter(text: str, preferred: str) -> _Found | None:
    """The delimiter that splits the first line and then the most lines alike; None if none splits the first."""
    lines = physical_lines(text[:_SAMPLE])
    if len(text) > _SAMPLE and len(lines) > 1:
        lines.pop()
    _allow_fields_of(text)
    best: _Found | None = None
    best_rank: tuple[float, bool, bool, int] | None = None
    for delimiter in _DELIMITERS:
        read = csv.reader(lines, delimiter=delimiter)
        records = [record for record in read if len(record) > 1 or any(map(str.strip, record))][:200]
        width = len(records[0]) if records else 0
        if width < 2:
            continue
        alike = sum(len(record) == width for record in records[1:]) / max(1, len(records) - 1)
        is_tight = not any(cell.startswith(" ") for cell in records[0])
        rank = (round(alike, 2), is_tight, delimiter == preferred, width)
        if best_rank is None or rank > best_rank:
            best, best_rank = _Found(delimiter, tuple(records[0]), alike, len(records)), rank
    return best


def _declared_delimiter(text: str) -> tuple[str | None, int]:
    """What a first line such as `sep=;`, which Excel writes and obeys, declares; and how many lines that takes."""
    first = text[:10].split("\n", 1)[0].strip("\r\"'")
    return (first[4], 1) if first[:4] == "sep=" and first[4:] in _DELIMITERS else (None, 0)


def _delimiter_of_quoted(text: str) -> str | None:
    """What stands between the cells of a first line whose cells, two at the least, are all in quotes."""
    found = _QUOTED_HEADER.match(text)
    return found["delimiter"] if found else None


def _trusted(found: _Found | None) -> str | None:
    """One column of sentences has commas too: they are no delimiter where lines differ and nothing is a name."""
    if found is None:
        return None
    cells = [cell for cell in found.header if cell.strip()]
    if all(map(looks_like_a_name, cells)):
        return found.delimiter
    could_be_prose = any(cell.startswith(" ") for cell in cells) and not all(
        looks_like_a_name(c.strip()) for c in cells
    )
    return found.delimiter if found.consistency >= 0.5 and not could_be_prose else None


def _read(decoded: Decoded, name: str, delimiter: str | None, *, first: int = 0, headed: bool = True) -> Table:
    lines = physical_lines(decoded.text)
    _allow_fields_of(decoded.text)
    problems: list[SourceLine] = []
    while first < len(lines) and not lines[first].strip():
        problems.append(blank(first + 1))
        first += 1
    if first == len(lines):
        refuse_if_nothing_was_read(name, [], problems)
    columns, start, notes = _header(lines, first, delimiter, name, headed)
    entries: list[Entry] = []
    width, may_be_harmful = len(columns), is_harmful(decoded.text)
    for begin, end, fields in _records(lines, start, delimiter, width):
        line = begin + 1
        if isinstance(fields, str):
            problems.append(unreadable(line, fields, "".join(lines[begin:end]).rstrip("\r\n")))
        elif may_be_harmful and is_harmful("".join(fields)):
            raw = "".join(lines[begin:end]).rstrip("\r\n")
            problems.append(unreadable(line, f"Line {line} {why_harmful(raw)}", raw))
        elif not any(map(str.strip, fields)):
            problems.append(blank(line, lines[begin].rstrip("\r\n")))
        elif len(fields) != width:
            reason = f"{_place(begin, end)} {_count(len(fields))} where the header has {width}."
            problems.append(unreadable(line, reason, "".join(lines[begin:end]).rstrip("\r\n")))
        else:
            entries.append(Entry(line, dict(zip(columns, fields, strict=True))))
    if not entries and not problems:
        notes.append("The file has a header and nothing below it.")
    kind, all_notes = "TSV" if delimiter == "\t" else "CSV", (*decoded.notes, *notes)
    return Table(columns, entries, problems, kind, decoded.encoding, delimiter, name, all_notes)


def _header(
    lines: list[str], first: int, delimiter: str | None, name: str, headed: bool
) -> tuple[tuple[str, ...], int, list[str]]:
    """The columns, the index of the first line below the header, and what to tell about them."""
    _, end, cells = next(_records(lines, first, delimiter, 0))
    if isinstance(cells, str):
        raise ReadError(f"The header of {name} cannot be read. {cells} Correct it there and try again.")
    if delimiter is None and not looks_like_a_name(cells[0].strip()):
        return (TASK_COLUMN,), first, [f"The first line is no name, so the column is called “{TASK_COLUMN}”."]
    if not headed:
        columns = tuple(f"column_{number}" for number in range(1, len(cells) + 1))
        return columns, first, [f"The first line holds no names, so the columns are called column_1 to {columns[-1]}."]
    columns, notes = column_names(cells)
    if delimiter is None:
        notes.append(f"The first line, “{columns[0]}”, was read as the column's name.")
    return columns, end, notes


def _records(
    lines: list[str], position: int, delimiter: str | None, width: int
) -> Iterator[tuple[int, int, list[str] | str]]:
    """Yield each record's first line, the line after its last, and its fields, or why it has none.

    A quote that is never closed properly costs the line it is in: reading goes on with the next one. Right after
    it, a line with an odd number of quotes is taken for the end of the broken field, not for a record.
    """
    separator = delimiter or _absent_from(lines)
    is_after_error = has_wrapped = False
    while position < len(lines):
        rest = map(lines.__getitem__, range(position, len(lines)))
        reader = csv.reader(rest, delimiter=separator, strict=True)
        start, begin = position, position
        try:
            for fields in reader:
                end = start + reader.line_num
                has_wrapped = has_wrapped or end > begin + 1
                if is_after_error and "".join(lines[begin:end]).count('"') % 2:
                    yield begin, end, f"{_place(begin, end)} a quote without its partner."
                else:
                    is_after_error = is_after_error and len(fields) != width
                    yield begin, end, fields
                begin = end
            return
        except csv.Error as error:
            end = start + reader.line_num
            is_open = "unexpected end" in str(error)
        position = begin + 1
        if is_open and (has_wrapped or not _look_like_records(lines[position:], separator, width)):
            yield from _inside_open_quote(lines, begin)
            return
        if not is_open and end == position and delimiter in (None, "\t"):
            # Such files are often written without any quoting: a quote at the start of a field is then a letter.
            yield begin, position, lines[begin].rstrip("\r\n").split(separator)
            continue
        is_after_error = True
        yield begin, position, _broken_quote(begin, end, is_open)


def _broken_quote(begin: int, end: int, is_open: bool) -> str:
    if is_open:
        return f"A quote opened in line {begin + 1} is never closed; the lines after it were read on their own."
    if end == begin + 1:
        return f"Line {end} has text after a closing quote; a quote inside a quoted field must be doubled."
    return (
        f"A quote opened in line {begin + 1} has no proper end: line {end} has text after the next quote; "
        "the lines between were read on their own."
    )


def _inside_open_quote(lines: list[str], begin: int) -> Iterator[tuple[int, int, list[str] | str]]:
    yield begin, begin + 1, f"A quote opened in line {begin + 1} is never closed, so the rest of the file is unclear."
    for index in range(begin + 1, len(lines)):
        if lines[index].strip():
            yield index, index + 1, f"Line {index + 1} is inside the quote opened in line {begin + 1}, never closed."
        else:
            yield index, index + 1, []


def _look_like_records(lines: list[str], separator: str, width: int) -> bool:
    """Whether lines after an open quote are records of their own, and not the text of a field that was cut off."""
    filled = [line for line in lines if line.strip()]
    alike = sum(len(next(csv.reader([line], delimiter=separator))) == width for line in filled)
    return alike >= 0.9 * len(filled)


def _absent_from(lines: list[str]) -> str:
    """A separator for a file that has none. The csv module wants one."""
    used = set().union(*lines)
    return next(sign for sign in map(chr, range(0xF0000, 0xFFFFE)) if sign not in used)


def _allow_fields_of(text: str) -> None:
    # The module's own limit, 128 KB a field, is for the whole process; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))


def _place(begin: int, end: int) -> str:
    return f"Line {begin + 1} has" if end == begin + 1 else f"The entry in lines {begin + 1} to {end} has"


def _count(fields: int) -> str:
    return "1 field" if fields == 1 else f"{fields} fields"

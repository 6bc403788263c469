"""Which kind of file it is, told by its content, and its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dataflow_core.errors import ReadError
from dataflow_core.importers import json_entries
from dataflow_core.importers.entries import Entry
from dataflow_core.importers.json_entries import Window
from dataflow_core.importers.json_layout import Layout, layout_of
from dataflow_core.importers.json_reader import JsonReader
from dataflow_core.importers.opening import Opened, Text, opened, text_of, unpacked_file
from dataflow_core.importers.table_entries import CsvReader, ParquetReader
from dataflow_core.readers.columnar import is_parquet
from dataflow_core.readers.files import foreign_kind
from dataflow_core.readers.spreadsheet import is_workbook


@dataclass(slots=True)
class Source:
    """A file's entries, to be gone through once. `unit` is what an entry's number counts: "line" or "entry".

    `share` says how much of it has been read, 0 to 1. `nans` counts numbers in JSON that are none, read as null.
    """

    format: str  # "JSON Lines", "JSON", "CSV", "TSV", "Parquet"
    unit: str
    encoding: str
    columns: tuple[str, ...]  # of a table; () for JSON, whose entries have their own
    notes: tuple[str, ...]
    entries: Iterator[Entry]
    share: Callable[[], float]
    nans: Callable[[], int] = lambda: 0

    @property
    def why_empty(self) -> str:
        """What to say where no entry was found, nor anything wrong."""
        if self.format in ("CSV", "TSV"):
            return "It has a first line that names the columns, and no row below it."
        return "It holds no entry."


@contextmanager
def opened_source(path: Path, name: str) -> Iterator[Source]:
    """Raises `ReadError` for what is no file of entries."""
    with opened(path, name) as file, ExitStack() as stack:
        if is_parquet(file.beginning):
            yield _parquet(file, path, stack)
            return
        _refuse_foreign(file)
        text = text_of(file)
        stack.callback(text.stream.detach)  # what it reads from is closed by others
        layout = layout_of(text.beginning, is_whole=text.is_whole)
        yield _table(file, text) if layout is None else _json(file, text, layout)


def _parquet(file: Opened, path: Path, stack: ExitStack) -> Source:
    # What is packed once more is unpacked to the disk: a Parquet file is read from its end.
    whole = stack.enter_context(unpacked_file(file) if file.compression else path.open("rb"))
    table = ParquetReader(whole, file.name)
    total = max(1, table.total)
    return Source(
        *("Parquet", "entry", "binary", table.columns, table.notes, table.entries()),
        lambda: table.read / total,
        lambda: table.json.nans,
    )


def _table(file: Opened, text: Text) -> Source:
    table = CsvReader(text.stream, file.name)
    kind = "TSV" if table.delimiter == "\t" else "CSV"
    notes = (*text.notes, *table.notes)
    return Source(kind, "line", text.encoding, table.columns, notes, table.entries(), lambda: file.share)


def _json(file: Opened, text: Text, layout: Layout) -> Source:
    reader, notes = JsonReader(), text.notes
    if layout.how == "lines":
        entries = json_entries.lines(text.stream, reader)
    else:
        window = Window(text.stream, file.name)
        if window.sign() == "\ufeff":
            window.position += 1
            window.sign()
        if layout.how == "list":
            entries = json_entries.whole_list(window, reader)
        elif layout.how == "member":
            entries = json_entries.members(window, reader, layout.key)
            notes = (*notes, f"Read the list under “{layout.key}”. What is beside it is not kept.")
        else:
            entries = json_entries.one_after_another(window, reader)
    kind, unit = ("JSON", "entry") if layout.how in ("list", "member") else ("JSON Lines", "line")
    return Source(kind, unit, text.encoding, (), notes, entries, lambda: file.share, lambda: reader.nans)


def _refuse_foreign(file: Opened) -> None:
    kind = "an Excel workbook" if is_workbook(file.beginning) else foreign_kind(file.beginning)
    if kind:
        raise ReadError(
            f"{file.name} is {kind}. Choose a JSON Lines, JSON, Parquet or CSV file, as it is or packed as .gz or .zst."
        )

"""Everything that records hold, a column a field, and where they came from: for spreadsheets and for analysis.

Which columns there are, and what they hold, is known only after the last row, so rows are put aside in a temporary file
until then. However many there are, no more than a group of them is in memory.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from dataflow_core.exporters.base import Content, Exporter, FieldChoice, UnfitError
from dataflow_core.exporters.json_lines import is_whole
from dataflow_core.exporters.rules import is_json, texts_in
from dataflow_core.models import Fields

#: Begins the names of the columns that say where a record came from.
ABOUT = "dataflow_"
#: Those of them that hold times, as ISO 8601 in UTC.
TIMES = (f"{ABOUT}created_at", f"{ABOUT}updated_at")

_IN_MEMORY = 1 << 23
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False).encode


class TableExporter(Exporter):
    """Fields first, then provenance, whose columns begin with `ABOUT`; none of it where `content.about` is empty."""

    needs_provenance = True

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        fields = content.fields
        if content.about and (taken := next((name for name in fields if name.startswith(ABOUT)), None)):
            raise UnfitError(f"Its field “{taken}” is called like a column that says where a record came from.")
        for name, value in fields.items():
            if not isinstance(value, str) and not is_json(value):
                raise UnfitError(f"Its field “{name}” holds a number that is none, which JSON has no word for.")
            if not is_whole(name) or not all(map(is_whole, texts_in(value))):
                raise UnfitError(f"Its field {name!a} holds half of a character, which UTF-8 has no place for.")
        return fields | {ABOUT + name: value for name, value in content.about.items()} if content.about else fields

    def texts(self, row: Fields) -> list[str]:
        return [text for name, value in row.items() if not name.startswith(ABOUT) for text in texts_in(value)]


class PutAside:
    """Rows in a temporary file, to be read once, when all of them are there. Its file never has a name."""

    def __init__(self, folder: str | None) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=folder)  # noqa: SIM115 - `close` does
        self._columns: dict[str, None] = {}

    def add(self, row: Fields) -> None:
        if row.keys() - self._columns.keys():
            self._columns.update(dict.fromkeys(row))
        self._file.write(_encode(row).encode("ascii") + b"\n")

    @property
    def columns(self) -> list[str]:
        """In the order in which they came, those of provenance last."""
        return sorted(self._columns, key=lambda name: name.startswith(ABOUT))

    def rows(self) -> Iterator[Fields]:
        self._file.seek(0)
        for line in self._file:
            yield json.loads(line)

    def close(self) -> None:
        self._file.close()


class TableWriter:
    """Takes rows one by one, and writes them all when it is closed. It leaves the file open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._aside = PutAside(_folder_of(stream))

    def write(self, row: Fields) -> None:
        self._aside.add(row)

    def close(self) -> None:
        try:
            self.put(self._aside.columns, self._aside.rows(), self._stream)
        finally:
            self._aside.close()

    def put(self, columns: list[str], rows: Iterator[Fields], stream: BinaryIO) -> None:
        raise NotImplementedError


def _folder_of(stream: BinaryIO) -> str | None:
    """Where the file is, so that what is put aside is on a disk with room for it; None where that is not known."""
    name = getattr(stream, "name", None)
    return str(Path(name).parent) if isinstance(name, str) and Path(name).is_file() else None


def as_json(value: Any) -> str:
    """A value that is no text as one: JSON, nothing escaped that need not be."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)

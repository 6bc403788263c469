"""The files of an export while they are written: one a generator and split, and one of what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataflow_core.exporters.base import Exporter, RowWriter
from dataflow_core.exporters.json_lines import LineWriter
from dataflow_core.exporting.files import WrittenFile
from dataflow_core.exporting.judging import Judged
from dataflow_core.exporting.leftovers import remove
from dataflow_core.exporting.names import names_of, suffix_of
from dataflow_core.exporting.plan import Compression, ExportFile
from dataflow_core.generators import GENERATORS
from dataflow_core.models import Fields

LEFT_OUT = "left_out"


@dataclass(slots=True)
class _Open:
    file: WrittenFile
    writer: RowWriter
    records: int = 0


class Output:
    """Writes to `folder`, under names that begin with `beginning` and end with `end` until `finish`."""

    def __init__(
        self, folder: Path, exporter: Exporter, compression: Compression, *, beginning: str = "", end: str = ""
    ) -> None:
        self._folder = folder
        self._exporter = exporter
        self._compression = compression
        self._suffix = suffix_of(exporter.suffix, compression)
        self._left_suffix = suffix_of(".jsonl", compression)
        self._beginning = beginning
        self._end = end
        self._open: dict[tuple[str, str], _Open] = {}
        self._left: _Open | None = None

    def write(self, generator: str, split: str, rows: Iterable[Fields]) -> None:
        opened = self._open.get((generator, split))
        if opened is None:
            file = self._file(f"{len(self._open)}", self._compression)
            opened = self._open[generator, split] = _Open(file, self._exporter.writer(file.stream))
        write, count = opened.writer.write, 0
        for row in rows:
            write(row)
            count += 1
        opened.records += count

    def leave_out(self, judged: Iterable[Judged]) -> None:
        """Note these records, with the reasons, in the file beside."""
        if self._left is None:
            file = self._file(LEFT_OUT, self._compression)
            self._left = _Open(file, LineWriter(file.stream))
        for one in judged:
            self._left.writer.write(_with_reasons(one))
            self._left.records += 1

    def finish(
        self, stem: str, splits: Sequence[str], *, label_all: bool, suffix: str = ""
    ) -> list[tuple[Path, ExportFile]]:
        """Close the files; returns where each is, and what it is once it is renamed to its `path`.

        Generator and split are in a name where there are several, or with `label_all`. `suffix` is another one than the
        format's own.
        """
        made: list[tuple[Path, ExportFile]] = []
        used = {generator for generator, _ in self._open}
        names = names_of([one for one in GENERATORS if one in used] + sorted(used - GENERATORS.keys()))
        for generator, name in names.items():
            for split in splits:
                if (opened := self._open.get((generator, split))) is not None:
                    parts = [
                        stem,
                        name if label_all or len(names) > 1 else "",
                        split if label_all or len(splits) > 1 else "",
                    ]
                    target = "_".join(filter(None, parts)) + (suffix or self._suffix)
                    made.append(self._finished(opened, target, "data", generator, split))
        if self._left is not None:
            made.append(self._finished(self._left, self.left_out_path(stem).name, "left out"))
        return made

    def left_out_path(self, stem: str) -> Path:
        """Where records that are left out stand with their reasons, where there are any."""
        return self._folder / f"{stem}_{LEFT_OUT}{self._left_suffix}"

    def close(self) -> None:
        """Let go of all files, and remove those that nobody has renamed."""
        for opened in [*self._open.values(), *([self._left] if self._left else [])]:
            opened.file.close()
            remove(opened.file.path)

    def _file(self, name: str, compression: Compression) -> WrittenFile:
        return WrittenFile(self._folder / f"{self._beginning}{name}{self._end}", compression)

    def _finished(
        self, opened: _Open, name: str, kind: str, generator: str = "", split: str = ""
    ) -> tuple[Path, ExportFile]:
        opened.writer.close()
        file = opened.file
        file.finish()
        path = self._folder / name
        return file.path, ExportFile(path, kind, generator, split, opened.records, file.bytes, file.sha256)


def _with_reasons(one: Judged) -> Fields:
    return {
        "record": one.content.id,
        "number": one.content.number,
        "generator": one.content.generator,
        "reasons": [
            {"rule": problem.rule, "severity": problem.severity.value, "message": problem.message}
            for problem in one.problems
        ],
        "fields": one.content.fields,
    }

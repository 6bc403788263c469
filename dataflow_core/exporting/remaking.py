"""An export made again from its manifest: the same records at the same revisions, and whether that gives the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path

from dataflow_core.errors import UsageError
from dataflow_core.exporters import exporter_named
from dataflow_core.exporters.base import Content, FieldChoice, UnfitError
from dataflow_core.exporting.along import Along
from dataflow_core.exporting.comparison import MOST_NAMED, Difference
from dataflow_core.exporting.manifest import RECORDS, ManifestFile, Placed, StoredExport
from dataflow_core.exporting.output import Output
from dataflow_core.exporting.passes import split_names
from dataflow_core.exporting.plan import ExportFile, Preflight, Stage, Told, WrittenExport
from dataflow_core.exporting.reading import Reader
from dataflow_core.models import Fields
from dataflow_core.storage.contents import Snapshot, StoredContent
from dataflow_core.storage.exported import at_revisions

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Remade:
    """`identical` and `differing` name the data files that are the same byte for byte as then, and that are not;
    `missing` those of then that no record is there for.

    `gone` are records that this workspace does not have, or not at that revision, `unfit` those that this version of
    the program cannot show in the format; they are in no file. `changed` have been revised since: what is in the files
    is what they said then.
    """

    export: WrittenExport
    identical: tuple[str, ...]
    differing: tuple[str, ...]
    missing: tuple[str, ...]
    gone: Difference
    unfit: Difference
    changed: Difference

    @property
    def is_same(self) -> bool:
        return not self.differing and not self.missing


@dataclass(slots=True)
class _Noted:
    count: int = 0
    ids: list[str] = field(default_factory=list)

    def add(self, record_id: str) -> None:
        self.count += 1
        if len(self.ids) < MOST_NAMED:
            self.ids.append(record_id)

    def difference(self) -> Difference:
        return Difference(self.count, tuple(self.ids))


class Remaking:
    """Writes the records of a stored export to an output."""

    def __init__(self, stored: StoredExport, state: Snapshot, along: Along | None, progress: Told | None) -> None:
        self._stored = stored
        self._plan = stored.manifest.plan
        self._exporter = exporter_named(self._plan.format, has_mark=self._plan.has_mark)
        self._state = state
        self._reader = Reader(state, self._plan, ())
        self._along = along
        self._progress = progress
        self._done = 0
        self.gone, self.unfit, self.changed = _Noted(), _Noted(), _Noted()

    def write(self, folder: Path, name: str) -> list[ExportFile]:
        """Write the data files into the folder."""
        if self._along is not None:
            self._along.sees(self._state)
        files = {file.name: file for file in self._stored.manifest.data}
        output = Output(folder, self._exporter, self._plan.compression)
        with closing(output):
            for file_name, placed in groupby(self._stored.records(), key=lambda one: one.file):
                file = files.get(file_name)
                if file is None:
                    raise UsageError(
                        f"{RECORDS} of {self._stored.path} names a file {file_name[:200]!r} that the manifest does "
                        "not: one of the two was changed, or is of another export. Nothing can be made again from them."
                    )
                for chunk in _in_chunks(placed):
                    self._write_chunk(output, file, chunk)
            made = output.finish(name, self._splits(), label_all=True)
            for partial, written in made:
                partial.rename(written.path)
        return [written for _, written in made]

    def _splits(self) -> tuple[str, ...]:
        """Those of the plan; and what stands in the manifest, for a single one had no name once."""
        named = (file.split for file in self._stored.manifest.data)
        return tuple(dict.fromkeys((*split_names(self._plan.splits), *named)))

    def preflight(self) -> Preflight:
        """What was found then; the look at records that were left out is not repeated."""
        manifest = self._stored.manifest
        return Preflight(manifest.found, {}, (), dict(manifest.by_rule), left_out=manifest.left_out)

    def result(self, export: WrittenExport) -> Remade:
        before = {_place(file): file.sha256 for file in self._stored.manifest.data}
        now = {_place(file): file for file in export.files if file.kind == "data"}
        same = [file.path.name for place, file in now.items() if before.get(place) == file.sha256]
        other = [file.path.name for file in now.values() if file.path.name not in same]
        missing = [file.name for file in self._stored.manifest.data if _place(file) not in now]
        noted = (self.gone, self.unfit, self.changed)
        return Remade(export, tuple(same), tuple(other), tuple(missing), *(one.difference() for one in noted))

    def _write_chunk(self, output: Output, file: ManifestFile, chunk: list[Placed]) -> None:
        taken: list[Content] = []
        rows: list[Fields] = []
        for content in self._contents(chunk):
            choice = self._plan.fields.get(content.generator, FieldChoice())
            try:
                rows.append(self._exporter.row(content, choice))
            except UnfitError:
                self.unfit.add(content.id)
            else:
                taken.append(content)
        if rows:
            output.write(file.generator, file.split, rows)
            if self._along is not None:
                self._along.took(file.generator, file.split, taken)
        self._done += len(chunk)
        if self._progress is not None:
            self._progress(Stage("writing", self._done, self._stored.manifest.records))

    def _contents(self, chunk: list[Placed]) -> list[Content]:
        with self._state.read() as connection:
            found = at_revisions(connection, [(one.id, one.revision) for one in chunk])
        there: list[StoredContent] = []
        for one in chunk:
            if (one.id, one.revision) not in found:
                self.gone.add(one.id)
                continue
            stored, present = found[one.id, one.revision]
            there.append(stored)
            if present != one.revision:
                self.changed.add(one.id)
        return self._reader.contents(there)


def _place(file: ManifestFile | ExportFile) -> tuple[str, str]:
    return file.generator, file.split


def _in_chunks(placed: Iterator[Placed]) -> Iterator[list[Placed]]:
    while chunk := list(islice(placed, _CHUNK)):
        yield chunk

"""Exports of a workspace: what a target would make of its records, some rows to look at, and the files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from dataflow_core.errors import UsageError
from dataflow_core.exporters import exporter_named
from dataflow_core.exporters.json_lines import line_of
from dataflow_core.exporting.along import Along
from dataflow_core.exporting.files import (
    check_replaceable,
    clear_errors,
    new_folder,
    new_lines,
    sync_folder,
)
from dataflow_core.exporting.judging import Judge
from dataflow_core.exporting.leftovers import clean_up, partial_end
from dataflow_core.exporting.names import check_name, default_name, label, suffix_of
from dataflow_core.exporting.output import Output
from dataflow_core.exporting.passes import Passes, split_names
from dataflow_core.exporting.placing import Beside, Written
from dataflow_core.exporting.plan import Concern, ExportFile, ExportPlan, Preflight, Told, WrittenExport
from dataflow_core.exporting.reading import Reader, reading, whole
from dataflow_core.models import SKELETON, Fields
from dataflow_core.storage.queries import Query
from dataflow_core.storage.records import RecordStore

#: In a workspace, which files were written for what was asked for.
_WRITTEN = "written.json"
#: Records looked at for rows of one generator to be shown.
_PREVIEWED = 2_000


class Exports:
    """`name` and `folder` are the workspace's; without a folder it is not remembered which files were written."""

    def __init__(self, records: RecordStore, name: str, folder: Path | None = None) -> None:
        self._records = records
        self._name = name
        self._written = Written(folder / _WRITTEN if folder else None)

    def preflight(self, plan: ExportPlan, progress: Told | None = None) -> Preflight:
        """Look at every record that the plan's query finds, without writing anything.

        Raises `UsageError` for a plan that cannot be carried out.
        """
        with reading(self._records.database, plan) as reader:
            return Passes(plan, reader, progress).look()

    def write_problems(
        self, plan: ExportPlan, path: Path, progress: Told | None = None, *, rules: Collection[str] = ()
    ) -> Preflight:
        """Look, and write every concern to `path`, a JSON object a line: all, or those of these `rules`.

        However many there are, none is held in memory. The file is there whole or not at all. Raises `UsageError` for
        a plan that cannot be carried out and where the file cannot be written, and `DiskFullError`.
        """
        with reading(self._records.database, plan) as reader, new_lines(path) as write:

            def note(concern: Concern) -> None:
                if not rules or concern.rule in rules:
                    write(line_of(_listed(concern)))

            return Passes(plan, reader, progress, note).look()

    def preview(self, plan: ExportPlan, number: int = 3) -> dict[str, list[Fields]]:
        """The first rows of each generator's file, as objects; of its first 2,000 records, where few can be used.

        Raises `UsageError` for a plan that cannot be carried out.
        """
        rows: dict[str, list[Fields]] = {}
        judge = Judge(plan)
        for generator in self._records.count_by_generator(plan.query):
            numbers = self._records.numbers(replace(plan.query, generators=(generator,)))[:_PREVIEWED]
            with reading(self._records.database, plan, numbers) as reader:
                rows[generator] = _first_rows(reader, judge, number)
        return rows

    def write(
        self,
        plan: ExportPlan,
        folder: Path,
        name: str = "",
        progress: Told | None = None,
        along: Along | None = None,
    ) -> WrittenExport:
        """Write the export as a new folder `name` within `folder`, which is made where it is not there.

        Its files are NAME_tasks_train.jsonl and the like. `name` is the workspace's with the time where none is given.
        The folder is there with all its files or not at all. Raises `UsageError` where no record can be exported, and
        where there is something of that name already, and `DiskFullError`.
        """
        name = check_name(name or default_name(self._name, datetime.now()))
        with new_folder(folder, name) as partial:
            preflight, files = self._write_into(partial, plan, name, progress, along)
        target = folder / name
        moved = tuple(replace(file, path=target / file.path.name) for file in files)
        return WrittenExport(name, target, moved, plan, preflight.left_out, preflight=preflight)

    def write_file(self, plan: ExportPlan, path: Path, progress: Told | None = None) -> WrittenExport:
        """Write the records to `path`; those of several generators, or splits, to files beside it, called so.

        What is left out stands in STEM_left_out.jsonl beside. Files that are there are replaced, once all new ones are
        whole: all of them, or where that fails none. What an earlier export from this workspace to the same path has
        left that is no part of this one is removed, unless it was changed since; with splits, a file of a name like
        theirs that is not known to be such is an error. Raises `UsageError` for that and where no record can be
        exported, and `DiskFullError`.
        """
        with clear_errors(path):
            if not path.parent.is_dir():
                raise UsageError(f"The folder {path.parent} does not exist.")
            path = path.resolve() if path.is_symlink() else path  # the link stays, what it points to is replaced
            check_replaceable(path)
        stem, suffix = _parted(path, suffix_of(exporter_named(plan.format).suffix, plan.compression))
        splits = split_names(plan.splits)
        beside = Beside(path, stem, suffix, splits, self._written)
        with clear_errors(path), reading(self._records.database, plan) as reader:
            clean_up(path.parent)
            beside.check_others()
            exporter, beginning = exporter_named(plan.format, has_mark=plan.has_mark), f".{path.name}."
            output = Output(path.parent, exporter, plan.compression, beginning=beginning, end=partial_end())
            with closing(output):
                preflight = Passes(plan, reader, progress).write(output)
                self._check_any(plan, preflight)
                made = output.finish(stem, splits, label_all=False, suffix=suffix)
                removed = beside.place([(partial, file.path) for partial, file in made], output.left_out_path(stem))
                sync_folder(path.parent)
        files = tuple(file for _, file in made)
        left_out = preflight.left_out
        return WrittenExport(stem, path.parent, files, plan, left_out, preflight=preflight, removed=tuple(removed))

    def _write_into(
        self, folder: Path, plan: ExportPlan, name: str, progress: Told | None, along: Along | None
    ) -> tuple[Preflight, list[ExportFile]]:
        with reading(self._records.database, plan) as reader:
            if along is not None:
                along.sees(reader.state)
            output = Output(folder, exporter_named(plan.format, has_mark=plan.has_mark), plan.compression)
            with closing(output):
                preflight = Passes(plan, reader, progress).write(output, along)
                self._check_any(plan, preflight)
                made = output.finish(name, split_names(plan.splits), label_all=True)
                for partial, file in made:
                    partial.rename(file.path)
            files = [file for _, file in made]
            return preflight, [*files, *(along.files(folder, name, plan, preflight, files) if along else ())]

    def _check_any(self, plan: ExportPlan, preflight: Preflight) -> None:
        """Raise `UsageError` where there is nothing to write."""
        if preflight.total:
            return
        if not preflight.found:
            waiting = left_out(self._records, plan.query)
            raise UsageError(f"No record matches, so there is nothing to export.{f' {waiting}' if waiting else ''}")
        first = preflight.concerns[0]
        if preflight.found == 1:
            raise UsageError(f"The one record found cannot be exported as {plan.format}: {first.message}")
        raise UsageError(
            f"None of the {preflight.found:,} records found can be exported as {plan.format}, so nothing is written. "
            f"The first one: {first.message}"
        )


def exported_lines(
    records: RecordStore, query: Query, generator: str, *, format_name: str = "dataflow"
) -> Iterator[str]:
    """One line a whole record of that generator, in the query's order, without line ends. Reads as it goes.

    Raises `UnfitError` at a record that the format has no shape for.
    """
    plan = ExportPlan(replace(whole(query), generators=(generator,)), format_name)
    with reading(records.database, plan) as reader:
        judge = Judge(plan)
        for chunk in reader.chunks():
            yield from map(line_of, judge.rows(chunk))


def write_export(records: RecordStore, query: Query, path: Path, *, format_name: str = "dataflow") -> list[ExportFile]:
    """Write the records to `path`, or where several generators have some to `path` with a label added to its stem.

    Files are there whole or not at all. Records that readers of the format would drop are left out, and stand in
    a file beside with the reasons, which is told of, too. Raises `UsageError` when no record can be written.
    """
    return list(Exports(records, path.stem).write_file(ExportPlan(whole(query), format_name), path).files)


def left_out(records: RecordStore, query: Query) -> str:
    """Say which records of the query an export leaves out; "" where it leaves none."""
    number = records.count(replace(query, stages=(SKELETON,)))
    if not number:
        return ""
    verb = "dialogue has" if number == 1 else "dialogues have"
    return f"{number:,} {verb} no answers yet, and {'is' if number == 1 else 'are'} left out."


def _listed(concern: Concern) -> Fields:
    return {
        "record": concern.record,
        "number": concern.number,
        "kind": label(concern.generator),
        "rule": concern.rule,
        "severity": concern.severity.value,
        "message": concern.message,
    }


def _first_rows(reader: Reader, judge: Judge, number: int) -> list[Fields]:
    rows: list[Fields] = []
    for chunk in reader.chunks():
        rows += [one.row for one in judge.judge(chunk) if one.row is not None]
        if len(rows) >= number:
            break
    return rows[:number]


def _parted(path: Path, suffix: str) -> tuple[str, str]:
    """The stem of the path and what follows it: the format's own suffix, or whatever stands there instead."""
    bare = "".join(Path(f"x{suffix}").suffixes[:1])
    for one in (suffix, bare):  # the compression's suffix is added where it is not named
        if path.name.endswith(one) and path.name != one:
            return path.name.removesuffix(one), suffix
    return path.stem, path.suffix or suffix

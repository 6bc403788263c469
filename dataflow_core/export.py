"""Writing the records that a query finds as files, one a generator."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dataflow_core.errors import UsageError
from dataflow_core.exporters import exporter_named
from dataflow_core.exporters.base import Content, FieldChoice
from dataflow_core.exporters.json_lines import line_of
from dataflow_core.generators import GENERATORS
from dataflow_core.models import SKELETON, Stage
from dataflow_core.storage.queries import Query
from dataflow_core.storage.records import RecordStore
from dataflow_core.storage.runs import RunStore

DEFAULT_FORMAT = "dataflow"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    path: Path
    generator: str
    records: int


def exported_lines(
    records: RecordStore, query: Query, generator: str, *, format_name: str = DEFAULT_FORMAT
) -> Iterator[str]:
    """One line a whole record of that generator, in the query's order, without line ends. Reads as it goes."""
    exporter = exporter_named(format_name)
    for record in records.stream(replace(whole(query), generators=(generator,))):
        content = Content(record.number, record.id, record.generator, record.fields, {})
        yield line_of(exporter.row(content, FieldChoice()))


def write_export(
    records: RecordStore, query: Query, path: Path, *, format_name: str = DEFAULT_FORMAT
) -> list[ExportedFile]:
    """Write the records to `path`, or where several generators have some to `path` with a label added to its stem.

    A file is there whole or not at all. Raises `UsageError` when no record matches.
    """
    counts = records.count_by_generator(whole(query))
    if not counts:
        waiting = left_out(records, query)
        raise UsageError(f"No record matches, so there is nothing to export.{f' {waiting}' if waiting else ''}")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist.")
    written = []
    for generator in counts:
        target = path if len(counts) == 1 else path.with_name(f"{path.stem}_{label(generator)}{path.suffix}")
        lines = exported_lines(records, query, generator, format_name=format_name)
        written.append(ExportedFile(target, generator, write_lines(target, lines)))
    return written


def whole(query: Query) -> Query:
    """The query for the records that are made to their end: a dialogue without answers is nothing to train on."""
    return replace(query, stages=("",))


def left_out(records: RecordStore, query: Query) -> str:
    """Say which records of the query an export leaves out; "" where it leaves none."""
    number = records.count(replace(query, stages=(SKELETON,)))
    if not number:
        return ""
    verb = "dialogue has" if number == 1 else "dialogues have"
    return f"{number:,} {verb} no answers yet, and {'is' if number == 1 else 'are'} left out."


def write_failures(runs: RunStore, run_id: str, path: Path) -> int:
    """Write the run's failures and the lines that could not be read, one JSON object a line; returns how many.

    Where there are none no file is written, and one from before is removed.
    """
    unreadable = [line for line in runs.source_lines(run_id, limit=None) if line.kind == "unreadable"]
    lines = [
        {"line": line.line, "input": line.text, "stage": Stage.INPUT, "reason": line.reason, "raw_text": ""}
        for line in unreadable
    ]
    lines += [
        {"input": failure.fields, "stage": failure.stage, "reason": failure.reason, "raw_text": failure.raw_text}
        for failure in runs.failures(run_id, limit=None)
    ]
    if lines:
        return write_lines(path, (json.dumps(line, ensure_ascii=False) for line in lines))
    path.unlink(missing_ok=True)
    return 0


def label(generator: str) -> str:
    """What a person calls the generator's records: "tasks", "dialogues"."""
    return GENERATORS[generator].label if generator in GENERATORS else generator.lower()


def write_lines(target: Path, lines: Iterable[str]) -> int:
    """Write the lines to a temporary file, then rename it; returns how many there are.

    Raises `UsageError` where that place cannot be written to.
    """
    if target.exists() and not target.is_file():
        raise UsageError(f"{target} is no ordinary file, and cannot be replaced by one. Choose another name.")
    try:
        return _write_whole(target.resolve(), lines)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from error


def _write_whole(target: Path, lines: Iterable[str]) -> int:
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    count = 0
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return count

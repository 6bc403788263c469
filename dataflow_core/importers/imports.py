"""Imports: what a file holds, whether all of it can be used, and its records stored for review."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from dataflow_core.errors import ReadError
from dataflow_core.exporting.files import write_lines
from dataflow_core.generators.para_seq import task_keys
from dataflow_core.importers.base import Checked, ImportMapping, ImportProgress, Recognised
from dataflow_core.importers.making import TASKS, Maker
from dataflow_core.importers.reading import Pass
from dataflow_core.importers.recognising import recognise, with_mapping
from dataflow_core.importers.sources import Source, opened_source
from dataflow_core.models import Fields, Run, SourceLine
from dataflow_core.reviewing import rechecking
from dataflow_core.storage.database import Database
from dataflow_core.storage.importing import ImportWriter
from dataflow_core.storage.runs import RunStore

#: Problems that are told with a check.
MOST_SHOWN = 100
#: Characters of a problem's text that are shown.
_TEXT_SHOWN = 500
#: With more records, indexing them is left to a process of its own.
_INDEXED_AT_ONCE = 500


class Imports:
    """The imports of a workspace. `index` has the records that were stored indexed and checked in the background."""

    def __init__(self, database: Database, runs: RunStore, index: Callable[[], None]) -> None:
        self._database = database
        self._runs = runs
        self.index = index

    def recognise(self, path: Path, name: str) -> Recognised:
        """Tell by its first entries what the file holds. `name` is what it is called. Raises `ReadError`."""
        return recognise(path, name)

    def preview(self, recognised: Recognised, mapping: ImportMapping) -> Recognised:
        """What becomes of the same entries by another mapping. Raises `UsageError` for one that cannot be used."""
        return with_mapping(recognised, mapping)

    def check(self, path: Path, name: str, mapping: ImportMapping, progress: ImportProgress | None = None) -> Checked:
        """Read the whole file, and store nothing.

        Raises `ReadError` where it cannot be read to its end, and `UsageError` for a mapping that cannot be used.
        """
        first: list[SourceLine] = []
        maker = Maker(mapping)
        with opened_source(path, name) as source:
            going = Pass(source, maker, progress)
            for problem in going.problems_only():
                if len(first) < MOST_SHOWN:
                    first.append(_shown(problem))
            notes, noticed = going.notes(), going.noticed
        counts = noticed.unanswered, noticed.doubled, noticed.not_pairs
        return Checked(going.records, going.bad, tuple(first), going.blank, notes, *counts)

    def problems(self, path: Path, name: str, mapping: ImportMapping) -> Iterator[SourceLine]:
        """The lines that cannot be used, each with its reason and its whole text, as the file is read.

        Raises what `check` does.
        """
        maker = Maker(mapping)
        with opened_source(path, name) as source:
            yield from Pass(source, maker, None).problems_only()

    def write_problems(self, path: Path, name: str, mapping: ImportMapping, out: Path) -> int:
        """Write the lines that cannot be used to a file, with reasons, and return how many there are.

        Raises what `check` does, and `UsageError` where `out` cannot be written.
        """
        encode = json.JSONEncoder(ensure_ascii=False).encode
        found = self.problems(path, name, mapping)
        return write_lines(out, (encode({"line": one.line, "reason": one.reason, "text": one.text}) for one in found))

    def store(
        self,
        path: Path,
        name: str,
        mapping: ImportMapping,
        *,
        skip_bad: bool = False,
        author: str = "",
        progress: ImportProgress | None = None,
    ) -> Run:
        """Store the file's records for review, all of them or none. Returns the run that they are of.

        With `skip_bad` lines that cannot be used are left out, and noted with the run. Raises `ReadError` where a line
        cannot be used otherwise, or none can, and what `check` raises.
        """
        maker = Maker(mapping)
        with ExitStack() as opened:
            source = opened.enter_context(opened_source(path, name))
            connection = opened.enter_context(self._database.write_many())
            going = Pass(source, maker, progress)
            writer = opened.enter_context(
                ImportWriter(connection, name=name, generator=mapping.kind, params=_params_of(mapping), author=author)
            )
            for _ in writer.add(going.made(None if skip_bad else _refuse(name))):
                writer.add_problems(going.take_problems())
            writer.add_problems(going.take_problems())
            if not writer.stored:
                raise ReadError(f"Nothing in {name} can be imported. {going.first_reason or source.why_empty}")
            writer.end(_source_of(name, source, going, mapping))
        if self.unindexed() <= _INDEXED_AT_ONCE:  # with what earlier imports have left
            rechecking.recheck(self._database)
        else:
            self.index()
        return self._runs.get(writer.run_id)

    def unindexed(self) -> int:
        """How many records are still to be indexed for search, or to be looked at by the checks."""
        return rechecking.left(self._database)


def _refuse(name: str) -> Callable[[SourceLine], None]:
    def refuse(problem: SourceLine) -> None:
        raise ReadError(
            f"Nothing of {name} was imported. {problem.reason} Correct it there, or leave out the lines that cannot be "
            "used."
        )

    return refuse


def _params_of(mapping: ImportMapping) -> Fields:
    """What tells the fields of the records apart, as the params of a run do."""
    if mapping.kind != TASKS:
        return {}
    task, *outputs = task_keys({})
    keys = {"input_task_key": mapping.columns[task]}
    return keys | {f"output_{part}_key": mapping.columns[part] for part in outputs}


def _source_of(name: str, source: Source, going: Pass, mapping: ImportMapping) -> Fields:
    about: Fields = {"name": name, "format": source.format, "encoding": source.encoding}
    about |= {"lines": going.records + going.bad + going.blank, "skipped": going.bad}
    return about | {"blank": going.blank, "unreadable": going.bad, "notes": list(going.notes())}


def _shown(problem: SourceLine) -> SourceLine:
    return SourceLine(problem.line, problem.kind, problem.reason, problem.text[:_TEXT_SHOWN])

"""Going through a file once: records, lines that cannot become one, and how far it has got."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

from dataflow_core.importers.base import ImportProgress, ReadSoFar
from dataflow_core.importers.making import Maker
from dataflow_core.importers.noticing import Noticing
from dataflow_core.importers.sources import Source
from dataflow_core.importers.turns import UnusableError
from dataflow_core.models import Fields, SourceLine
from dataflow_core.readers.table import visible

#: Seconds between two words on how far it has got, and entries between two looks at the clock.
_EVERY, _LOOK = 0.25, 200


class Pass:
    """One way through a source. Counts hold once what it gives is used up."""

    def __init__(self, source: Source, maker: Maker, progress: ImportProgress | None) -> None:
        self._source, self._maker, self._progress = source, maker, progress
        self._problems: list[SourceLine] = []
        self._unit = source.unit.capitalize()
        self.noticed = Noticing(maker.mapping.kind)
        self.records = self.bad = self.blank = 0
        self.first_reason = ""

    def made(self, refuse: Callable[[SourceLine], None] | None) -> Iterator[tuple[Fields, str]]:
        """The fields of each record, with their JSON where it is at hand, else "".

        Problems are handed to `refuse`, which raises, or are kept until `take_problems`.
        """
        make, as_it_stands = self._maker.make, self._maker.is_as_it_stands
        notice = self.noticed.see
        told, looked = time.monotonic(), 0
        for line, value, raw in self._source.entries:
            looked += 1
            if looked >= _LOOK:
                looked = 0
                if self._progress and time.monotonic() - told > _EVERY:
                    told = time.monotonic()
                    self._tell()
            if value is None:
                self.blank += 1
                continue
            reason = value
            if type(value) is dict:
                try:
                    fields = make(value)
                except UnusableError as error:
                    reason = f"{self._unit} {line} {error}"
                    raw = raw or json.dumps(value, ensure_ascii=False)
                else:
                    self.records += 1
                    notice(line, fields)
                    # Mostly the entry is the record already, and need not be written as JSON again.
                    yield fields, raw if as_it_stands or fields == value else ""
                    continue
            problem = SourceLine(line, "unreadable", visible(str(reason)), visible(raw))
            self.bad += 1
            self.first_reason = self.first_reason or problem.reason
            if refuse:
                refuse(problem)
            self._problems.append(problem)
        self._tell()

    def problems_only(self) -> Iterator[SourceLine]:
        for _ in self.made(None):
            if self._problems:
                yield from self.take_problems()
        yield from self.take_problems()

    def take_problems(self) -> list[SourceLine]:
        """Those since this was last asked."""
        taken, self._problems = self._problems, []
        return taken

    def notes(self) -> tuple[str, ...]:
        """What was not kept, or was taken differently."""
        unit = self._source.unit
        found = [*self._source.notes, *self._maker.notes(_plural(unit)), *self.noticed.sentences(unit, _plural(unit))]
        if nans := self._source.nans():
            found.append(f"{nans:,} numbers were NaN, which JSON does not know; they are empty now.")
        return tuple(found)

    def _tell(self) -> None:
        if self._progress:
            self._progress(ReadSoFar(self._source.share(), self.records, self.bad))


def _plural(unit: str) -> str:
    return {"entry": "entries"}.get(unit, f"{unit}s")

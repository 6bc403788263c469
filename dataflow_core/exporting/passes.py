"""Going through the records of a plan: once to look at them, and to write them; twice where they are parted."""

from __future__ import annotations

import gc
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from dataflow_core.errors import UsageError
from dataflow_core.exporters import exporter_named
from dataflow_core.exporting.along import Along
from dataflow_core.exporting.first_rows import FirstRows
from dataflow_core.exporting.judging import Judge, Judged
from dataflow_core.exporting.outcomes import Outcomes
from dataflow_core.exporting.output import Output
from dataflow_core.exporting.plan import ExportPlan, OnConcern, Preflight, Splits, Stage, Told
from dataflow_core.exporting.reading import Chunk, Reader
from dataflow_core.models import ReviewStatus

#: Similarities below are not told from chance.
LEAST_SIMILARITY = 0.5
#: Seconds from one telling to the next.
_TOLD_EVERY = 0.1
#: Of formats that show what was preferred to what.
_UNJUDGED = (
    "The filters find records that nobody has accepted, too: what a person changed in those counts as preferred all "
    "the same."
)


class Passes:
    """`on_concern` is told of every concern. Raises `UsageError` for a plan that cannot be carried out."""

    def __init__(
        self, plan: ExportPlan, reader: Reader, progress: Told | None = None, on_concern: OnConcern | None = None
    ) -> None:
        self._plan = plan
        self._reader = reader
        self._progress = progress
        self._told = 0.0
        self._judge = Judge(plan)
        _check(plan.splits)
        self._splits = split_names(plan.splits)
        exporter = exporter_named(plan.format)
        self._outcomes = Outcomes(exporter, self._splits, on_concern)
        is_of_accepted = set(plan.query.statuses) == {ReviewStatus.ACCEPTED}
        self._first = FirstRows() if exporter.suffix == ".jsonl" else None
        self._notes = (_UNJUDGED,) if exporter.needs_refused and not is_of_accepted else ()

    def look(self) -> Preflight:
        """Write nothing."""
        if len(self._splits) > 1:
            _, notes = self._parted()
            return self._outcomes.preflight((*self._notes, *notes))
        for chunk in self._chunks("checking"):
            self._count(chunk, self._judge.judge(chunk))
        return self._outcomes.preflight((*self._notes, *self._first_notes()))

    def write(self, output: Output, along: Along | None = None) -> Preflight:
        if len(self._splits) > 1:
            return self._write_parted(output, along)
        for chunk in self._chunks("writing"):
            judged = self._judge.judge(chunk)
            self._count(chunk, judged)
            self._put(judged, self._splits[0], output, along)
        return self._outcomes.preflight((*self._notes, *self._first_notes()))

    def _write_parted(self, output: Output, along: Along | None) -> Preflight:
        fates, notes = self._parted()
        first = 0
        for chunk in self._chunks("writing"):
            mine = fates[first : first + len(chunk)].tolist()
            first += len(chunk)
            for place, split in enumerate(self._splits):
                taken = chunk.pick([at for at, fate in enumerate(mine) if fate == place])
                rows = zip(taken.contents, self._judge.rows(taken), strict=True)
                self._put([Judged(content, row, []) for content, row in rows], split, output, along)
            left = self._judge.judge(chunk.pick([at for at, fate in enumerate(mine) if fate < 0]))
            self._put(left, "", output, along)
        return self._outcomes.preflight((*self._notes, *notes))

    def _parted(self) -> tuple[Any, tuple[str, ...]]:
        """The place of each record's split among the names, -1 where it is left out; and notes on shares missed."""
        from dataflow_core.exporting.splits import Parting  # only here: numpy takes long to load

        parting = Parting(self._plan, len(self._reader.numbers))
        first = 0
        for chunk in self._chunks("checking"):
            judged = self._judge.judge(chunk)
            self._see(chunk, judged)
            used = [place for place, one in enumerate(judged) if one.row is not None]
            parting.add(chunk, used, first)
            first += len(chunk)
        self._tell("splitting", 0, is_due=True)
        fates, notes = parting.part()
        for generator, split, count in parting.counts(fates):
            self._outcomes.use(generator, self._splits[split], count)
        return fates, (*notes, *self._first_notes(fates))

    def _see(self, chunk: Chunk, judged: list[Judged]) -> None:
        self._outcomes.add(judged)
        if self._first is not None:
            self._first.add(chunk, judged)

    def _first_notes(self, fates: Any = None) -> tuple[str, ...]:
        return tuple(self._first.notes(self._splits, fates)) if self._first is not None else ()

    def _count(self, chunk: Chunk, judged: list[Judged]) -> None:
        self._see(chunk, judged)
        used = Counter([one.content.generator for one in judged if one.row is not None])
        for generator, count in used.items():
            self._outcomes.use(generator, self._splits[0], count)

    def _put(self, judged: list[Judged], split: str, output: Output, along: Along | None) -> None:
        by_generator: dict[str, list[Judged]] = {}
        left: list[Judged] = []
        for one in judged:
            if one.row is None:
                left.append(one)
            else:
                by_generator.setdefault(one.content.generator, []).append(one)
        for generator, some in by_generator.items():
            output.write(generator, split, [one.row for one in some if one.row is not None])
            if along is not None:
                along.took(generator, split, [one.content for one in some])
        if left:
            output.leave_out(left)

    def _chunks(self, what: Literal["checking", "writing"]) -> Iterator[Chunk]:
        done = 0
        chunks = self._reader.chunks()
        while True:
            with _uncollected():
                if (chunk := next(chunks, None)) is None:
                    return
                done += len(chunk)
                yield chunk
            self._tell(what, done, is_due=done == len(self._reader.numbers))

    def _tell(self, what: Literal["checking", "splitting", "writing"], done: int, *, is_due: bool = False) -> None:
        if self._progress is not None and (is_due or time.monotonic() >= self._told + _TOLD_EVERY):
            self._told = time.monotonic()
            self._progress(Stage(what, done, len(self._reader.numbers)))


def _check(splits: Splits) -> None:
    """Raises `UsageError` for shares and similarities that are none."""
    shares = (splits.train, splits.validation, splits.test)
    if not all(0 <= share < math.inf for share in shares) or not any(shares):
        raise UsageError("The shares of train, validation and test are numbers from 0, and one of them is more than 0.")
    if not LEAST_SIMILARITY <= splits.similarity <= 1:
        raise UsageError(f"The similarity of near-duplicates is between {LEAST_SIMILARITY:g} and 1.")


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from going through what was parsed, again and again: that holds no circles.

    Only ever for a moment, for it is off in all threads.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def split_names(splits: Splits) -> tuple[str, ...]:
    """The names of the splits that there are; "" where all is for training, which needs no name."""
    names = tuple(splits.shares)
    return names if names != ("train",) else ("",)

"""Measures exports beside pandas: `python -m benchmarks.exports`. The exit status is 1 when a target is missed.

pandas writes the same rows with `to_json(lines=True)` from a frame in memory, in the same run; an export reads them
from the workspace first, and looks at each for what the target would not take. They take turns, and the best of each
counts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.export_measure import Took, export, write_with_pandas
from benchmarks.export_workspace import make
from benchmarks.table import check_markers, machine, write_between_markers
from dataflow_core.exporting.plan import Splits
from dataflow_core.workspace import DATABASE

T = TypeVar("T")

BEGIN = "<!-- benchmark:exports -->"
RECORDS, ALL_RECORDS = 50_000, 1_000_000
#: Times what pandas takes; and bytes above what the process holds with the workspace open.
SLOWEST, MOST_MEMORY = 2.0, 200_000_000
_TIMES = 3
ONE_FILE = Splits()
_COLUMNS = ("work", "must reach", "measured", "memory above idle")


@dataclass(frozen=True, slots=True)
class Case:
    work: str
    kind: str
    format: str
    splits: Splits = ONE_FILE


CASES = (
    Case("tasks, DataFlow's own shape", "tasks", "dataflow"),
    Case("dialogues, DataFlow's own shape", "dialogues", "dataflow"),
    Case("dialogues as messages, for OpenAI", "dialogues", "openai"),
    Case("tasks in 90/5/5, near-duplicates kept together", "tasks", "dataflow", Splits(90, 5, 5)),
    Case("dialogues in 90/5/5, near-duplicates kept together", "dialogues", "dataflow", Splits(90, 5, 5)),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what the best of the exports took a record, and the best of pandas', None for none."""

    case: Case
    best: Took
    memory: int
    beside: Took | None

    @property
    def is_met(self) -> bool:
        ratio = self.best.seconds / self.beside.seconds if self.beside else 0.0
        return self.memory <= MOST_MEMORY and ratio <= SLOWEST

    def cells(self) -> tuple[str, ...]:
        least = f"≤ {SLOWEST:g} × pandas, " if self.beside else ""
        each = f"{self.best.seconds * 1e6:.1f} µs a record, CPU {self.best.cpu * 1e6:.1f}"
        if self.beside:
            each += (
                f"; {self.best.seconds / self.beside.seconds:.2f} × pandas, {self.best.cpu / self.beside.cpu:.2f} × "
            )
            each += "its CPU"
        return self.case.work, f"{least}≤ {MOST_MEMORY / 1e6:g} MB", each, f"{self.memory / 1e6:.0f} MB"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=RECORDS, metavar="N", help=f"(default: {RECORDS:,})")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the workspaces here, or use those here")
    parser.add_argument("--write", metavar="FILE", type=Path, help=f"put the table after {BEGIN} in this file")
    options = parser.parse_args(arguments)
    if options.records < 1:
        parser.error("--records has to be at least 1")
    if options.write:
        check_markers(options.write, begin=BEGIN)  # before the minutes that the measuring takes
    with tempfile.TemporaryDirectory() as temporary:
        lines = [measured(case, options.keep or Path(temporary), options.records) for case in CASES]
    table = markdown(lines, options.records)
    if options.write:
        write_between_markers(options.write, table, begin=BEGIN)
    else:
        print(table)
    missed = [line for line in lines if not line.is_met]
    for line in missed:
        print(f"Missed: {', '.join(line.cells())}", file=sys.stderr)
    return 1 if missed else 0


def measured(case: Case, folder: Path, records: int) -> Line:
    place = folder / f"{case.kind}-{records}"
    if not (place / DATABASE).exists():
        started = time.monotonic()
        make(place, case.kind, records).close()
        _say(f"{records:,} {case.kind} made in {time.monotonic() - started:.0f} s")
    is_beside = len(case.splits.shares) == 1
    took: list[Took] = []
    beside: list[Took] = []
    for _ in range(_TIMES if is_beside else 1):
        took.append(_apart(export, place, case.format, case.splits))
        if is_beside:
            beside.append(_apart(write_with_pandas, place, case.format))
        _say(f"{case.work}: {took[-1]}{f', pandas {beside[-1]} a record' if is_beside else ''}")
    # The clock and the CPU each at their best: other work on the machine adds to both.
    best = Took(min(one.seconds for one in took) / records, min(one.cpu for one in took) / records, 0)
    pandas = Took(min(one.seconds for one in beside), min(one.cpu for one in beside), 0) if beside else None
    return Line(case, best, max(one.memory for one in took), pandas)


def markdown(lines: Sequence[Line], records: int) -> str:
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS), *(line.cells() for line in lines)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n\nMeasured on {machine()}, with {records:,} records."


def _apart(work: Callable[..., T], *arguments: Any) -> T:
    """In a process of its own, so that no memory is left from before."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

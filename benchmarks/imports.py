"""Measures imports beside pandas: `python -m benchmarks.imports`. The exit status is 1 when a target is missed.

pandas reads the same file with `read_json(lines=True)`, of very many lines the first 200,000, in the same run, and only
into memory; an import looks at each entry, and stores it. Both take turns, and the best of each counts. `--index` also
measures the indexing and checking that goes on in the background afterwards.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.import_measure import Took, index, read_with_pandas, store, write_file
from benchmarks.table import check_markers, machine, write_between_markers

T = TypeVar("T")

BEGIN = "<!-- benchmark:imports -->"
RECORDS = 50_000
KINDS = ("tasks", "dialogues")
#: Times what pandas takes; and bytes above what the process holds with the workspace open.
SLOWEST, MOST_MEMORY = 2.0, 200_000_000
_COLUMNS = ("work", "must reach", "measured", "memory above idle", "indexed afterwards")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; `beside` is what pandas took, in seconds a record."""

    kind: str
    records: int
    best: Took
    memory: int
    beside: float
    indexed: Took | None = None

    @property
    def ratio(self) -> float:
        return self.best.seconds / self.records / self.beside

    @property
    def is_met(self) -> bool:
        return self.memory <= MOST_MEMORY and self.ratio <= SLOWEST

    def cells(self) -> tuple[str, ...]:
        each = f"{self.best.seconds / self.records * 1e6:.1f} µs a record, {self.ratio:.2f} × pandas"
        least = f"≤ {SLOWEST:g} × pandas, ≤ {MOST_MEMORY / 1e6:g} MB"
        after = f"{self.indexed.seconds:.0f} s" if self.indexed else "not measured"
        return f"{self.kind}, JSON Lines", least, each, f"{self.memory / 1e6:.0f} MB", after


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=RECORDS, metavar="N", help=f"(default: {RECORDS:,})")
    parser.add_argument("--times", type=int, default=3, metavar="N", help="how often each is measured (default: 3)")
    parser.add_argument("--index", action="store_true", help="measure the indexing afterwards, too")
    parser.add_argument("--write", metavar="FILE", type=Path, help=f"put the table after {BEGIN} in this file")
    options = parser.parse_args(arguments)
    if options.records < 1 or options.times < 1:
        parser.error("--records and --times have to be at least 1")
    if options.write:
        check_markers(options.write, begin=BEGIN)  # before the minutes that the measuring takes
    lines = []
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(measured(kind, Path(folder), options.records, options.times, is_indexed=options.index))
    table = markdown(lines, options.records)
    if options.write:
        write_between_markers(options.write, table, begin=BEGIN)
    else:
        print(table)
    missed = [line for line in lines if not line.is_met]
    for line in missed:
        print(f"Missed: {', '.join(line.cells())}", file=sys.stderr)
    return 1 if missed else 0


def measured(kind: str, folder: Path, records: int, times: int, *, is_indexed: bool = False) -> Line:
    path, place = folder / f"{kind}.jsonl", folder / "workspace"
    write_file(path, kind, records)
    took: list[Took] = []
    beside: list[float] = []
    for _ in range(times):
        took.append(_apart(store, path, place))
        beside.append(_apart(read_with_pandas, path))
        _say(f"{records:,} {kind}: {took[-1]}, pandas {beside[-1] * 1e6:.1f} µs a record")
    indexed = _apart(index, place) if is_indexed else None
    if indexed:
        _say(f"{records:,} {kind} indexed: {indexed}")
    best = min(took, key=lambda one: one.seconds)
    return Line(kind, records, best, max(one.memory for one in took), min(beside), indexed)


def markdown(lines: Sequence[Line], records: int) -> str:
    shown = len(_COLUMNS) if any(line.indexed for line in lines) else len(_COLUMNS) - 1
    rows = [row[:shown] for row in (_COLUMNS, ("---",) * len(_COLUMNS), *(line.cells() for line in lines))]
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

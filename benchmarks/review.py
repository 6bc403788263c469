"""Measures Review over very many records: `python -m benchmarks.review`. The exit status is 1 when a target is missed.

Beside each figure stands what bare SQLite takes for the like over the same file, measured just before, so that figures
of a slower or a busy machine can be read, too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import BenchmarkError
from benchmarks.review_cases import CASES, Line
from benchmarks.review_workspace import make
from benchmarks.table import check_markers, machine, write_between_markers
from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import DATABASE, Workspace

BEGIN = "<!-- benchmark:review -->"
RECORDS = 1_000_000
#: Cases of which the README's table has one line.
SLOWEST_OF = {
    "filters": "any one filter",
    "sorts": "any one sort",
    "searches": "a word or phrase searched",
    "counts": "counts beside the filters",
}
_COLUMNS = ("work", "must reach", "measured", "of which CPU", "bare SQLite")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=RECORDS, metavar="N", help="no target is judged with fewer")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="make the workspace here and leave it, or use the one that is here"
    )
    parser.add_argument("--only", metavar="NAME", action="append", choices=list(CASES), help=", ".join(CASES))
    parser.add_argument("--write", metavar="FILE", type=Path, help=f"put the table after {BEGIN} in this file")
    options = parser.parse_args(arguments)
    if options.records < 1_000:
        parser.error("--records has to be at least 1000")
    is_whole = options.records >= RECORDS
    if options.write and (options.only or not is_whole):
        parser.error("--write takes the whole table: leave out --only and --records")
    try:
        if options.write:
            check_markers(options.write, begin=BEGIN)  # before the minutes that the measuring takes
        lines = _measured(options.keep, options.records, options.only or list(CASES))
        each = [line for some in lines.values() for line in some]
        if options.write:
            write_between_markers(options.write, markdown(short(lines), options.records), begin=BEGIN)
        else:
            print(markdown(each, options.records))
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    missed = [line for line in each if not line.is_met and is_whole]
    for line in missed:
        print(f"Missed: {line.work}: {line.measured}, must be {line.target}", file=sys.stderr)
    return 1 if missed else 0


def short(lines: Mapping[str, Sequence[Line]]) -> list[Line]:
    """Of what is alike the slowest alone."""
    found: list[Line] = []
    for name, some in lines.items():
        if name in SLOWEST_OF:
            slowest = max(some, key=lambda line: line.seconds)
            found.append(replace(slowest, work=f"{SLOWEST_OF[name]}, the slowest of {len(some)}: {slowest.work}"))
        else:
            found += some
    return found


def markdown(lines: Sequence[Line], records: int) -> str:
    cells = [(line.work, line.target, line.measured, line.cpu, line.baseline) for line in lines]
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS), *cells]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n\nMeasured on {machine()}, with {records:,} records."


def _measured(keep: Path | None, records: int, names: Sequence[str]) -> dict[str, list[Line]]:
    if keep is not None:
        return _in_folder(keep, records, names)
    with tempfile.TemporaryDirectory() as temporary:
        return _in_folder(Path(temporary) / "workspace", records, names)


def _in_folder(folder: Path, records: int, names: Sequence[str]) -> dict[str, list[Line]]:
    if not (folder / DATABASE).exists():
        started = time.monotonic()
        make(folder, records).close()
        took = time.monotonic() - started
        _say(f"{records:,} records made in {took:.0f} s, {took / records * 1e6:.0f} µs each")
    workspace = Workspace(folder)
    try:
        there = workspace.records.count(Query(statuses=tuple(ReviewStatus)))
        if there != records:
            raise BenchmarkError(f"The workspace in {folder} has {there:,} records, not {records:,}.")
        lines: dict[str, list[Line]] = {name: [] for name in names}
        for name in names:
            for line in CASES[name](workspace):
                _say(f"{name}: {line.work}: {line.measured}, CPU {line.cpu}; bare SQLite {line.baseline}")
                lines[name].append(line)
        return lines
    finally:
        workspace.close()


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

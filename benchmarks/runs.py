"""Measures how runs use an endpoint's time: `python -m benchmarks.runs`. The exit status is 1 when a target is missed.

Everything is measured against a scripted endpoint on this machine, so the figures that count are ratios to what the
endpoint's latency alone would take. Leave the machine to it meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.cases import CASES, Row
from benchmarks.measure import BenchmarkError
from benchmarks.table import BEGIN, check_markers, markdown, write_between_markers

_QUIET = 0.5  # processes that may want a core at the start, on average of the last minute


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", action="append", choices=list(CASES), help=", ".join(CASES))
    parser.add_argument(
        "--scale", type=float, default=1.0, help="a part of the inputs, for a trial; no target is judged then"
    )
    parser.add_argument("--write", metavar="FILE", type=Path, help=f"put the table after {BEGIN} in this file")
    options = parser.parse_args(arguments)
    if options.scale <= 0:
        parser.error("--scale has to be more than 0")
    if options.write and (options.only or options.scale != 1):
        parser.error("--write takes the whole table: leave out --only and --scale")
    try:
        if options.write:
            check_markers(options.write)  # before the minutes that the measuring takes
        rows = _measure(options.only or list(CASES), options.scale)
        if options.write:
            write_between_markers(options.write, markdown(rows))
        else:
            print(markdown(rows))
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    missed = [row for row in rows if not row.is_met and options.scale == 1]
    for row in missed:
        print(f"Missed: {row.work}: {row.measured}, must be {row.target}", file=sys.stderr)
    return 1 if missed else 0


def _measure(names: list[str], scale: float) -> list[Row]:
    if (load := os.getloadavg()[0]) > _QUIET:
        print(f"Others use this machine (load {load:.1f}): the figures will be worse than they are.", file=sys.stderr)
    rows: list[Row] = []
    for name in names:
        started = time.monotonic()
        rows += CASES[name](scale, partial(_say, name))
        _say(name, f"took {time.monotonic() - started:.0f} s in all")
    return rows


def _say(name: str, sentence: str) -> None:
    print(f"{name}: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""The table as Markdown, and its place in a file."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cases import Row
from benchmarks.measure import BenchmarkError

BEGIN, END = "<!-- benchmark:runs -->", "<!-- /benchmark -->"
_COLUMNS = ("work", "bound", "must reach", "measured", "plain loop over the SDK")


def markdown(rows: Sequence[Row]) -> str:
    cells = [(row.work, row.bound, row.target, row.measured, row.plain_loop) for row in rows]
    lines = [_COLUMNS, tuple("---" for _ in _COLUMNS), *cells]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    share = max(row.endpoint_share for row in rows)
    return (
        f"{table}\n\nMeasured on {machine()}; the scripted endpoint, a process of its own on the same machine, took "
        f"up to {share:.0%} of a core."
    )


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores ({_processor()}), Python {platform.python_version()}, {platform.system()}"


def write_between_markers(path: Path, text: str, *, begin: str = BEGIN) -> None:
    """Replace what stands between the markers. Raises `BenchmarkError` when they are not there."""
    head, tail = _around_the_markers(path, begin)
    path.write_text(f"{head}{begin}\n{text}\n{END}{tail}", encoding="utf-8")


def check_markers(path: Path, *, begin: str = BEGIN) -> None:
    """Raises `BenchmarkError` for a file that has no place for the table."""
    _around_the_markers(path, begin)


def _around_the_markers(path: Path, first: str) -> tuple[str, str]:
    try:
        head, begin, rest = path.read_text(encoding="utf-8").partition(first)
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error.strerror}.") from error
    _, end, tail = rest.partition(END)
    if not begin or not end or first in rest:
        raise BenchmarkError(f"{path} needs the line {first}, once, and {END} after it: the table goes between.")
    return head, tail


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())

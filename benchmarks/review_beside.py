"""What other processes do in the meantime: `python -m benchmarks.review_beside VERB FOLDER`.

`write` decides one record after another until its input is closed, and prints the longest that one of them took, in
seconds. `hold` opens Review as five sessions would, each with a list of its own, and prints the bytes that takes.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.endpoint import ROOT
from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query, Sort
from dataflow_core.workspace import Workspace

PAGE = 100
_PAUSE = 0.05
_SORTS: tuple[Sort, ...] = ("oldest", "newest", "longest", "recently changed", "model")


@dataclass
class Beside:
    """The longest that a single write had to wait, in seconds; known at the end."""

    longest: float = 0.0
    writes: int = 0


@contextmanager
def writing(folder: Path) -> Iterator[Beside]:
    """Another process writes single decisions meanwhile."""
    process = _start("write", folder)
    assert process.stdin is not None  # noqa: S101  it was asked for
    assert process.stdout is not None  # noqa: S101
    process.stdout.readline()
    told = Beside()
    try:
        yield told
    finally:
        said, _ = process.communicate()
        longest, writes = said.split()
        told.longest, told.writes = float(longest), int(writes)


def memory_of_five_sessions(folder: Path) -> int:
    process = _start("hold", folder)
    said, _ = process.communicate()
    return int(said)


def _start(verb: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.review_beside", verb, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _write(workspace: Workspace) -> None:
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    record = workspace.records.page([1])[0]
    longest, writes = 0.0, 0
    print("ready", flush=True)
    while not ended.wait(_PAUSE):
        status = ReviewStatus.FLAGGED if writes % 2 else ReviewStatus.ACCEPTED
        started = time.monotonic()
        workspace.review.decide({record.id: record.revision}, status, reviewer="Beside")
        longest = max(longest, time.monotonic() - started)
        writes += 1
    print(longest, writes)


def _hold(workspace: Workspace) -> None:
    held = [
        (workspace.records.numbers(Query(sort=sort)), workspace.records.count_by_status(Query())) for sort in _SORTS
    ]
    pages = [workspace.records.page(numbers[:PAGE]) for numbers, _ in held]
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit if pages else 0)


if __name__ == "__main__":
    {"write": _write, "hold": _hold}[sys.argv[1]](Workspace(Path(sys.argv[2])))

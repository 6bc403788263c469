"""What another process does in the meantime: `python -m benchmarks.review_beside FOLDER`.

It decides one record after another until its input is closed, and prints the longest that one of them took, in seconds.
"""

from __future__ import annotations

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
from dataflow_core.workspace import Workspace

_PAUSE = 0.05


@dataclass
class Beside:
    """The longest that a single write had to wait, in seconds; known at the end."""

    longest: float = 0.0
    writes: int = 0


@contextmanager
def writing(folder: Path) -> Iterator[Beside]:
    """Another process writes single decisions meanwhile."""
    command = [sys.executable, "-m", "benchmarks.review_beside", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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


if __name__ == "__main__":
    _write(Workspace(Path(sys.argv[1])))

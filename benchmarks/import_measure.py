"""One import, the indexing after it, and pandas on the same file, each to be called in a process of its own."""

from __future__ import annotations

import gc
import json
import random
import resource
import shutil
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas
import psutil

from benchmarks.review_workspace import dialogue, task
from dataflow_core.reviewing import rechecking
from dataflow_core.workspace import Workspace

#: Lines that pandas reads at the most: it has to hold them all.
MOST_ROWS = 200_000
_WARM_UP = 2_000


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds on the clock and of CPU; bytes above what the process held before, at the most."""

    seconds: float
    cpu: float
    memory: int


def write_file(path: Path, kind: str, count: int, *, seed: int = 0) -> None:
    """A file of DataFlow's own shape; `kind` is "tasks" or "dialogues"."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            made = (task if kind == "tasks" else dialogue)(random.Random(seed + number))  # noqa: S311
            row = made if kind == "tasks" else {name: made[name] for name in ("category", "conversation")}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def first_lines(path: Path, count: int) -> Path:
    """The file, or one of its first lines where it has more."""
    part = path.with_suffix(f".{count}.jsonl")
    with path.open("rb") as file, part.open("wb") as out:
        for _, line in zip(range(count), file, strict=False):
            out.write(line)
    return part


def store(path: Path, folder: Path) -> Took:
    """Import the file into a new workspace there. What comes after in the background is not waited for."""
    shutil.rmtree(folder, ignore_errors=True)
    with closing(Workspace(folder, create=True)) as workspace:
        mapping = workspace.imports.recognise(path, path.name).mapping
        workspace.imports.check(first_lines(path, _WARM_UP), path.name, mapping)  # what is loaded once is loaded
        workspace.imports.index = lambda: None
        gc.collect()
        before, started, cpu = psutil.Process().memory_info().rss, time.perf_counter(), time.process_time()
        workspace.imports.store(path, path.name, mapping)
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return Took(seconds, used, max(0, most - before))


def index(folder: Path) -> Took:
    """Do what the process in the background does after an import."""
    with closing(Workspace(folder)) as workspace:
        before, started, cpu = psutil.Process().memory_info().rss, time.perf_counter(), time.process_time()
        rechecking.recheck(workspace.database)
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return Took(seconds, used, max(0, most - before))


def read_with_pandas(path: Path) -> float:
    """Seconds a record, on the clock."""
    pandas.read_json(first_lines(path, _WARM_UP), lines=True)
    part = first_lines(path, MOST_ROWS)
    started = time.perf_counter()
    frame = pandas.read_json(part, lines=True)
    return (time.perf_counter() - started) / len(frame)

"""One export, and pandas on the same rows, each to be called in a process of its own."""

from __future__ import annotations

import gc
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas
import psutil

from dataflow_core.exporting.judging import Judge
from dataflow_core.exporting.plan import ExportPlan, Splits
from dataflow_core.exporting.reading import reading
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

#: Rows that pandas is given: it has to hold them all.
_MOST_ROWS = 100_000
_LOOKS_EVERY = 0.005


@dataclass
class Took:
    """Seconds on the clock and of CPU; bytes above what the process held before, at the most."""

    seconds: float
    cpu: float
    memory: int


def export(folder: Path, format_name: str, splits: Splits) -> Took:
    with closing(Workspace(folder)) as workspace, tempfile.TemporaryDirectory(dir=folder) as temporary:
        workspace.exports.preview(ExportPlan(format=format_name), 1)  # what is loaded once is loaded
        gc.collect()
        with _watched() as most:
            started, cpu = time.perf_counter(), time.process_time()
            workspace.exports.write(ExportPlan(format=format_name, splits=splits), Path(temporary), "bench")
            took = Took(time.perf_counter() - started, time.process_time() - cpu, 0)
        took.memory = most[0]
        return took


def write_with_pandas(folder: Path, format_name: str) -> Took:
    """A record, on the average."""
    plan = ExportPlan(Query(), format_name)
    with closing(Workspace(folder)) as workspace, reading(workspace.database, plan) as reader:
        judge = Judge(plan)
        rows = list(islice((row for chunk in reader.chunks() for row in judge.rows(chunk)), _MOST_ROWS))
    frame = pandas.DataFrame(rows)
    count = len(rows)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        started, cpu = time.perf_counter(), time.process_time()
        frame.to_json(Path(temporary) / "bench.jsonl", orient="records", lines=True, force_ascii=False)
        return Took((time.perf_counter() - started) / count, (time.process_time() - cpu) / count, 0)


@contextmanager
def _watched() -> Iterator[list[int]]:
    """The most bytes that the process holds more than at the beginning; known at the end."""
    process, ended, most = psutil.Process(), threading.Event(), [0]
    before = process.memory_info().rss

    def watch() -> None:
        while not ended.wait(_LOOKS_EVERY):
            most[0] = max(most[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()

"""Executes a run, or the plain loop, in a process of its own, and takes the figures of that process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.endpoint import MODEL, ROOT, EndpointProcess, Report
from benchmarks.latency import Latency
from dataflow_core.models import Endpoint, Run, RunState
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

DEADLINE = 1_800.0  # seconds after which a process counts as stuck
HANDFUL = 5  # inputs of the run that shows what starting up takes

Plan = Callable[[Workspace, Endpoint], Run]


class BenchmarkError(Exception):
    """What was measured is not what was to be measured: a run that did not end, or did not do all its work."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`seconds` are from the canary's answer until everything was stored, `until_stored` from the last answer;
    `until_first_call` from the start of the process. `cpu`, in seconds, and `peak`, in bytes, are the whole process's.
    """

    seconds: float
    until_first_call: float
    until_stored: float
    cpu: float
    peak: int
    report: Report


@dataclass(frozen=True, slots=True)
class _Process:
    started: float
    cpu: float
    peak: int
    said: str


def measure_run(plan: Plan, *, calls: int, latency: Latency, workers: int, program: str = "dataflow_core") -> Measured:
    """Plan a run in a new workspace, execute it, and see that with `calls` calls all its inputs became records."""
    with tempfile.TemporaryDirectory() as temporary, EndpointProcess(latency) as endpoint:
        folder = Path(temporary) / "workspace"
        workspace = Workspace(folder, create=True)
        model = Endpoint("scripted", base_url=endpoint.url, model=MODEL, max_workers=workers)
        run = plan(workspace, model)
        workspace.close()
        process = _execute([program, "run", run.id, "--workspace", str(folder), "--quiet"], Path(temporary))
        report = endpoint.report()
        finished = _finished(folder, run, report, calls, process)
    return Measured(
        seconds=finished - report.first_answer,
        until_first_call=report.first_calls[0] - process.started,
        until_stored=finished - report.last_answer,
        cpu=process.cpu,
        peak=process.peak,
        report=report,
    )


def measure_plain_loop(records: int, *, latency: Latency, workers: int) -> Measured:
    """The same for the loop over the SDK. It has no canary: its seconds begin with its first call."""
    with tempfile.TemporaryDirectory() as temporary, EndpointProcess(latency) as endpoint:
        out = Path(temporary) / "out.jsonl"
        command = ["benchmarks.baseline", endpoint.url, str(records), str(workers), str(out)]
        process = _execute(command, Path(temporary))
        report = endpoint.report()
        with out.open("rb") as file:
            written = sum(1 for _ in file)
    if (written, report.calls) != (records, records):
        raise BenchmarkError(f"The plain loop wrote {written} of {records} records with {report.calls} calls.")
    return Measured(
        seconds=float(process.said) - report.first_calls[0],
        until_first_call=report.first_calls[0] - process.started,
        until_stored=float(process.said) - report.last_answer,
        cpu=process.cpu,
        peak=process.peak,
        report=report,
    )


def cpu_per_call(whole: Measured, handful: Measured) -> float:
    """Seconds of CPU a call, without what the process takes to start and to end."""
    return (whole.cpu - handful.cpu) / (whole.report.calls - handful.report.calls)


def _execute(module: list[str], folder: Path) -> _Process:
    log = folder / "log"
    environ = os.environ | {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    launcher = [sys.executable, "-m", "benchmarks.launcher", str(DEADLINE), str(log)]
    done = subprocess.run(
        [*launcher, sys.executable, "-m", *module], env=environ, cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    told = json.loads(done.stdout)
    said = log.read_text(errors="replace")
    if told["status"]:
        raise BenchmarkError(f"{module[0]} ended with status {told['status']} and said: {said[-2_000:]}")
    return _Process(told["started"], told["cpu"], told["peak"], said)


def _finished(folder: Path, planned: Run, report: Report, calls: int, process: _Process) -> float:
    """When the run had stored everything. Raises `BenchmarkError` when something is missing or too much."""
    workspace = Workspace(folder)
    run, progress = workspace.runs.get(planned.id), workspace.runs.progress(planned.id)
    records = workspace.records.count(Query(runs=(planned.id,)))
    workspace.close()
    if run.state is not RunState.FINISHED or run.finished_at is None:
        raise BenchmarkError(f"The run is {run.state}: {run.reason} It said: {process.said[-2_000:]}")
    if not progress.done == records == progress.total:
        raise BenchmarkError(f"Of {progress.total} inputs {progress.done} are done, and there are {records} records.")
    if report.calls != calls:
        raise BenchmarkError(f"The endpoint was called {report.calls} times; {calls} calls are enough.")
    return run.finished_at.timestamp()

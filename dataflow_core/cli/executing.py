"""What the verbs share: the workspace, the output, a run executed to its end and told of."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from dataflow_core.cli.report import (
    estimate_line,
    how_to_go_on,
    last_line,
    resume_command,
)
from dataflow_core.errors import UsageError
from dataflow_core.exporting.engine import exported_lines
from dataflow_core.exporting.failures import write_failures
from dataflow_core.exporting.files import write_lines
from dataflow_core.home import Home
from dataflow_core.models import Run, RunState
from dataflow_core.running.runner import Outcome
from dataflow_core.settings import Settings
from dataflow_core.storage.queries import Query
from dataflow_core.terminal import ProgressDisplay
from dataflow_core.workspace import Workspace

T = TypeVar("T")

OK, OTHER, USAGE, SOME_FAILED = 0, 1, 2, 3


def workspace_of(options: argparse.Namespace, *, create: bool = False) -> Workspace:
    if options.workspace:
        return Workspace(Path(options.workspace), create=create)
    return Home(Settings.from_environment().home).open_last()


def check_output(options: argparse.Namespace) -> None:
    """Before anything is paid for: raises `UsageError` where the output cannot be written, or is the input."""
    output = Path(options.output)
    if output.exists() and not (output.is_file() or output.is_dir()):
        raise UsageError(f"{output} is no ordinary file, and cannot be replaced by one. Choose another name.")
    if output.is_dir():
        raise UsageError(f"{output} is a folder. Name a file in it.")
    if not output.parent.is_dir():
        raise UsageError(f"The folder {output.parent} does not exist.")
    if not os.access(output.parent, os.W_OK):
        raise UsageError(f"The folder {output.parent} cannot be written to.")
    source = Path(getattr(options, "input", ""))
    if source.is_file() and source.resolve() in (output.resolve(), _failures_beside(output).resolve()):
        raise UsageError(f"{source} is the input, and would be overwritten. Choose another output.")


def _failures_beside(output: Path) -> Path:
    return output.with_name(f"{output.stem}_failures.jsonl")


def execute_and_write(workspace: Workspace, run: Run, options: argparse.Namespace) -> int:
    output = Path(options.output)
    outcome = execute(workspace, run, quiet=options.quiet)
    lines = exported_lines(workspace.records, Query(runs=(run.id,)), run.generator)
    write_lines(output, lines)
    failures = _failures_beside(output)
    n_failures = write_failures(workspace.runs, run.id, failures)
    return report(workspace, run, outcome, output=output, failures=failures if n_failures else None)


def execute(workspace: Workspace, run: Run, *, quiet: bool) -> Outcome:
    async def work() -> Outcome:
        with ProgressDisplay(workspace.runs.get(run.id), quiet=quiet) as display:
            return await workspace.execute(run.id, progress=None if quiet else display.show)

    gc.freeze()  # all that is loaded by now stays; going through it again and again would hold calls up
    return asyncio.run(stopped_by_signals(work()))


async def stopped_by_signals(work: Coroutine[Any, Any, T]) -> T:
    """Cancel the work when this process is asked to end."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  a running coroutine is in a task
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, _cancel_once, task)
    return await work


def _cancel_once(task: asyncio.Task[Any]) -> None:
    """A second Ctrl-C must not cut short the storing that the first one led to."""
    if not task.cancelling():
        task.cancel()


def report(
    workspace: Workspace, run: Run, outcome: Outcome, *, output: Path | None = None, failures: Path | None = None
) -> int:
    run, progress = workspace.runs.get(run.id), workspace.runs.progress(run.id)
    unreadable = sum(line.kind == "unreadable" for line in workspace.runs.source_lines(run.id, limit=None))
    is_tried = outcome.stopped_by == "limit"
    if outcome.state is not RunState.FINISHED:
        print(f"{outcome.reason} {how_to_go_on(workspace, run, output)}")
    elif progress.waiting:
        print(
            f"{progress.waiting:,} wait for a review of their questions. When these are accepted: "
            f"{resume_command(workspace, run, output)}"
        )
    if is_tried and (sentence := estimate_line(workspace, run, progress)):
        print(sentence)
    print(last_line(workspace, run, progress, unreadable, output, failures))
    if outcome.state is not RunState.FINISHED and not is_tried:
        return OTHER
    return SOME_FAILED if progress.failed or unreadable else OK

"""The verbs for runs that exist: go on, pause, cancel, look; and the processes that the app starts."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from contextlib import suppress

from dataflow_core.cli.arguments import budget_of, changed_endpoint
from dataflow_core.cli.executing import (
    OK,
    OTHER,
    check_output,
    execute,
    execute_and_write,
    report,
    stopped_by_signals,
    workspace_of,
)
from dataflow_core.cli.report import (
    answers_in_words,
    counts,
    how_to_go_on,
    status_lines,
)
from dataflow_core.models import Run, RunKind, RunState, Stage
from dataflow_core.reviewing.rechecking import left, recheck
from dataflow_core.storage.queries import Query
from dataflow_core.storage.runs import Request
from dataflow_core.worker import Worker
from dataflow_core.workspace import Workspace

#: Seconds that a run's process is given to do what it is asked to.
PATIENCE = 3.0


def run(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    run = workspace.runs.get(options.id)
    if not run.state.is_live:  # else the app has started it, and said what for
        _answer_accepted(workspace, run)
    return report(workspace, run, execute(workspace, run, quiet=options.quiet))


def action(options: argparse.Namespace) -> int:
    action = workspace_of(options).execute_action(options.number)
    if not options.quiet:
        print(f"{action.touched:,} of {action.total:,} records were changed.")
    return OK


def worker(options: argparse.Namespace) -> int:
    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    worker = Worker(workspace_of(options), name=options.name, idle=options.idle, say=say)
    gc.freeze()
    with suppress(asyncio.CancelledError):
        asyncio.run(stopped_by_signals(worker.run()))
    return OK


def look_again(options: argparse.Namespace) -> int:
    database = workspace_of(options).database
    count = recheck(database)
    if not options.quiet:
        if more := left(database):
            print(f"{more:,} records are being looked at by another process.")
        print(f"{count:,} records were looked at.")
    return OK


def resume(options: argparse.Namespace) -> int:
    if options.output:
        check_output(options)
    workspace = workspace_of(options)
    run = workspace.runs.get(options.id)
    changed = changed_endpoint(options, run.endpoint)
    budget = budget_of(options, changed or workspace.endpoint_of(run), run.budget)
    stages = [None] if options.retry_failed or options.model else [Stage.CANCELLED, Stage.BUDGET]
    for stage in stages:
        workspace.retry(run.id, stage=stage, endpoint=changed)
    _answer_accepted(workspace, run)
    run = workspace.runs.get(run.id)
    workspace.runs.enqueue(run.id, limit=options.limit, endpoint=changed or workspace.endpoint_of(run), budget=budget)
    if options.max_workers:
        workspace.runs.set_workers(run.id, options.max_workers)
    if options.output:
        return execute_and_write(workspace, run, options)
    return report(workspace, run, execute(workspace, run, quiet=options.quiet))


def _answer_accepted(workspace: Workspace, run: Run) -> None:
    if run.reviews_skeletons:
        accepted = workspace.answer_accepted(run.id)
        if sentence := answers_in_words(accepted, workspace.runs.progress(run.id).waiting):
            print(sentence)


def pause(options: argparse.Namespace) -> int:
    return _stop(options, "pause", "paused")


def cancel(options: argparse.Namespace) -> int:
    return _stop(options, "cancel", "cancelled")


def _stop(options: argparse.Namespace, request: Request, done: str) -> int:
    """Ask the run to stop, and say what came of it."""
    workspace = workspace_of(options)
    run = workspace.runs.get(options.id)
    before = run.state
    workspace.runs.ask(run.id, request)
    deadline = time.monotonic() + PATIENCE
    while (run := workspace.runs.get(run.id)).state.is_live and time.monotonic() < deadline:
        time.sleep(0.1)
    if run.state.is_live:
        print(f"The run was asked to be {done}, and has not obeyed within {PATIENCE:g} s. See the command status.")
        return OTHER
    state = f"The run is {run.state.value}" + (" already" if run.state is before else "")
    print(f"{state}: {counts(workspace.runs.progress(run.id))}.")
    if run.state is RunState.PAUSED:
        print(how_to_go_on(workspace, run, None))
    return OK


def workers(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    run = workspace.runs.get(options.id)
    workspace.runs.set_workers(run.id, options.workers)
    when = "from now on" if run.state.is_live else "once it goes on"
    print(f"{run.name} makes up to {options.workers} calls at a time {when}, as far as its endpoint takes them.")
    return OK


def status(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    for line in status_lines(workspace, workspace.runs.get(options.id)):
        print(line)
    return OK


def runs(options: argparse.Namespace) -> int:
    workspace = workspace_of(options)
    for run in workspace.runs.with_records():
        if run.kind is RunKind.IMPORT:
            count = workspace.records.count(Query(runs=(run.id,)))
            print(f"{run.id}  imported     {count:>6} records  {run.name}")
            continue
        progress = workspace.runs.progress(run.id)
        print(
            f"{run.id}  {run.state.value:<11}  {progress.done:>6} done {progress.failed:>5} failed "
            f"{progress.pending:>6} pending  {run.name}  {run.reason}".rstrip()
        )
    return OK

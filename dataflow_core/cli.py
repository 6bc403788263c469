"""The command line: the same verbs as the app, over the same workspaces."""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import os
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from dataflow_core.arguments import budget_of, changed_endpoint, endpoint_of, few_shot_of, parser
from dataflow_core.cli_bundles import exports, push
from dataflow_core.cli_custom import plan_custom
from dataflow_core.cli_exports import export
from dataflow_core.cli_flows import plan_again, read_again, run_file, save
from dataflow_core.cli_imports import import_file
from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.exporting.engine import exported_lines
from dataflow_core.exporting.failures import write_failures
from dataflow_core.exporting.files import write_lines
from dataflow_core.flows.pipeline_files import read_pipeline
from dataflow_core.home import Home
from dataflow_core.launch import launch_app
from dataflow_core.models import Budget, Run, RunKind, RunState, Stage
from dataflow_core.readers import guess_task_column, read_table, select_inputs
from dataflow_core.rechecking import left, recheck
from dataflow_core.report import (
    answers_in_words,
    counts,
    estimate_line,
    how_to_go_on,
    last_line,
    resume_command,
    status_lines,
)
from dataflow_core.runner import Outcome
from dataflow_core.settings import Settings
from dataflow_core.storage.queries import Query
from dataflow_core.storage.runs import Request
from dataflow_core.terminal import ProgressDisplay
from dataflow_core.worker import Worker
from dataflow_core.workspace import Workspace

T = TypeVar("T")

OK, OTHER, USAGE, SOME_FAILED = 0, 1, 2, 3
#: Seconds that a run's process is given to do what it is asked to.
PATIENCE = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when every input to be tried became a record, 3 when some failed, 2 for a usage
    error, 4 when a pipeline waits for a review, else 1.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not know every character of a name
    options = parser().parse_args(arguments)
    try:
        status = _VERBS[options.verb](options)
    except UsageError as error:
        return _complain(error, USAGE)
    except DataflowError as error:
        return _complain(error, OTHER)
    except (BrokenPipeError, KeyboardInterrupt):
        return OTHER
    return status


def _complain(error: DataflowError, status: int) -> int:
    print(f"dataflow_core: {error}", file=sys.stderr)
    return status


def _paraseq(options: argparse.Namespace) -> int:
    _check_output(options)
    source = Path(options.input)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}.") from error
    table = read_table(data, source.name)
    task_key = options.input_task_key or guess_task_column(table)
    endpoint = endpoint_of(options)
    budget, few_shot = budget_of(options, endpoint, Budget()), few_shot_of(options)
    workspace = _workspace(options, create=True)
    run = workspace.plan_tasks(
        table,
        select_inputs(table, task_key),
        endpoint=endpoint,
        input_task_key=task_key,
        output_parallel_task_key=options.output_parallel_task_key,
        output_subsequent_task_key=options.output_subsequent_task_key,
        output_composition_task_key=options.output_composition_task_key,
        temperature=options.temperature,
        seed=options.seed,
        prompt=workspace.prompts.get(options.prompt) if options.prompt else None,
        few_shot=few_shot,
    )
    workspace.enqueue(run, limit=options.limit, budget=budget)
    return _execute_and_write(workspace, run, options)


def _chat(options: argparse.Namespace) -> int:
    _check_output(options)
    endpoint = endpoint_of(options)
    budget, few_shot = budget_of(options, endpoint, Budget()), few_shot_of(options)
    workspace = _workspace(options, create=True)
    known = {intent.name.casefold(): intent for intent in workspace.intents.all()}
    if unknown := [name for name in options.intent if name.casefold() not in known]:
        names = "\n  ".join(intent.name for intent in known.values())
        raise UsageError(f"There is no intent {unknown[0]!r}. The intents are:\n  {names}")
    chosen = [known[name.casefold()] for name in options.intent] or list(known.values())
    run = workspace.plan_dialogues(
        chosen,
        endpoint=endpoint,
        num_dialogs_per_intent=options.num_dialogs_per_intent,
        num_turns_per_dialog=options.num_turns_per_dialog,
        temperature=0.9 if options.temperature is None else options.temperature,
        language=options.language,
        seed=options.seed,
        review_skeletons=options.review_skeletons,
        prompt=workspace.prompts.get(options.prompt) if options.prompt else None,
        few_shot=few_shot,
    )
    workspace.enqueue(run, limit=options.limit, budget=budget)
    return _execute_and_write(workspace, run, options)


def _custom(options: argparse.Namespace) -> int:
    _check_output(options)
    endpoint = endpoint_of(options)
    budget = budget_of(options, endpoint, Budget())
    workspace = _workspace(options, create=True)
    run = plan_custom(workspace, options, endpoint)
    workspace.enqueue(run, limit=options.limit, budget=budget)
    return _execute_and_write(workspace, run, options)


def _save(options: argparse.Namespace) -> int:
    _check_output(options)
    return save(_workspace(options), options)


def _again(options: argparse.Namespace) -> int:
    _check_output(options)
    saved = read_again(options)
    workspace = _workspace(options, create=True)
    return _execute_and_write(workspace, plan_again(workspace, saved, options), options)


def _pipeline(options: argparse.Namespace) -> int:
    pipeline = read_pipeline(options.file)
    options.workspace = options.workspace or pipeline.workspace
    workspace = _workspace(options, create=True)
    return run_file(pipeline, workspace, lambda _, run: _execute(workspace, run, quiet=options.quiet))


def _import(options: argparse.Namespace) -> int:
    workspace = _workspace(options, create=True)
    status, run = import_file(workspace, options)
    return status if run is None else _report(workspace, run, _execute(workspace, run, quiet=options.quiet))


def _run(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    run = workspace.runs.get(options.id)
    if not run.state.is_live:  # else the app has started it, and said what for
        _answer_accepted(workspace, run)
    return _report(workspace, run, _execute(workspace, run, quiet=options.quiet))


def _action(options: argparse.Namespace) -> int:
    action = _workspace(options).execute_action(options.number)
    if not options.quiet:
        print(f"{action.touched:,} of {action.total:,} records were changed.")
    return OK


def _worker(options: argparse.Namespace) -> int:
    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    worker = Worker(_workspace(options), name=options.name, idle=options.idle, say=say)
    gc.freeze()
    with suppress(asyncio.CancelledError):
        asyncio.run(_stopped_by_signals(worker.run()))
    return OK


def _recheck(options: argparse.Namespace) -> int:
    database = _workspace(options).database
    count = recheck(database)
    if not options.quiet:
        if more := left(database):
            print(f"{more:,} records are being looked at by another process.")
        print(f"{count:,} records were looked at.")
    return OK


def _resume(options: argparse.Namespace) -> int:
    if options.output:
        _check_output(options)
    workspace = _workspace(options)
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
        return _execute_and_write(workspace, run, options)
    return _report(workspace, run, _execute(workspace, run, quiet=options.quiet))


def _answer_accepted(workspace: Workspace, run: Run) -> None:
    if run.reviews_skeletons:
        accepted = workspace.answer_accepted(run.id)
        if sentence := answers_in_words(accepted, workspace.runs.progress(run.id).waiting):
            print(sentence)


def _pause(options: argparse.Namespace) -> int:
    return _stop(options, "pause", "paused")


def _cancel(options: argparse.Namespace) -> int:
    return _stop(options, "cancel", "cancelled")


def _stop(options: argparse.Namespace, request: Request, done: str) -> int:
    """Ask the run to stop, and say what came of it."""
    workspace = _workspace(options)
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


def _workers(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    run = workspace.runs.get(options.id)
    workspace.runs.set_workers(run.id, options.workers)
    when = "from now on" if run.state.is_live else "once it goes on"
    print(f"{run.name} makes up to {options.workers} calls at a time {when}, as far as its endpoint takes them.")
    return OK


def _status(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    for line in status_lines(workspace, workspace.runs.get(options.id)):
        print(line)
    return OK


def _runs(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
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


def _export(options: argparse.Namespace) -> int:
    return export(_workspace(options), options)


def _app(options: argparse.Namespace) -> int:
    return launch_app(options.port, open_browser=options.open_browser)


def _workspace(options: argparse.Namespace, *, create: bool = False) -> Workspace:
    if options.workspace:
        return Workspace(Path(options.workspace), create=create)
    return Home(Settings.from_environment().home).open_last()


def _check_output(options: argparse.Namespace) -> None:
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


def _execute_and_write(workspace: Workspace, run: Run, options: argparse.Namespace) -> int:
    output = Path(options.output)
    outcome = _execute(workspace, run, quiet=options.quiet)
    lines = exported_lines(workspace.records, Query(runs=(run.id,)), run.generator)
    write_lines(output, lines)
    failures = _failures_beside(output)
    n_failures = write_failures(workspace.runs, run.id, failures)
    return _report(workspace, run, outcome, output=output, failures=failures if n_failures else None)


def _execute(workspace: Workspace, run: Run, *, quiet: bool) -> Outcome:
    async def execute() -> Outcome:
        with ProgressDisplay(workspace.runs.get(run.id), quiet=quiet) as display:
            return await workspace.execute(run.id, progress=None if quiet else display.show)

    gc.freeze()  # all that is loaded by now stays; going through it again and again would hold calls up
    return asyncio.run(_stopped_by_signals(execute()))


async def _stopped_by_signals(work: Coroutine[Any, Any, T]) -> T:
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


def _report(
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


_VERBS = {
    "paraseq": _paraseq,
    "chat": _chat,
    "custom": _custom,
    "save": _save,
    "again": _again,
    "pipeline": _pipeline,
    "import": _import,
    "run": _run,
    "action": _action,
    "worker": _worker,
    "recheck": _recheck,
    "resume": _resume,
    "pause": _pause,
    "cancel": _cancel,
    "workers": _workers,
    "status": _status,
    "runs": _runs,
    "export": _export,
    "exports": lambda options: exports(lambda: _workspace(options), options),
    "push": push,
    "app": _app,
}

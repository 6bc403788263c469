"""The command line: the same verbs as the app, over the same workspaces."""

from __future__ import annotations

import argparse
import asyncio
import io
import math
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.export import DEFAULT_FORMAT, exported_lines, write_export, write_failures, write_lines
from dataflow_core.exporters import EXPORTERS
from dataflow_core.home import Home
from dataflow_core.launch import launch_app
from dataflow_core.models import EMBEDDED, Endpoint, Progress, ReviewStatus, Run, RunState, Stage
from dataflow_core.readers import guess_task_column, read_table, select_inputs
from dataflow_core.runner import Outcome
from dataflow_core.serving.keys import check_endpoint
from dataflow_core.settings import Settings
from dataflow_core.storage.records import Query
from dataflow_core.terminal import ProgressDisplay
from dataflow_core.workspace import Workspace

OK, OTHER, USAGE, SOME_FAILED = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when every input became a record, 3 when some failed, 2 for a usage error, else 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not know every character of a name
    options = _parser().parse_args(arguments)
    try:
        status: int = options.verb(options)
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
    workspace = _workspace(options, create=True)
    run = workspace.plan_tasks(
        table,
        select_inputs(table, task_key),
        endpoint=_endpoint(options),
        input_task_key=task_key,
        output_parallel_task_key=options.output_parallel_task_key,
        output_subsequent_task_key=options.output_subsequent_task_key,
        output_composition_task_key=options.output_composition_task_key,
        temperature=options.temperature,
        seed=options.seed,
    )
    workspace.enqueue(run)
    return _execute_and_write(workspace, run, options)


def _chat(options: argparse.Namespace) -> int:
    _check_output(options)
    workspace = _workspace(options, create=True)
    known = {intent.name.casefold(): intent for intent in workspace.intents.all()}
    if unknown := [name for name in options.intent if name.casefold() not in known]:
        names = "\n  ".join(intent.name for intent in known.values())
        raise UsageError(f"There is no intent {unknown[0]!r}. The intents are:\n  {names}")
    chosen = [known[name.casefold()] for name in options.intent] or list(known.values())
    run = workspace.plan_dialogues(
        chosen,
        endpoint=_endpoint(options),
        num_dialogs_per_intent=options.num_dialogs_per_intent,
        num_turns_per_dialog=options.num_turns_per_dialog,
        temperature=0.9 if options.temperature is None else options.temperature,
        language=options.language,
        seed=options.seed,
    )
    workspace.enqueue(run)
    return _execute_and_write(workspace, run, options)


def _run(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    run = workspace.runs.get(options.id)
    return _report(workspace, run, _execute(workspace, run, quiet=options.quiet))


def _resume(options: argparse.Namespace) -> int:
    if options.output:
        _check_output(options)
    workspace = _workspace(options)
    run = workspace.runs.get(options.id)
    workspace.runs.retry_failed(run.id, stage=None if options.retry_failed else Stage.CANCELLED)
    workspace.enqueue(run)
    if options.output:
        return _execute_and_write(workspace, run, options)
    return _report(workspace, run, _execute(workspace, run, quiet=options.quiet))


def _runs(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    for run in workspace.runs.all():
        progress = workspace.runs.progress(run.id)
        print(
            f"{run.id}  {run.state.value:<11}  {progress.done:>6} done {progress.failed:>5} failed "
            f"{progress.pending:>6} pending  {run.name}  {run.reason}".rstrip()
        )
    return OK


def _export(options: argparse.Namespace) -> int:
    workspace = _workspace(options)
    statuses = () if options.status == "all" else (ReviewStatus(options.status),)
    runs = (workspace.runs.get(options.run).id,) if options.run else ()
    files = write_export(
        workspace.records, Query(runs=runs, statuses=statuses), Path(options.output), format_name=options.format
    )
    for file in files:
        print(f"{file.records} records in {file.path}")
    return OK


def _app(options: argparse.Namespace) -> int:
    return launch_app(options.port, open_browser=options.open_browser)


def _workspace(options: argparse.Namespace, *, create: bool = False) -> Workspace:
    if options.workspace:
        return Workspace(Path(options.workspace), create=create)
    return Home(Settings.from_environment().home).open_last()


def _endpoint(options: argparse.Namespace) -> Endpoint:
    if not options.model:
        if options.base_url or options.api_key_env:
            raise UsageError("Name the model of that endpoint with --model; without it the embedded model is used.")
        return EMBEDDED
    endpoint = Endpoint(
        name=options.model,
        base_url=options.base_url or "",
        model=options.model,
        key_env=options.api_key_env or "",
        max_workers=options.max_workers,
    )
    check_endpoint(endpoint)
    return endpoint


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
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a running coroutine is in a task
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, _cancel_once, task)
        with ProgressDisplay(run.name, quiet=quiet) as display:
            return await workspace.execute(run.id, progress=display.show)

    return asyncio.run(execute())


def _cancel_once(task: asyncio.Task[Outcome]) -> None:
    """A second Ctrl-C must not cut short the storing that the first one led to."""
    if not task.cancelling():
        task.cancel()


def _report(
    workspace: Workspace, run: Run, outcome: Outcome, *, output: Path | None = None, failures: Path | None = None
) -> int:
    progress = workspace.runs.progress(run.id)
    unreadable = sum(line.kind == "unreadable" for line in workspace.runs.source_lines(run.id, limit=None))
    if outcome.state is not RunState.FINISHED:
        command = ["python", "-m", "dataflow_core", "resume", run.id, "--workspace", str(workspace.folder)]
        print(f"{outcome.reason} To go on: {shlex.join(command + (['-o', str(output)] if output else []))}")
    print(_last_line(workspace, progress, unreadable, output, failures))
    if outcome.state is not RunState.FINISHED:
        return OTHER
    return SOME_FAILED if progress.failed or unreadable else OK


def _last_line(
    workspace: Workspace, progress: Progress, unreadable: int, output: Path | None, failures: Path | None
) -> str:
    records = f"{progress.done} records in {output or workspace.folder}"
    n_failures = progress.failed + unreadable
    line = f"{records}, {n_failures} failures" + (f" in {failures}" if failures else "")
    return f"{line}, {progress.pending} not done yet" if progress.pending else line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dataflow_core", description="Generate, review and export LLM training data.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    paraseq = verbs.add_parser("paraseq", help="write the parallel, subsequent and composition tasks of atomic tasks")
    paraseq.add_argument("input", metavar="INPUT", help="CSV, TSV, JSONL, JSON, Parquet, Excel, or a task a line")
    paraseq.add_argument("--input-task-key", metavar="COLUMN", help="the column of the tasks (default: guessed)")
    for relation in ("parallel", "subsequent", "composition"):
        paraseq.add_argument(f"--output-{relation}-task-key", metavar="NAME", default=f"{relation}_task")
    _add_generation(paraseq)
    paraseq.set_defaults(verb=_paraseq)

    chat = verbs.add_parser("chat", help="write dialogues")
    chat.add_argument("--intent", action="append", default=[], help="may be repeated (default: all)")
    chat.add_argument("--num-dialogs-per-intent", type=int, default=20, metavar="N")
    chat.add_argument("--num-turns-per-dialog", type=int, default=6, metavar="N", help="messages by both sides; even")
    chat.add_argument("--language", default="English")
    _add_generation(chat)
    chat.set_defaults(verb=_chat)

    run = verbs.add_parser("run", help="execute a run that is planned already")
    run.set_defaults(verb=_run)
    resume = verbs.add_parser("resume", help="go on with a run that was paused, cancelled or interrupted")
    resume.add_argument("--retry-failed", action="store_true", help="try the failed inputs again, too")
    resume.add_argument("-o", "--output", metavar="OUT.jsonl", help="then write the run's records, and its failures")
    resume.set_defaults(verb=_resume)
    for verb in (run, resume):
        verb.add_argument("id", metavar="ID", help="the run's id, or the end of it")
        _add_quiet(verb)
        _add_workspace(verb)

    runs = verbs.add_parser("runs", help="list the runs")
    _add_workspace(runs)
    runs.set_defaults(verb=_runs)

    export = verbs.add_parser("export", help="write reviewed records to a file")
    export.add_argument("--run", metavar="ID", help="only this run's")
    export.add_argument("--status", choices=[*(status.value for status in ReviewStatus), "all"], default="accepted")
    export.add_argument("--format", choices=list(EXPORTERS), default=DEFAULT_FORMAT)
    export.add_argument("-o", "--output", metavar="FILE", required=True)
    _add_workspace(export)
    export.set_defaults(verb=_export)

    app = verbs.add_parser("app", help="start the browser app")
    app.add_argument("--port", type=int, default=8501)
    app.add_argument("--open-browser", action="store_true")
    app.set_defaults(verb=_app)
    return parser


def _temperature(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0.0 <= value <= 2.0):
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 2")
    return value


def _add_generation(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("-o", "--output", metavar="OUT.jsonl", required=True)
    verb.add_argument("--temperature", type=_temperature, help="sampling temperature (chat: 0.9)")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--model", help="a model of an OpenAI-compatible endpoint (default: the embedded one)")
    verb.add_argument("--base-url", metavar="URL", help="of the endpoint (default: the openai package's own)")
    verb.add_argument("--api-key-env", metavar="NAME", help="the environment variable that holds the key")
    verb.add_argument("--max-workers", type=int, metavar="N", default=16, help="calls in flight (default 16)")
    _add_quiet(verb)
    _add_workspace(verb)


def _add_quiet(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--quiet", action="store_true", help="show no progress")


def _add_workspace(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--workspace", metavar="DIR", help="(default: the one the app opened last)")

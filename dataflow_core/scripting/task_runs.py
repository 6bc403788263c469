"""Running a `GeneratorTask` in a workspace: finding the run to go on with, or planning one, and executing it."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dataflow_core.errors import DataflowError, OwnCodeError, UsageError
from dataflow_core.generators.of_scripts import CUSTOM
from dataflow_core.models import Fields, Run, RunState
from dataflow_core.running.health import RESUME
from dataflow_core.running.runner import Outcome
from dataflow_core.scripting.blocking import run_blocking
from dataflow_core.scripting.foreign import KeptOpen, Reach
from dataflow_core.scripting.generator_task import GeneratorTask, may_hold_a_key
from dataflow_core.scripting.llms import LLM
from dataflow_core.scripting.rows import Rows, frame_of
from dataflow_core.scripting.step_runs import write_failures_beside, write_rows
from dataflow_core.scripting.task_adapter import PAGE, TaskGenerator
from dataflow_core.scripting.task_feed import Line, LineLLM
from dataflow_core.scripting.task_rows import json_value
from dataflow_core.scripting.typing import Row
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.offsets import OffsetStore, offset_fields
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

logger = logging.getLogger(__name__)

_UNFINISHED = (RunState.PAUSED, RunState.INTERRUPTED, RunState.QUEUED, RunState.RUNNING)
_running: set[int] = set()
_one_at_a_time = threading.Lock()


def run_task(
    task: GeneratorTask,
    workspace: Workspace | str | Path | None,
    *,
    num_records: int | None = None,
    storage: Any = None,
    retry_failed: bool = False,
) -> Any:
    """What `GeneratorTask.run` says."""
    with opened(workspace) as place:
        run = run_in_workspace(task, place, num_records=num_records, retry_failed=retry_failed)
        rows = rows_of(place, run)
        if storage is None:
            return rows
        step = Rows(tuple(task.column_names), rows)
        write_rows(storage, step)
        write_failures_beside(place, run, storage, task.failures)
    return frame_of(step)


def run_in_workspace(
    task: GeneratorTask,
    workspace: Workspace,
    *,
    num_records: int | None = None,
    retry_failed: bool = False,
    source: Fields | None = None,
    reuse_finished: bool = False,
    go_on: bool = True,
) -> Run:
    """Execute the task's unfinished run, or a new one, and return it as it stands then.

    `source` is what else tells the run from others of the same task (the step of a pipeline); with `reuse_finished` a
    finished one is returned as it is, and without `go_on` there is always a new one.
    """
    if num_records is not None and num_records < 1:
        raise UsageError(f"num_records is {num_records}. Ask for at least 1 record, or leave it out for all.")
    with _alone(task):
        task.load()
        try:
            reach = LLM.of(task.llm).reach()
            source = source or {"name": "script"}
            run = _found(task, workspace, reach, source, or_finished=reuse_finished or retry_failed) if go_on else None
            if run is not None and run.state is RunState.FINISHED and not retry_failed:
                return _noted(task, workspace, run)
            run = run or _plan(task, workspace, reach, source, num_records)
            if retry_failed:
                workspace.runs.retry_failed(run.id)
            _execute(task, workspace, run, reach, num_records)
        finally:
            task.unload()
        return _noted(task, workspace, run)


def rows_of(workspace: Workspace, run: Run) -> list[Row]:
    """The rows of the run's records as they are now, in the order of the inputs."""
    return [record.fields for record in workspace.records.stream(Query(runs=(run.id,)))]


@contextmanager
def opened(workspace: Workspace | str | Path | None) -> Iterator[Workspace]:
    """The workspace, opened where it is a folder and closed again then; without one a temporary one."""
    if isinstance(workspace, Workspace):
        yield workspace
        return
    with ExitStack() as stack:
        if workspace is None:
            workspace = stack.enter_context(tempfile.TemporaryDirectory(prefix="dataflow-"))
        place = Workspace(Path(workspace).expanduser(), create=True)
        stack.callback(place.close)
        yield place


def _found(task: GeneratorTask, workspace: Workspace, reach: Reach, source: Fields, *, or_finished: bool) -> Run | None:
    """The newest run of the same task that is not finished."""
    wanted = (*_UNFINISHED, *([RunState.FINISHED] if or_finished else []))
    for run in workspace.runs.all():
        is_same = run.generator == CUSTOM and run.params == _params(task) and run.name == _name(task)
        is_same = is_same and run.endpoint.model == reach.endpoint.model and run.state in wanted
        if is_same and all(run.source.get(key) == value for key, value in source.items()):
            return run
    return None


def _plan(task: GeneratorTask, workspace: Workspace, reach: Reach, source: Fields, num_records: int | None) -> Run:
    return workspace.runs.create(
        RunPlan(
            name=_name(task),
            generator=CUSTOM,
            params=_params(task),
            endpoint=reach.endpoint,
            prompt_version=type(task).__name__,
            inputs=offset_fields(0, num_records or PAGE),
            source=source,
        )
    )


def _execute(task: GeneratorTask, workspace: Workspace, run: Run, reach: Reach, num_records: int | None) -> None:
    line = Line(type(task).__name__, reach.endpoint.max_workers)
    offsets = OffsetStore(workspace.database, run.id)
    workspace.runs.enqueue(run.id, limit=None, endpoint=reach.endpoint, is_here=True)
    if num_records is not None:
        offsets.declare(num_records)
        offsets.withdraw(num_records)
    llm, task.llm = task.llm, LineLLM(task.llm, line)
    adapter = TaskGenerator(task, line, offsets, wanted=num_records)
    try:
        outcome = run_blocking(lambda: _drive(workspace, run, reach, adapter))
    finally:
        adapter.close()
        task.llm = llm
    if adapter.problem is not None:
        raise adapter.problem
    if outcome.stopped_by == "problem":
        raise DataflowError(f"{outcome.reason.removesuffix(RESUME)} Run the same script again to go on.")
    if outcome.state is not RunState.FINISHED:
        logger.warning("The run %s stands still: %s Run the same task again to go on.", run.id, outcome.reason)


async def _drive(workspace: Workspace, run: Run, reach: Reach, adapter: TaskGenerator) -> Outcome:
    """Execute the run over and over as long as further offsets are declared; withdraw those past the task's end."""
    serving = reach.open(workspace.open_serving)
    before = -1
    try:
        while True:
            outcome = await workspace.execute(run.id, serving=KeptOpen(serving), generator=adapter)
            if adapter.end is not None:
                OffsetStore(workspace.database, run.id).withdraw(adapter.end)
            progress = workspace.runs.progress(run.id)
            if not progress.pending and outcome.stopped_by == "limit":
                return Outcome(RunState.FINISHED)
            if outcome.stopped_by != "limit" or progress.ended == before:
                return outcome
            before = progress.ended
    finally:
        await serving.close()


def _noted(task: GeneratorTask, workspace: Workspace, run: Run) -> Run:
    task._note_run(run.id, workspace.runs.failures(run.id, limit=None))
    return workspace.runs.get(run.id)


def _params(task: GeneratorTask) -> Fields:
    return {"task": type(task).__name__, "outputs": task.column_names, "fields": task.stored_fields} | _settings(task)


def _settings(task: GeneratorTask) -> Fields:
    try:
        given = json_value(getattr(task.llm, "generation_kwargs", None) or {}, "generation_kwargs")
    except OwnCodeError:
        return {}
    kept = {name: value for name, value in given.items() if not may_hold_a_key({name: value})}
    return {"generation_kwargs": kept} if kept else {}


def _name(task: GeneratorTask) -> str:
    return task.name or type(task).__name__


@contextmanager
def _alone(task: GeneratorTask) -> Iterator[None]:
    with _one_at_a_time:
        if id(task) in _running:
            raise UsageError(f"{_name(task)} is running already. Make another task for a second run at the same time.")
        _running.add(id(task))
    try:
        yield
    finally:
        with _one_at_a_time:
            _running.discard(id(task))

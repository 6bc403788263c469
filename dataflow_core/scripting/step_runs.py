"""One step of a script as a run of a workspace: planned or taken up again, executed, and written to the storage."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dataflow_core.errors import ServingError, UsageError, WorkspaceError
from dataflow_core.exporting.failures import write_failures
from dataflow_core.exporting.reading import whole
from dataflow_core.generators.base import Generator
from dataflow_core.models import Endpoint, Failure, Fields, Record, Run, RunState
from dataflow_core.running.health import RESUME
from dataflow_core.scripting.file_storage import FileStorage, make_folder
from dataflow_core.scripting.rows import Rows, frame_of, rows_of
from dataflow_core.scripting.running import execute, serving_of
from dataflow_core.scripting.step_files import check_holds, nested_in_csv
from dataflow_core.serving.base import Serving
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

logger = logging.getLogger(__name__)

WorkspaceLike = Workspace | str | os.PathLike[str] | None


@dataclass(frozen=True)
class StepPlan:
    """What a script asks for. `inputs` and `params` tell one plan from another; `create` stores the run.

    `row` makes a row of a record, with `columns` in this order.
    """

    generator: Generator
    params: Fields
    inputs: list[Fields]
    create: Callable[[Workspace, Endpoint], Run]
    row: Callable[[Record], Fields]
    columns: tuple[str, ...]

    def fingerprint(self, endpoint: Endpoint) -> str:
        """The same for the same generator, params, prompts, model and inputs, wherever the model is reached."""
        told = [
            *(self.generator.name, self.generator.prompt_version, self.params),
            *(endpoint.kind, endpoint.model.strip(), self.inputs),
        ]
        text = json.dumps(told, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def rows_in(storage: Any) -> Rows:
    """What the storage holds at its step. Raises `UsageError` for what is no storage."""
    if not callable(getattr(storage, "read", None)):
        raise UsageError(
            f"storage is a {type(storage).__name__}, where an object with step(), read() and write() is "
            "needed, such as FileStorage(…).step()."
        )
    return rows_of(storage.read(output_type="dict" if isinstance(storage, FileStorage) else "dataframe"))


def carry_out(
    plan_in: Callable[[Workspace], StepPlan], *, llm_serving: Any, storage: Any, workspace: WorkspaceLike, name: str
) -> tuple[Rows, list[Failure]]:
    """Run the plan that is made in the workspace; returns its records' rows, in the inputs' order, and the failures.

    The rows are written to the storage. What failed is left out of the step and written beside it. Raises
    `ConfigurationError` for a wrong key, model or address, `ServingError` where the run has stopped for another reason
    of the model's, `WorkspaceError` where a person has stopped it; what was answered is kept, and the same plan goes
    on with it.

    Without a workspace there is one in a hidden folder beside the output until the step is written; for a storage
    that is no `FileStorage` the folder is `cache/.{name}.run`.
    """
    serving, endpoint = serving_of(llm_serving)
    with _opened(workspace, storage, name) as (opened, folder):
        plan = plan_in(opened)
        run = _planned(opened, plan, endpoint)
        if opened.runs.progress(run.id).pending or run.state is not RunState.FINISHED:
            _execute(opened, run, serving, folder)
        records = opened.records.stream(whole(Query(runs=(run.id,))))
        rows = Rows(plan.columns, [plan.row(record) for record in records])
        write_rows(storage, rows)
        failures = opened.runs.failures(run.id, limit=None)
        write_failures_beside(opened, run, storage, failures)
        is_over = workspace is None and not opened.runs.live()  # else another script is at work there
    if is_over:
        shutil.rmtree(folder, ignore_errors=True)
    return rows, failures


@contextmanager
def _opened(workspace: WorkspaceLike, storage: Any, name: str) -> Iterator[tuple[Workspace, Path]]:
    if isinstance(workspace, Workspace):
        yield workspace, workspace.folder
        return
    folder = _hidden_folder(storage, name) if workspace is None else Path(workspace).expanduser()
    opened = Workspace(folder, create=True)
    try:
        yield opened, folder
    finally:
        opened.close()


def _hidden_folder(storage: Any, name: str) -> Path:
    folder = storage.run_folder if isinstance(storage, FileStorage) else Path("cache", f".{name}.run")
    make_folder(folder.parent)
    return Path(folder)


def _planned(workspace: Workspace, plan: StepPlan, endpoint: Endpoint) -> Run:
    """The run that this plan has here already, else a new one. Failed inputs of one that had ended are tried again."""
    fingerprint = plan.fingerprint(endpoint)
    known = workspace.preferences.run_of_script(fingerprint)
    run = None
    if known is not None:
        with suppress(UsageError):  # it is gone
            run = workspace.runs.get(known)
    if run is None or run.state is RunState.CANCELLED:
        run = plan.create(workspace, endpoint)
        workspace.preferences.keep_run_of_script(fingerprint, run.id)
    elif run.state is RunState.FINISHED:
        workspace.retry(run.id)
    return replace(workspace.runs.get(run.id), endpoint=endpoint)


def _execute(workspace: Workspace, run: Run, serving: Serving, folder: Path) -> None:
    outcome = execute(workspace, run, serving)
    if outcome.state is RunState.FINISHED:
        return
    if outcome.state is RunState.CANCELLED:
        raise WorkspaceError("The run was cancelled, and nothing was written. Run the script again to begin anew.")
    kept = f"What was answered is kept in {folder}; the same script goes on with it."
    error = WorkspaceError if outcome.stopped_by in ("person", "budget") else ServingError
    raise error(f"{outcome.reason.removesuffix(RESUME)} {kept}")


def write_rows(storage: Any, rows: Rows) -> None:
    """Write the next step of the storage."""
    is_ours = isinstance(storage, FileStorage) and rows.rows
    storage.write(rows.rows if is_ours else frame_of(rows))


def write_failures_beside(workspace: Workspace, run: Run, storage: Any, failures: list[Failure]) -> None:
    """Write the run's failures beside the step that a `FileStorage` writes, and tell of them."""
    beside = ""
    if isinstance(storage, FileStorage):
        write_failures(workspace.runs, run.id, storage.failures_path)
        beside = f" They are in {storage.failures_path}."
    if failures:
        total = workspace.runs.progress(run.id).total
        logger.warning(
            "%d of %d inputs failed and are left out. The first: %s%s", len(failures), total, failures[0].reason, beside
        )


def check_before(rows: Rows, storage: Any) -> None:
    """Before anything is paid for. Raises `UsageError` for no rows, and for some that the next step cannot hold."""
    if not rows.rows:
        raise UsageError(f"{storage!r} holds no rows at its step, so there is nothing to make tasks from.")
    if isinstance(storage, FileStorage):
        check_holds(storage.cache_type, rows)


def refuse_csv(storage: Any, column: str) -> None:
    """Before anything is paid for: that column will hold lists."""
    if isinstance(storage, FileStorage) and storage.cache_type == "csv":
        raise nested_in_csv(column)

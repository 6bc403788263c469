"""A sequence of steps in which one's records are the next one's inputs. Every step is a run of a workspace.

What has been done is found there again by a mark of the step's definition, so that running the steps again goes on
where they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from dataflow_core.errors import RunIsLiveError, UsageError
from dataflow_core.exporting.engine import write_export
from dataflow_core.exporting.plan import ExportFile
from dataflow_core.flows.pipeline_steps import (
    DialoguesStep,
    ExportStep,
    MakingStep,
    RecipeStep,
    Step,
    TasksStep,
    check_order,
    digest_of,
    label_of,
    prepare,
)
from dataflow_core.flows.record_inputs import RecordChoice, note_records
from dataflow_core.models import EMBEDDED, Budget, Endpoint, ReviewStatus, Run, Stage
from dataflow_core.running.health import RESUME
from dataflow_core.scripting.blocking import run_blocking
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

__all__ = ["DialoguesStep", "ExportStep", "PipelineOutcome", "RecipeStep", "Step", "TasksStep", "run_pipeline"]

Execute: TypeAlias = Callable[[Workspace, Run], object]
Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PipelineOutcome:
    """How far the steps have come. `sentence` says so, and what to do where it is not to the end.

    "waiting": for a review; "stopped": a run was stopped or could not go on. `runs` are the ids of the steps' runs,
    `failures` counts their inputs that have no record.
    """

    state: Literal["finished", "waiting", "stopped"]
    sentence: str
    runs: tuple[str, ...] = ()
    files: tuple[ExportFile, ...] = ()
    failures: int = 0


def run_pipeline(
    steps: Sequence[Step],
    *,
    name: str,
    workspace: Workspace | Path | str,
    endpoint: Endpoint | str | None = None,
    folder: Path | str = ".",
    execute: Execute | None = None,
    say: Say = lambda _: None,
) -> PipelineOutcome:
    """Run the steps, or go on with them: finished ones are not done again, unfinished runs are resumed.

    `name` is what the steps are found by in the workspace, which is made where it is not there. `endpoint` is for steps
    without their own: one, the name of one that the workspace knows, or None for the embedded model. Files are looked
    for from `folder`. `execute` executes a run that has been enqueued; `say` is told what is done, in sentences.

    Raises `UsageError` for steps that cannot be run as they are, and `RunIsLiveError` while a step is being executed by
    another process. What else stops a run is in the outcome.
    """
    chosen = tuple(steps)
    check_order(chosen)
    if not name.strip():
        raise UsageError("The pipeline needs a name, by which its runs are found again.")
    is_open = isinstance(workspace, Workspace)
    opened = workspace if isinstance(workspace, Workspace) else Workspace(Path(workspace), create=True)
    with nullcontext() if is_open else closing(opened):
        default = opened.endpoints.get(endpoint) if isinstance(endpoint, str) else endpoint or EMBEDDED
        return _Progress(opened, name, default, Path(folder), execute or _execute, say).through(chosen)


class _Progress:
    """One going through the steps."""

    def __init__(
        self, workspace: Workspace, name: str, endpoint: Endpoint, folder: Path, execute: Execute, say: Say
    ) -> None:
        self._workspace = workspace
        self._name = name
        self._endpoint = endpoint
        self._folder = folder
        self._execute = execute
        self._say = say
        self._made: list[tuple[int, Run]] = []  # the runs so far, with their steps' numbers
        self._files: list[ExportFile] = []
        self._known = [run for run in workspace.runs.all() if _is_of(run, name)]

    def through(self, steps: Sequence[Step]) -> PipelineOutcome:
        digest = ""
        for number, step in enumerate(steps, start=1):
            try:
                if isinstance(step, ExportStep):
                    stop = self._export(number, step)
                else:
                    stop, digest = self._make(number, step, digest)
            except UsageError as error:
                raise UsageError(f"Step {number} ({label_of(step)}): {error}") from error
            if stop is not None:
                return stop
        return self._outcome("finished", self._end())

    def _make(self, number: int, step: MakingStep, before: str) -> tuple[PipelineOutcome | None, str]:
        prepared = prepare(step, self._workspace, folder=self._folder, endpoint=self._endpoint)
        digest = digest_of(prepared.definition, before, number)
        run = next((run for run in self._known if run.source.get("digest") == digest), None)
        if run is None:
            choice = None
            if self._made:
                only_accepted = not isinstance(step, DialoguesStep) and step.only_accepted
                if (waits := self._waits(number, only_accepted)) is not None:
                    return waits, digest
                choice = self._choice(only_accepted)
            if any(run.source.get("step") == number for run in self._known):
                self._say(f"Step {number} ({prepared.label}) is another than it was: it is made anew.")
            run = prepared.plan(choice)
            runs = self._workspace.runs
            runs.add_to_source(run.id, {"pipeline": self._name, "step": number, "digest": digest})
            run = runs.get(run.id) if choice is None else note_records(runs, run, choice)
        return self._carry_out(number, prepared.label, run, prepared.endpoint, step.budget), digest

    def _carry_out(
        self, number: int, label: str, run: Run, endpoint: Endpoint, budget: Budget | None
    ) -> PipelineOutcome | None:
        self._made.append((number, run))
        runs = self._workspace.runs
        if run.state.is_live:
            raise RunIsLiveError(f"Step {number} ({label}) is being executed already, as run {run.id}.")
        for stage in (Stage.CANCELLED, Stage.BUDGET):
            self._workspace.retry(run.id, stage=stage)
        progress = runs.progress(run.id)
        if not progress.pending:
            self._say(f"Step {number} ({label}): {_count(progress.done)}, made before.")
            return None
        begins = "goes on" if progress.ended else "begins"
        self._say(f"Step {number} ({label}) {begins}: {progress.pending:,} of {progress.total:,} inputs to do.")
        runs.enqueue(run.id, limit=None, endpoint=endpoint, budget=budget)
        self._execute(self._workspace, run)
        progress, run = runs.progress(run.id), runs.get(run.id)
        if progress.pending:
            reason = run.reason.removesuffix(" Resume to go on.").removesuffix(RESUME)
            return self._outcome("stopped", f"Step {number} ({label}) has stopped. {reason} {_GO_ON}")
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        self._say(f"Step {number} ({label}): {_count(progress.done)}{failed}.")
        return None

    def _export(self, number: int, step: ExportStep) -> PipelineOutcome | None:
        if (waits := self._waits(number, step.only_accepted)) is not None:
            return waits
        choice = self._choice(step.only_accepted)
        query = Query(runs=choice.query.runs, statuses=choice.statuses)
        files = write_export(self._workspace.records, query, self._folder / step.path, format_name=step.format)
        self._files += files
        for file in files:
            what = _count(file.records) + (" left out" if file.kind == "left out" else "")
            self._say(f"Step {number}: {what} in {file.path}.")
        return None

    def _waits(self, number: int, only_accepted: bool) -> PipelineOutcome | None:
        """Where the step before has nothing to go on with yet, or for good."""
        before, run = self._made[-1]
        counts = self._workspace.records.count_by_status(Query(runs=(run.id,)))
        which = f"step {before} (“{run.name}”)"
        left = [status for status in (ReviewStatus.UNREVIEWED, ReviewStatus.FLAGGED) if counts[status]]
        if only_accepted and left:
            number_left = sum(counts[status] for status in left)
            flagged = f" ({counts[ReviewStatus.FLAGGED]:,} of them flagged)" if counts[ReviewStatus.FLAGGED] else ""
            sentence = (
                f"Step {number} takes accepted records only, and {_count(number_left)} of {which}{flagged} "
                f"{'waits' if number_left == 1 else 'wait'} for a review. Review them in the app, under Review, "
                f"run {run.id[-4:]} of the workspace {self._workspace.folder}. {_AGAIN}"
            )
            return self._outcome("waiting", sentence)
        going = self._choice(only_accepted)
        if not any(counts[status] for status in going.statuses):
            why = "none of its records was accepted" if only_accepted else "it has no records that were not turned down"
            return self._outcome("stopped", f"Step {number} has nothing to go on with: of {which}, {why}.")
        return None

    def _choice(self, only_accepted: bool) -> RecordChoice:
        before, run = self._made[-1]
        return RecordChoice(Query(runs=(run.id,)), only_accepted, name=f"{self._name}, step {before}: {run.name}")

    def _end(self) -> str:
        made = ", ".join(f"{_count(file.records)} in {file.path}" for file in self._files)
        last = self._made[-1][1]
        records = self._workspace.records.count(Query(runs=(last.id,)))
        return f"“{self._name}” is finished: {made or f'{_count(records)} of its last step in the workspace'}."

    def _outcome(self, state: Literal["finished", "waiting", "stopped"], sentence: str) -> PipelineOutcome:
        runs = tuple(run.id for _, run in self._made)
        failures = sum(self._workspace.runs.progress(run).failed for run in runs)
        return PipelineOutcome(state, sentence, runs, tuple(self._files), failures)


_GO_ON = "To go on, run the pipeline again."
_AGAIN = "Then run the pipeline again: it goes on from there."


def _is_of(run: Run, name: str) -> bool:
    """A run planned from a saved one bears the pipeline's name, too, but is no step of it."""
    from dataflow_core.flows.saved_runs import is_again

    return run.source.get("pipeline") == name and not is_again(run)


def _count(number: int) -> str:
    return "1 record" if number == 1 else f"{number:,} records"


def _execute(workspace: Workspace, run: Run) -> None:
    run_blocking(lambda: workspace.execute(run.id))

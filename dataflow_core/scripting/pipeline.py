"""`with Pipeline("name") as pipeline: a >> b`, then `pipeline.run()`: steps, each a run of the workspace."""

from __future__ import annotations

import os
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dataflow_core.errors import UsageError
from dataflow_core.exporters import exporter_named
from dataflow_core.scripting.distiset import Distiset, Rows
from dataflow_core.settings import Settings

if TYPE_CHECKING:  # a script that makes a task needs no database yet
    from dataflow_core.models import Run
    from dataflow_core.scripting.pipeline_steps import Step
    from dataflow_core.workspace import Workspace

_open: ContextVar[Pipeline | None] = ContextVar("open_pipeline", default=None)


class Pipeline:
    """Steps in which one's records are the next one's inputs. After distilabel's `Pipeline`.

    Tasks made within `with` belong to it; `a >> b` says that b takes a's records, and `a >> [b, c]` that both do.
    """

    def __init__(self, name: str = "pipeline", description: str = "") -> None:
        self.name = name
        self.description = description
        self._steps: list[_Placed] = []
        self._token: Token[Pipeline | None] | None = None

    def __enter__(self) -> Self:
        self._token = _open.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _open.reset(self._token)
            self._token = None

    def run(
        self,
        workspace: Workspace | str | Path | None = None,
        use_cache: bool = True,
        *,
        parameters: dict[str, dict[str, Any]] | None = None,
    ) -> Distiset:
        """Execute the steps one after another, and return the rows of the last ones.

        `workspace` is one that is open, or a folder; without it, the one with the pipeline's name among those of the
        app. With `use_cache` a step that is finished is not done again, and an unfinished one goes on where it stands;
        other rows or fields make another run. `parameters` sets fields of steps by their names:
        `{"jokes": {"num_records": 10, "llm": {"generation_kwargs": {"temperature": 0.7}}}}`.

        Raises what a task's `run` raises, `UsageError` for steps that do not fit together, and `DataflowError` where a
        step stands still.
        """
        from dataflow_core.scripting.pipeline_steps import Given
        from dataflow_core.scripting.task_runs import opened, rows_of

        placed, given = self._named(), dict(parameters or {})
        if unknown := [name for name in given if name not in placed]:
            raise UsageError(f"There is no step {unknown[0]!r}. The steps are: {', '.join(placed)}.")
        with opened(self._default_folder() if workspace is None else workspace) as place:
            done: dict[int, Run] = {}
            for name, one in placed.items():
                before = done.get(id(one.before)) if one.before is not None else None
                rows = None if before is None else rows_of(place, before)
                settings = given.get(name, {})
                done[id(one)] = one.step.execute(Given(place, self.name, name, rows, before, use_cache, settings))
            return self._result(place, placed, done)

    def place(self, what: Any) -> _Placed:
        """The step that this object is, added where it is new. Raises `UsageError` for what cannot be a step."""
        from dataflow_core.scripting.pipeline_steps import step_of

        for one in self._steps:
            if one.what is what or one is what:
                return one
        self._steps.append(_Placed(self, what, step_of(what)))
        return self._steps[-1]

    def _named(self) -> dict[str, _Placed]:
        """The steps by name, each after the one whose rows it takes."""
        from dataflow_core.scripting.pipeline_steps import unique

        if not self._steps:
            raise UsageError("The pipeline has no steps. Make its tasks within `with Pipeline(…):`.")
        waiting, named = list(self._steps), dict[str, _Placed]()
        while waiting:
            ready = [one for one in waiting if one.before is None or one.before not in waiting]
            if not ready:
                raise UsageError("The steps of the pipeline take each other's records in a circle.")
            for one in ready:
                named[unique(one.step.name, named)] = one
                waiting.remove(one)
        return named

    def _result(self, place: Workspace, placed: dict[str, _Placed], done: dict[int, Run]) -> Distiset:
        from dataflow_core.scripting.task_runs import rows_of

        taken = {id(one.before) for one in placed.values() if one.before is not None}
        last = {name: one for name, one in placed.items() if id(one) not in taken}
        rows = {name: rows_of(place, done[id(one)]) for name, one in last.items()}
        configurations = {"default" if len(rows) == 1 else name: Rows(found) for name, found in rows.items()}
        runs = {name: done[id(one)].id for name, one in placed.items() if not isinstance(one.what, Export)}
        failures = {name: place.runs.failures(run_id, limit=None) for name, run_id in runs.items()}
        return Distiset(configurations, runs, {name: found for name, found in failures.items() if found})

    def _default_folder(self) -> Path:
        from dataflow_core.home import folder_name

        return Settings.from_environment().home / folder_name(self.name)


class Export:
    """A step that writes the records of the one before to a file, in one of the formats of an export.

    The file is there whole or not at all. Raises `UsageError` for a format that there is not.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        format: str = "dataflow",
        *,
        name: str = "export",
    ) -> None:
        exporter_named(format)
        self.path = Path(path)
        self.format = format
        self.name = name

    def __rrshift__(self, step: Any) -> Any:
        """`step >> Export(…)` also where the step is a generator that knows nothing of pipelines."""
        return connect(step, self)


class _Placed:
    """A step at its place in a pipeline; `before` is the one whose rows it takes."""

    def __init__(self, pipeline: Pipeline, what: Any, step: Step) -> None:
        self.pipeline = pipeline
        self.what = what
        self.step = step
        self.before: _Placed | None = None

    def __rshift__(self, other: Any) -> Any:
        from dataflow_core.scripting.pipeline_steps import TaskStep

        if isinstance(other, list | tuple):
            return [self >> one for one in other]
        after = self.pipeline.place(other)
        if isinstance(after.step, TaskStep):
            raise UsageError(
                f"“{after.step.name}” makes its rows from nothing: a GeneratorTask cannot follow another step."
            )
        if after.before is not None and after.before is not self:
            raise UsageError(f"“{after.step.name}” takes the records of another step already. It can take one's only.")
        after.before = self
        return after


def register(step: Any) -> None:
    """Add the step to the pipeline that is open, if one is."""
    pipeline = _open.get()
    if pipeline is not None:
        pipeline.place(step)


def connect(step: Any, other: Any) -> Any:
    """What `step >> other` does. Raises `UsageError` outside of a pipeline."""
    pipeline = _open.get()
    if pipeline is None:
        raise UsageError("Steps are connected within a pipeline: with Pipeline(…) as pipeline: first >> second")
    return pipeline.place(step) >> other

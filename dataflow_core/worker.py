"""The process that one-off calls are made in: it takes up the workspace's rewriting runs as they are asked for.

It is there for the next one when a person asks again, with what takes time to begin done already: the libraries are
loaded, and the embedded model is, once it was called. When nobody asks for a while it ends.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from dataflow_core.errors import DataflowError, DiskFullError, RunIsLiveError
from dataflow_core.models import Completion, Endpoint, Prompt, Recipe
from dataflow_core.serving.base import Serving
from dataflow_core.workspace import Workspace

#: Seconds: between two looks for something to do, between two signs of life, and until an idle worker ends.
POLL, BEAT, IDLE = 0.2, 5.0, 60.0
_RESERVE = "worker"


class Worker:
    """`name` says which key it was handed, as `storage.workers` has it. `say` is told what goes wrong."""

    def __init__(
        self, workspace: Workspace, *, name: str = "", idle: float = IDLE, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._workspace = workspace
        self._name = name
        self._idle = idle
        self._say = say
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._kept: dict[tuple[str, int], _Kept] = {}

    async def run(self) -> None:
        """Execute runs as they come, until there has been nothing to do for `idle` seconds.

        Returns at once where another process is the worker.
        """
        workers = self._workspace.workers
        if not await asyncio.to_thread(workers.claim, self._name):
            return
        try:
            await self._serve()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            for serving in self._kept.values():
                await serving.inner.close()
            if self._workspace.is_there():
                workers.leave(self._name)
                self._workspace.free_reserve(_RESERVE)

    async def _serve(self) -> None:
        workers = self._workspace.workers
        busy_at = seen_at = time.monotonic()
        while self._workspace.is_there():
            for run_id in await asyncio.to_thread(workers.waiting, self._name):
                if run_id not in self._tasks:
                    self._take_up(run_id)
            now = time.monotonic()
            if self._tasks:
                busy_at = now
            elif now - busy_at >= self._idle and await asyncio.to_thread(workers.retire, self._name):
                return
            if now - seen_at >= BEAT:
                seen_at = now
                if not await asyncio.to_thread(workers.beat, self._name):
                    await asyncio.gather(*self._tasks.values(), return_exceptions=True)
                    return
            await asyncio.sleep(POLL)

    def _take_up(self, run_id: str) -> None:
        task = asyncio.create_task(self._execute(run_id))
        self._tasks[run_id] = task
        task.add_done_callback(lambda ended: self._ended(run_id, ended))

    def _ended(self, run_id: str, task: asyncio.Task[None]) -> None:
        del self._tasks[run_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._say("".join(traceback.format_exception(error)))  # the other runs go on

    async def _execute(self, run_id: str) -> None:
        try:
            serving = self._serving(self._workspace.runs.get(run_id).endpoint)
            await self._workspace.execute(run_id, serving=serving, reserve=_RESERVE)
        except RunIsLiveError:
            return
        except DiskFullError as error:
            self._say(f"{run_id}: {error}")
            await asyncio.sleep(BEAT)  # it may still be waiting to be taken up
        except DataflowError as error:
            self._say(f"{run_id}: {error}")

    def _serving(self, endpoint: Endpoint) -> Serving | None:
        """One that all runs share; None where each opens its own."""
        if endpoint.kind != "embedded":
            return None
        which = endpoint.model, endpoint.max_workers
        if which not in self._kept:
            self._kept[which] = _Kept(self._workspace.open_serving(endpoint))
        return self._kept[which]


class _Kept:
    """A serving that outlives the runs which use it: the worker closes what is inside."""

    def __init__(self, inner: Serving) -> None:
        self.inner = inner

    @property
    def model_name(self) -> str:
        return self.inner.model_name

    @property
    def recipe(self) -> Recipe:
        return self.inner.recipe

    @property
    def max_workers(self) -> int:
        return self.inner.max_workers

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        return await self.inner.complete(prompt, schema=schema)

    async def close(self) -> None:
        pass

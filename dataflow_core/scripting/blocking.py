"""Asynchronous work for whoever cannot await it: in a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

T = TypeVar("T")


def run_blocking(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do the work and return what it returns; raises what it raises. Also where a loop is running already (notebooks).

    Ctrl-C cancels the work, waits until it has stored what it has, and is passed on; the second waits for nothing.
    """
    worker = _Worker(work)
    worker.start()
    try:
        worker.wait()
    except KeyboardInterrupt:
        worker.cancel()
        worker.wait()
        raise
    if worker.error is not None:
        raise worker.error
    return cast(T, worker.result)


class _Worker(threading.Thread):
    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        super().__init__(name="dataflow-run", daemon=True)
        self._work = work
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun, self._ended = threading.Event(), threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = asyncio.run(self._do())
        except BaseException as error:  # noqa: BLE001  it is raised in the thread that waits
            self.error = error
        finally:
            self._begun.set()
            self._ended.set()

    def wait(self) -> None:
        # Not by `join`, which in Python 3.11 takes a thread for ended once it was interrupted. With a time-out, because
        # elsewhere than on Linux a wait without end cannot be interrupted.
        while not self._ended.wait(0.2):
            pass

    def cancel(self) -> None:
        self._begun.wait()
        if self._task is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def _do(self) -> Any:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._begun.set()
        return await self._work()

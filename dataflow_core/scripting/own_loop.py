"""Running a coroutine to its end from ordinary code, also where an event loop is running: in a notebook."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def in_own_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run what `work` makes in a thread and event loop of its own, and return what it returns.

    Ctrl-C cancels it, and is raised once it has ended.
    """
    result: Future[T] = Future()
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()

    async def run() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a running coroutine is in a task
        started.set_result((asyncio.get_running_loop(), task))
        return await work()

    def thread() -> None:
        try:
            result.set_result(asyncio.run(run()))
        except BaseException as error:  # noqa: BLE001  it is raised where the caller waits
            result.set_exception(error)

    running = threading.Thread(target=thread, name="dataflow-loop", daemon=True)
    running.start()
    try:
        return result.result()
    except KeyboardInterrupt:
        if not result.done():
            loop, task = started.result()
            loop.call_soon_threadsafe(task.cancel)
            running.join()
        raise
    finally:
        running.join()

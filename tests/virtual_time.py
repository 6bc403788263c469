"""An event loop in which no time passes but that which somebody waits for: an hour of back-off takes a moment."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Instead of waiting until a time-out it is told that the time-out has come."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0
        self.threads = 0  # at work; no virtual time passes meanwhile

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.threads:
            return super().select(0.05 if timeout is None else min(timeout, 0.05))
        ready = super().select(0)
        if not ready and timeout is None:
            ready = super().select(5.0)  # the loop's own threads are ending
            assert ready, "Everybody waits for something that nobody will do."
        if not ready and timeout:
            self.waited += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._waits = _Selector()
        super().__init__(self._waits)

    def time(self) -> float:
        return self._waits.waited

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        work = super().run_in_executor(executor, func, *args)
        self._waits.threads += 1
        work.add_done_callback(self._one_done)
        return work

    def _one_done(self, _: object) -> None:
        self._waits.threads -= 1


def run_virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """For code without connections; `now` is its clock."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def now() -> float:
    return asyncio.get_running_loop().time()

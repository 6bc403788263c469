"""A run's progress on a terminal: a bar, or plain lines where there is none."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from tqdm import tqdm

from dataflow_core.models import Progress, Run
from dataflow_core.wording import money

_LINE_EVERY = 10.0  # seconds


class ProgressDisplay:
    def __init__(self, run: Run, *, quiet: bool) -> None:
        self._run = run
        self._quiet = quiet
        self._bar: Any = None
        self._last_line = time.monotonic()

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: Progress) -> None:
        if self._quiet:
            return
        try:
            self._show(progress)
        except OSError:  # whoever read it has gone; the run goes on
            self._quiet = True

    def _show(self, progress: Progress) -> None:
        if sys.stderr.isatty():
            self._show_bar(progress)
        elif time.monotonic() - self._last_line >= _LINE_EVERY:
            self._last_line = time.monotonic()
            print(progress_line(self._run, progress), file=sys.stderr, flush=True)  # noqa: T201

    def _show_bar(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = tqdm(total=self._run.target(progress), desc=self._run.name, unit="input", initial=0)
        self._bar.n = progress.ended
        cost = self._run.cost(progress)
        spent = {} if cost is None else {"spent": money(cost)}
        self._bar.set_postfix(failed=progress.failed, tokens=progress.usage.total, refresh=True, **spent)


def progress_line(run: Run, progress: Progress) -> str:
    cost = run.cost(progress)
    tokens = f"{progress.usage.total} tokens" + ("" if cost is None else f", {money(cost)}")
    return (
        f"{run.name}: {progress.ended} of {run.target(progress)} inputs, {progress.failed} failed, "
        f"{tokens}, {progress.recent_per_second:.1f} records/s"
    )

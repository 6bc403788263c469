"""A run's progress on a terminal: a bar, or plain lines where there is none."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from tqdm import tqdm

from dataflow_core.models import Progress

_LINE_EVERY = 10.0  # seconds


class ProgressDisplay:
    def __init__(self, name: str, *, quiet: bool) -> None:
        self._name = name
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
        if sys.stderr.isatty():
            self._show_bar(progress)
        elif time.monotonic() - self._last_line >= _LINE_EVERY:
            self._last_line = time.monotonic()
            print(self._line(progress), file=sys.stderr, flush=True)  # noqa: T201

    def _show_bar(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = tqdm(total=progress.total, desc=self._name, unit="input", initial=0)
        self._bar.n = progress.done + progress.failed
        self._bar.set_postfix(failed=progress.failed, tokens=progress.usage.total, refresh=True)

    def _line(self, progress: Progress) -> str:
        ended = progress.done + progress.failed
        return (
            f"{self._name}: {ended} of {progress.total} inputs, {progress.failed} failed, "
            f"{progress.usage.total} tokens, {progress.recent_per_second:.1f} records/s"
        )

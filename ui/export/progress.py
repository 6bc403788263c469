"""How far an export is, told while a page waits for it."""

from __future__ import annotations

from collections.abc import Callable

from dataflow_core.exporting.plan import Stage
from ui.format import count
from ui.jobs import Report

_STAGES = {"checking": "Checking", "splitting": "Looking for near-duplicates in", "writing": "Writing"}


def told_to(report: Report) -> Callable[[Stage], None]:
    """Passes on how far an export is."""

    def tell(stage: Stage) -> None:
        of = f"{min(stage.done, stage.total):,} of {count(stage.total, 'record')}"
        report(stage.done / stage.total if stage.total else 0.0, f"{_STAGES[stage.what]} {of}")

    return tell

"""How fast a run goes and when it will be done, as far as its last records tell."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from dataflow_core.models import Progress, Run
from dataflow_core.storage.progress import RECENT
from ui.format import duration_range

#: Standard errors within which 9 of 10 counts lie.
_NINE_IN_TEN = 1.64


def time_left(run: Run, progress: Progress, now: datetime | None = None) -> str:
    """Return "3–5 min left", in which the run ends in 9 cases of 10; "" where nothing tells.

    Inputs end at random moments, so that a rate counted from n of them is known to 1.64 / √n.
    """
    left = run.target(progress) - progress.ended
    rate = progress.recent_ends_per_second
    if left <= 0 or rate <= 0:
        return ""
    error = _NINE_IN_TEN / math.sqrt(max(rate * _counted_seconds(run, now), 1.0))
    shortest = left / (rate * (1 + error))
    if error >= 0.9:
        return f"at least {duration_range(shortest, shortest)} left"
    return f"{duration_range(shortest, left / (rate * (1 - error)))} left"


def _counted_seconds(run: Run, now: datetime | None) -> float:
    if run.started_at is None:
        return RECENT
    return min(RECENT, ((now or datetime.now(UTC)) - run.started_at).total_seconds())

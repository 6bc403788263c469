"""What a task is related to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relations:
    """The three tasks made from one: beside it, after both, and all of them as one request."""

    parallel_task: str
    subsequent_task: str
    composition_task: str

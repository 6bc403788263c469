"""What dialogues are about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """A named sequence of steps that shapes a dialogue's skeleton."""

    name: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Intent:
    """What the users of a dialogue want, with the flows their conversations take and what they are about."""

    name: str
    description: str
    flows: tuple[Flow, ...]
    topics: tuple[str, ...]
    builtin: bool = False

"""How long the scripted endpoint takes to answer, and what that leaves of the fastest run there could be."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from statistics import NormalDist

#: The seconds that a dialogue's two calls take, one after the other.
Dialogue = tuple[float, float]

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Latency:
    """`median` seconds for every call; with a `sigma`, log-normal around it.

    With one, a call's latency follows from the words of its request, so that every run of the same prompts meets
    the same ones, in whatever order it calls.
    """

    median: float
    sigma: float = 0.0
    seed: int = 0

    def of(self, words: bytes) -> float:
        if not self.sigma:
            return self.median
        number = int.from_bytes(blake2b(words, digest_size=8, salt=self.seed.to_bytes(8, "big")).digest(), "big")
        return self.median * math.exp(self.sigma * _NORMAL.inv_cdf((number + 0.5) / 2**64))


def fewest_seconds(calls: int, *, latency: float, slots: int) -> float:
    """What that many calls take at least, from the answer to the first of them, which is sent alone."""
    return math.ceil((calls - 1) / slots) * latency


def without_barrier(dialogues: Sequence[Dialogue], slots: int) -> float:
    """The seconds from the answer to the first call, sent alone, to the last answer.

    Dialogues are taken up in their order, each by the first slot that is free and both its calls in that slot.
    """
    both = ((0.0 if number == 0 else first) + second for number, (first, second) in enumerate(dialogues))
    return _last_end(both, slots)


def with_barrier(dialogues: Sequence[Dialogue], slots: int) -> float:
    """The same when no second call is sent before all first calls are answered."""
    firsts = (0.0 if number == 0 else first for number, (first, _) in enumerate(dialogues))
    return _last_end(firsts, slots) + _last_end((second for _, second in dialogues), slots)


def _last_end(seconds: Iterable[float], slots: int) -> float:
    free = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)

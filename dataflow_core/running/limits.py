"""How much an endpoint is to be called: calls at a time, found out by calling it, and calls and tokens a minute."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

from dataflow_core.models import Endpoint, Quota
from dataflow_core.running.health import LONGEST_WAIT

#: An answer is slow when it takes so many times the usual, and so many seconds more.
TOLERANCE, MATTERS = 2.0, 0.5
#: Answers from which a median is taken, and how much of the latest one goes into the usual.
WINDOW, WEIGHT = 20, 0.1
#: What a minute's limit lets through at once, in seconds of it: enough not to stutter, too little to be a burst.
BURST = 2.0
#: A server's own limit matters once less than this part of it is left.
LOW = 0.1


class AdaptiveLimit:
    """Calls at a time, of all runs on an endpoint together. It begins at the person's maximum and never passes it.

    Halved when the server throttles, lowered when answers become slow, raised by a twentieth of the maximum for each
    round of answers while it is in full use. Additive increase with multiplicative decrease is fair among several
    callers (Chiu and Jain, 1989); slowness is judged as by Netflix's Gradient2 (concurrency-limits, 2018): the
    median of the latest answers against the long-term one.
    """

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.value = float(maximum)
        self._lowered_at = -math.inf
        self._latencies: dict[str, _Latency] = {}
        self._factor, self._added = 1.0, 0.0

    def answered(self, step: str, seconds: float, now: float, *, is_full: bool) -> None:
        """`is_full`: as many calls as may be were under way."""
        latency = self._latencies.setdefault(step, _Latency())
        slowness = latency.add(seconds, max(WINDOW, int(self.value)))
        if slowness > TOLERANCE:
            self._lower(max(0.5, TOLERANCE / slowness), now)
        elif is_full and self.value < self.maximum and now - seconds >= self._lowered_at:
            more = min(max(1.0, self.maximum / 20) / self.value, self.maximum - self.value)
            self.value += more
            self._added += more

    def throttled(self, started: float, now: float) -> None:
        """The call sent at `started` was one too many. Those sent before the last step down say nothing new."""
        if started >= self._lowered_at:
            self._lower(0.5, now)

    def take_changes(self) -> tuple[float, float]:
        """By what the limit was multiplied, and what was added to it, since this was last asked."""
        changes = self._factor, self._added
        self._factor, self._added = 1.0, 0.0
        return changes

    def adopt(self, value: float, maximum: int) -> None:
        """What all runs on the endpoint have found out together, but for what this one has not told yet."""
        self.value = max(1.0, min(value * self._factor + self._added, maximum))
        self.maximum = maximum

    def _lower(self, factor: float, now: float) -> None:
        self.value = max(1.0, self.value * factor)
        self._factor *= factor
        self._lowered_at = now


class _Latency:
    """The usual seconds of a step's calls, and how the latest compare."""

    def __init__(self) -> None:
        self._latest: list[float] = []
        self._usual = 0.0

    def add(self, seconds: float, window: int) -> float:
        """Return how many times the usual a full window's median is; 1.0 while it fills, or where it matters little."""
        self._latest.append(seconds)
        if len(self._latest) < window:
            return 1.0
        median = statistics.median(self._latest)
        self._latest.clear()
        usual = self._usual or median
        self._usual = usual + WEIGHT * (median - usual)
        return median / usual if usual > 0 and median - usual > MATTERS else 1.0


class Bucket:
    """A token bucket: `rate` units a second flow in, up to `capacity`."""

    def __init__(self, capacity: float, rate: float, now: float, level: float | None = None) -> None:
        self.capacity, self.rate = capacity, rate
        self._level = capacity if level is None else level
        self._at = now

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so much may be taken. What is more than the bucket holds may be taken when it is full."""
        missing = min(amount, self.capacity) - self._level_at(now)
        return max(0.0, missing / self.rate) if self.rate > 0 else (0.0 if missing <= 0 else math.inf)

    def take(self, amount: float, now: float) -> None:
        """Take it, or give it back where it is negative; the level may fall below zero."""
        self._level = min(self.capacity, self._level_at(now) - amount)
        self._at = now

    def flow(self, capacity: float, rate: float, now: float) -> None:
        """Go on with another capacity and rate."""
        self._level = min(self._level_at(now), capacity)
        self._at, self.capacity, self.rate = now, capacity, rate

    def _level_at(self, now: float) -> float:
        return min(self.capacity, self._level + (now - self._at) * self.rate)


class Pace:
    """Keeps calls to the person's limits a minute, and to those that the server tells of in its answers."""

    def __init__(self, endpoint: Endpoint, now: float) -> None:
        self._limits = {"requests": endpoint.requests_per_minute, "tokens": endpoint.tokens_per_minute}
        self._own = {
            kind: Bucket(_capacity(limit), limit / 60, now) for kind, limit in self._limits.items() if limit is not None
        }
        self._told: dict[str, Bucket] = {}

    def share(self, part: float, now: float) -> None:
        """Keep to this part of the limits a minute: other runs use the rest."""
        for kind, bucket in self._own.items():
            limit = (self._limits[kind] or 0) * part
            bucket.flow(_capacity(limit), limit / 60, now)

    def wait(self, tokens: float, now: float) -> tuple[float, str]:
        """Seconds until a call of so many tokens may be sent, and why it has to wait."""
        longest, why = 0.0, ""
        for kind, bucket in self._own.items():
            if (seconds := bucket.wait(_units(kind, tokens), now)) > longest:
                longest, why = seconds, f"Keeps to your limit of {self._limits[kind]:,} {kind} a minute"
        for kind, bucket in self._told.items():
            if (seconds := bucket.wait(_units(kind, tokens), now)) > longest:
                longest, why = seconds, f"Keeps to the endpoint's own limit of {kind}"
        return longest, why

    def sent(self, tokens: float, now: float) -> None:
        for buckets in (self._own, self._told):
            for kind, bucket in buckets.items():
                bucket.take(_units(kind, tokens), now)

    def corrected(self, surplus: float, now: float) -> None:
        """The call took so many tokens less than was thought."""
        for buckets in (self._own, self._told):
            if bucket := buckets.get("tokens"):
                bucket.take(-surplus, now)

    def told(self, quotas: Iterable[Quota], sent_since: int, tokens_each: float, now: float) -> None:
        """Heed what the server says was left when a call reached it that so many others have followed since."""
        for quota in quotas:
            left = quota.remaining - sent_since * _units(quota.of, tokens_each)
            used = quota.limit - quota.remaining
            if quota.remaining < LOW * quota.limit and quota.reset > 0 and used > 0:
                least = _units(quota.of, tokens_each) / LONGEST_WAIT  # whatever it says, it is asked again then
                left = max(left, -quota.limit)
                self._told[quota.of] = Bucket(quota.limit, max(used / quota.reset, least), now, left)
            else:
                self._told.pop(quota.of, None)


def _capacity(limit: float) -> float:
    return max(1.0, limit / 60 * BURST)


def _units(kind: str, tokens: float) -> float:
    return 1.0 if kind == "requests" else tokens

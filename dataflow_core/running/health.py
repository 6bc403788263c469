"""Whether an endpoint answers, judged from the calls of one run: when the next may be tried, and when to give up."""

from __future__ import annotations

import random

from dataflow_core.errors import ConfigurationError, RefusedError, ServingError, TransientError

#: Seconds before the second, third, … attempt; the last of them before all further ones.
BACK_OFF = (1.0, 2.0, 4.0, 8.0)
LONGEST_WAIT = 120.0
#: When nothing was answered for so many seconds, whatever was tried, the run pauses rather than failing input after
#: input. An endpoint that has never answered this run is given fewer attempts.
SILENCE, FIRST_ATTEMPTS = 60.0, 5
#: A call that is refused as wrong, for so many inputs before anything was answered, is the user's to correct.
REFUSED_AT_FIRST = 3
#: So many calls in vain one after another, of several inputs, are the endpoint's fault; half as many at a time, fewer.
IN_VAIN = 8
#: Two inputs throttled within so many seconds: the wait that the server asks for is meant for all.
TOGETHER = 30.0
ASKED = "The endpoint asks to wait"
#: How the reason of a run that was silent ends: there is a button of that name. Scripts say how they go on instead.
RESUME = " Nothing was lost: resume when it answers again."


class Health:
    """The endpoint is open to all calls, or closed to all but one at a time: at first, and after calls in vain.

    `has_history` says whether an earlier execution of the run was answered. Times are those of the caller's clock.
    """

    def __init__(self, now: float, *, has_history: bool = False) -> None:
        self.is_open = False
        self.has_answered = False
        self.attempts = 0  # in vain since it was closed
        self.hold_until, self.held_for = 0.0, ""
        self.has_history = has_history
        self._last_answer = self._closed_at = now
        self._in_vain, self._in_vain_by = 0, set[str]()
        self._throttled, self._throttled_by = ("", 0.0), set[str]()  # by whom last, and when; by whom ever
        self._refused = 0

    def answered(self, now: float) -> None:
        if self.attempts and self.held_for != ASKED:
            self.hold_until = now
        self.is_open = self.has_answered = True
        self._last_answer = now
        self._in_vain = self.attempts = 0
        self._in_vain_by.clear()

    def troubled(
        self, by: str, error: TransientError, started: float, now: float, *, allowed: int, is_tail: bool = False
    ) -> str:
        """Note a call in vain, sent at `started` for the input `by`; return why the run should pause, or "".

        `is_tail`: no further input is left that might be answered. Where others were, it is these that are at fault,
        unless nobody is there at all, or says that there is too much to do.
        """
        is_known = self.has_answered or self.has_history
        if is_tail and is_known and not error.at and not error.is_throttle:
            return ""
        self._in_vain += 1
        self._in_vain_by.add(by)
        is_general = len(self._in_vain_by) > 1 and self._in_vain >= min(IN_VAIN, 2 * allowed)
        if self.is_open and is_general:
            self.is_open, self._closed_at = False, now
        if not self.is_open and started >= self._closed_at:
            self.hold(now + wait_before(self.attempts, error), ASKED if error.retry_after else f"Tries again. {error}")
            self.attempts += 1
        has_lasted = is_general and now - self._last_answer >= SILENCE
        is_silent = has_lasted if is_known else self.attempts >= FIRST_ATTEMPTS
        return f"{error}{RESUME}" if is_silent else ""

    def refused(self, error: ServingError) -> str:
        """Note a call that is no use repeating; return why the run should pause, or ""."""
        if isinstance(error, ConfigurationError):
            return str(error)
        if self.has_answered or isinstance(error, RefusedError):
            return ""
        self._refused += 1
        return nothing_answered(str(error)) if self._refused == REFUSED_AT_FIRST else ""

    def throttled(self, by: str, error: TransientError, now: float) -> bool:
        """Note that the server has too much to do, and say whether it should be called less for it.

        One input that is throttled again and again is a trouble of its own.
        """
        (last_by, last_at), is_first = self._throttled, by not in self._throttled_by
        self._throttled = by, now
        self._throttled_by.add(by)
        if error.retry_after and last_by not in ("", by) and now - last_at < TOGETHER:
            self.hold(now + min(error.retry_after, LONGEST_WAIT), ASKED)
        return is_first

    def hold(self, until: float, why: str) -> None:
        """No call is to be sent before then."""
        if until > self.hold_until:
            self.hold_until, self.held_for = until, why


def wait_before(failed: int, error: TransientError) -> float:
    """Seconds before another attempt after so many in vain: longer each time, and no less than the server asks for.

    A little more or less than that, so that those who failed together do not come back together.
    """
    wait = BACK_OFF[min(failed, len(BACK_OFF) - 1)] * random.uniform(0.75, 1.25)  # noqa: S311  guards nothing
    asked = min(error.retry_after or 0.0, LONGEST_WAIT)
    return max(wait, asked * random.uniform(1.0, 1.1))  # noqa: S311


def nothing_answered(reason: str) -> str:
    return f"{reason} Nothing was answered so far: correct the settings, then resume."

"""The way of one run's calls to its endpoint: how many at a time, how fast, when they wait, and when to stop."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dataflow_core.budget import Spending
from dataflow_core.errors import ConfigurationError, RefusedError, ServingError, TransientError
from dataflow_core.limits import AdaptiveLimit, Pace
from dataflow_core.models import Budget, Completion, Endpoint, Prompt, StoppedBy, Usage

#: Seconds before the second, third, … attempt; the last of them before all further ones.
BACK_OFF = (1.0, 2.0, 4.0, 8.0)
LONGEST_WAIT = 120.0
#: When nothing was answered for so many seconds, whatever was tried, the run pauses rather than failing input after
#: input. An endpoint that has never answered this run is given fewer attempts.
SILENCE, FIRST_ATTEMPTS = 60.0, 5
#: A call that is refused as wrong, for so many inputs before anything was ever answered, is the user's to correct.
REFUSED_AT_FIRST = 3
#: So many calls in vain one after another, of several inputs: it is the endpoint, not the inputs.
IN_VAIN = 8
#: Calls let go in one turn of the event loop, so that the first are on their way while others are made ready.
AT_ONCE = 8
#: One input in addition to every so many that may have calls under way stands ready for the next free place.
READY = 10
_ASKED = "The endpoint asks to wait"
#: Two inputs throttled within so many seconds: the wait that the server asks for is meant for all.
TOGETHER = 30.0


def nothing_answered(reason: str) -> str:
    return f"{reason} Nothing was answered so far: correct the settings, then resume."


class Stopping(Exception):  # noqa: N818  not an error: it unwinds an input that is to stay pending
    """The run is stopping: no further call may be made."""


@dataclass(slots=True, eq=False)
class _Waiting:
    by: str
    expected: Usage
    tokens: float
    admitted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gate:
    """Lets calls through: one at first, to see whether it is answered (the canary), then as many as are allowed.

    When calls are made in vain one after another it closes again to one at a time, whichever is next, with growing
    waits between them, so that an endpoint that has gone costs time and no inputs. An input may have several calls
    under way at once; they count as one.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        stop_run: Callable[[str, StoppedBy], None] = lambda _, __: None,
        spending: Spending | None = None,
        has_answered: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.limit = AdaptiveLimit(endpoint.max_workers)
        self.pace = Pace(endpoint, clock())
        self.spending = spending or Spending(Budget(), endpoint, {})
        self.granted = endpoint.max_workers  # of the limit, as other runs on the endpoint leave it
        self.part = 1.0
        self.has_answered = has_answered  # ever, in this execution of the run or an earlier one
        self.is_open = False
        self.resting = 0  # inputs that wait before another attempt
        self.changed = asyncio.Event()
        self.waiting, self.wait_until = "", 0.0
        self._stop_run, self._clock, self._sleep = stop_run, clock, sleep
        self._stopping = False
        self._queue: deque[_Waiting] = deque()
        self._under_way: Counter[str] = Counter()  # calls by input
        self._sent = 0
        self._hold_until, self._held_for = 0.0, ""
        self._last_answer = clock()
        self._in_vain, self._in_vain_by = 0, set[str]()
        self._attempts, self._closed_at = 0, clock()  # at an answer since the gate was closed
        self._refused = 0
        self._answers, self._throttled = 0, ("", 0.0, 0)  # by whom last, when, and after how many answers
        self._sleeping: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.Task[None] | None = None

    @property
    def allowed(self) -> int:
        """Inputs that may have calls under way."""
        return min(self.granted, max(1, int(self.limit.value * self.part + 1e-6)))

    @property
    def in_flight(self) -> int:
        return len(self._under_way)

    @property
    def asked_to_wait(self) -> float:
        """Seconds for which the endpoint asks that nobody calls it."""
        return max(0.0, self._hold_until - self._clock()) if self._held_for == _ASKED else 0.0

    def has_room(self, in_hand: int) -> bool:
        """Whether one more input may be taken up: a few stand ready, so that no call is waited for to be prepared.

        Those that wait before another attempt hold up no others.
        """
        return in_hand < self.allowed + self.allowed // READY + min(self.resting, self.allowed)

    async def call(self, by: str, step: str, prompt: Prompt, send: Callable[[], Awaitable[Completion]]) -> Completion:
        """Send once it may be. Raises `Stopping` when nothing more may be sent, and what `send` raises."""
        waiting = _Waiting(by, self.spending.expected(step, prompt), self.spending.usual(step, prompt))
        await self._admission(waiting)
        started, number = self._clock(), self._sent
        is_full = self.in_flight >= self.allowed
        try:
            completion = await send()
        except BaseException as error:
            self._end_call(waiting, step, None)
            if isinstance(error, TransientError):
                self._note_trouble(by, error, started)
            elif isinstance(error, ServingError):
                self._note_refusal(error)
            self._pump()
            raise
        self._end_call(waiting, step, completion.usage)
        self._note_answer(step, completion, started, number, waiting, is_full=is_full)
        self._pump()
        return completion

    async def rest(self, seconds: float) -> None:
        """Wait before another attempt. Raises `Stopping` as soon as there will be none."""
        self.check()
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        self._sleeping.add(sleeping)
        self.resting += 1
        self.changed.set()
        try:
            await sleeping
        except asyncio.CancelledError:
            self.check()
            raise
        finally:
            self._sleeping.discard(sleeping)
            self.resting -= 1

    def stop(self) -> None:
        self._stopping = True
        self.waiting = ""
        for waiting in self._queue:
            if not waiting.admitted.done():
                waiting.admitted.set_exception(Stopping())
        self._queue.clear()
        for sleeping in [*self._sleeping, *([self._alarm] if self._alarm else [])]:
            sleeping.cancel()
        self.changed.set()

    def check(self) -> None:
        """Raises `Stopping` when no further attempt may be made."""
        if self._stopping:
            raise Stopping

    def share(self, granted: int, part: float, wait_until: float) -> None:
        """Go on with what the other runs on the endpoint leave. `wait_until` is by this gate's clock."""
        self.granted = granted
        self.part = granted / self.limit.value if granted else 1.0
        self.pace.share(part, self._clock())
        self._hold(wait_until, _ASKED)
        self._pump()
        self.changed.set()

    async def _admission(self, waiting: _Waiting) -> None:
        self.check()
        if waiting.by in self._under_way:
            self._queue.appendleft(waiting)
        else:
            self._queue.append(waiting)
        self._pump()
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if waiting.admitted.done() and not waiting.admitted.cancelled() and waiting.admitted.exception() is None:
                self._end_call(waiting, "", None)
            self._pump()
            raise

    def _pump(self) -> None:
        """Admit whoever may go; note why the next one may not, and look again when it may."""
        admitted = 0
        while self._queue and not self._stopping:
            if admitted == AT_ONCE:
                asyncio.get_running_loop().call_soon(self._pump)
                return
            first = self._queue[0]
            if first.admitted.done():  # its input has given up waiting
                self._queue.popleft()
                continue
            seconds, why = self._obstacle(first)
            if seconds is not None:
                self.waiting = why
                self.wait_until = self._clock() + seconds if why and seconds else 0.0
                self._look_again_in(seconds)
                return
            self._queue.popleft()
            self._begin_call(first)
            admitted += 1
        self.waiting, self.wait_until = "", 0.0

    def _obstacle(self, waiting: _Waiting) -> tuple[float | None, str]:
        """Seconds until the call may be made, 0 where that is not for time to tell, None when it may; and why not."""
        now = self._clock()
        if waiting.by not in self._under_way:
            if self.granted < 1:
                return 0.0, "Waits for another run that uses this endpoint"
            if not self.is_open and self._under_way:
                return 0.0, self._held_for if self._attempts else "Waits for the first answer"
            if self.in_flight >= self.allowed:
                return 0.0, ""
        if now < self._hold_until:
            return self._hold_until - now, self._held_for
        seconds, why = self.pace.wait(waiting.tokens, now)
        if seconds > 0:
            return seconds, why
        match self.spending.verdict(waiting.expected):
            case "wait":
                return 0.0, "Waits to see what the calls under way take of the budget"
            case "stop":
                self._stop_run(self.spending.why_not(waiting.expected), "budget")
                return 0.0, ""
        return None, ""

    def _begin_call(self, waiting: _Waiting) -> None:
        self._under_way[waiting.by] += 1
        self._sent += 1
        self.spending.begin(waiting.expected)
        self.pace.sent(waiting.tokens, self._clock())
        waiting.admitted.set_result(None)

    def _end_call(self, waiting: _Waiting, step: str, used: Usage | None) -> None:
        self._under_way[waiting.by] -= 1
        if not self._under_way[waiting.by]:
            del self._under_way[waiting.by]
        self.spending.end(step, waiting.expected, used)
        self.changed.set()

    def _note_answer(
        self, step: str, completion: Completion, started: float, number: int, waiting: _Waiting, *, is_full: bool
    ) -> None:
        now = self._clock()
        if self._attempts:
            self._hold_until = now
        self.is_open = self.has_answered = True
        self._answers += 1
        self._last_answer = now
        self._in_vain = self._attempts = 0
        self._in_vain_by.clear()
        self.limit.answered(step, now - started, now, is_full=is_full)
        self.pace.corrected(waiting.tokens - completion.usage.total, now)
        if completion.quotas:
            self.pace.told(completion.quotas, self._sent - number, waiting.tokens, now)

    def _note_trouble(self, by: str, error: TransientError, started: float) -> None:
        now = self._clock()
        if error.is_throttle:
            self._note_throttle(by, error, started, now)
        self._in_vain += 1
        self._in_vain_by.add(by)
        if self.is_open and self._in_vain >= IN_VAIN and len(self._in_vain_by) > 1:
            self.is_open, self._closed_at = False, now
        if not self.is_open:
            if started >= self._closed_at:
                self._attempt_later(error, now)
            self._stop_if_silent(error, now)

    def _note_refusal(self, error: ServingError) -> None:
        """No further call may be wasted where it is the settings that are wrong."""
        if isinstance(error, ConfigurationError):
            self._stop_run(str(error), "problem")
        elif not isinstance(error, RefusedError) and not self.has_answered:
            self._refused += 1
            if self._refused == REFUSED_AT_FIRST:
                self._stop_run(nothing_answered(str(error)), "problem")

    def _note_throttle(self, by: str, error: TransientError, started: float, now: float) -> None:
        """One input that is throttled again and again while others are answered is a trouble of its own."""
        last_by, last_at, answers_then = self._throttled
        self._throttled = by, now, self._answers
        if by != last_by or self._answers == answers_then:
            self.limit.throttled(started, now)
        if error.retry_after and last_by not in ("", by) and now - last_at < TOGETHER:
            self._hold(now + min(error.retry_after, LONGEST_WAIT), _ASKED)

    def _attempt_later(self, error: TransientError, now: float) -> None:
        asked = error.retry_after
        seconds = BACK_OFF[min(self._attempts, len(BACK_OFF) - 1)] if asked is None else min(asked, LONGEST_WAIT)
        self._attempts += 1
        self._hold(now + seconds, _ASKED if asked else f"Tries again. {error}")

    def _stop_if_silent(self, error: TransientError, now: float) -> None:
        if self.has_answered:
            is_silent = now - self._last_answer >= SILENCE and len(self._in_vain_by) > 1
        else:
            is_silent = self._attempts >= FIRST_ATTEMPTS
        if is_silent:
            self._stop_run(f"{error} Nothing was lost: resume when it answers again.", "problem")

    def _hold(self, until: float, why: str) -> None:
        if until > self._hold_until:
            self._hold_until, self._held_for = until, why

    def _look_again_in(self, seconds: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if seconds > 0:
            self._alarm = asyncio.create_task(self._look_again_after(seconds))

    async def _look_again_after(self, seconds: float) -> None:
        await self._sleep(seconds)
        self._alarm = None
        self._pump()

"""The way of one run's calls to its endpoint: how many at a time, how fast, when they wait, and when to stop."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dataflow_core.errors import ServingError, TransientError
from dataflow_core.models import Budget, Completion, Endpoint, Prompt, StoppedBy, Usage
from dataflow_core.running.budget import Spending
from dataflow_core.running.health import ASKED, Health
from dataflow_core.running.limits import AdaptiveLimit, Pace

#: Calls let go in one turn of the event loop, so that the first are on their way while others are made ready.
AT_ONCE = 8
#: One input in addition to every so many that may have calls under way stands ready for the next free place.
READY = 10
ANOTHER_RUN = "Waits for another run that uses this endpoint"
#: Inputs that may wait before another attempt while others go on.
MOST_RESTING = 500


class Stopping(Exception):  # noqa: N818  not an error: it unwinds an input that is to stay pending
    """The run is stopping: no further call may be made."""


@dataclass(slots=True, eq=False)
class _Waiting:
    by: str
    step: str
    prompt: Prompt
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
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.endpoint = endpoint
        self.limit = AdaptiveLimit(endpoint.max_workers)
        self.pace = Pace(endpoint, clock())
        self.spending = spending or Spending(Budget(), endpoint, {})
        self.granted = endpoint.max_workers  # of the limit, as other runs on the endpoint leave it
        self.part = 1.0
        self.health = Health(clock())
        self.is_tail = False  # all inputs are in hand that will ever be
        self.resting = 0  # inputs that wait before another attempt
        self.changed = asyncio.Event()
        self.waiting, self.wait_until = "", 0.0
        self._stop_run, self._clock, self._sleep = stop_run, clock, sleep
        self._stopping = False
        self._queue: deque[_Waiting] = deque()
        self._under_way: Counter[str] = Counter()  # calls by input
        self._sent = 0
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
        return max(0.0, self.health.hold_until - self._clock()) if self.health.held_for == ASKED else 0.0

    def has_room(self, in_hand: int) -> bool:
        """Whether one more input may be taken up: a few stand ready, so that no call is waited for to be prepared.

        Those that wait before another attempt hold up no others. Nor may a handful that are never answered: while no
        call is, each in vain lets one more in.
        """
        in_vain = 0 if self.health.is_open else self.health.attempts
        return in_hand < self.allowed + self.allowed // READY + min(self.resting + in_vain, MOST_RESTING)

    async def call(self, by: str, step: str, prompt: Prompt, send: Callable[[], Awaitable[Completion]]) -> Completion:
        """Send once it may be. Raises `Stopping` when nothing more may be sent, and what `send` raises."""
        waiting = _Waiting(by, step, prompt, self.spending.expected(step, prompt), self.spending.usual(step, prompt))
        await self._admission(waiting)
        started, number = self._clock(), self._sent
        is_full = self.in_flight >= self.allowed
        used = None
        try:
            completion = await send()
            used = completion.usage
            self._note_answer(step, completion, started, number, waiting, is_full=is_full)
        except ServingError as error:
            self._note_trouble(by, error, started)
            raise
        finally:
            self._end_call(waiting, used)
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
        self.health.hold(wait_until, ASKED)
        self._pump()
        if granted < 1 and not self._stopping:  # nobody may even be taken up to wait
            self.waiting = ANOTHER_RUN
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
                self._end_call(waiting, None)
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
                return 0.0, ANOTHER_RUN
            if not self.health.is_open and self._under_way:
                return 0.0, self.health.held_for if self.health.attempts else "Waits for the first answer"
            if self.in_flight >= self.allowed:
                return 0.0, ""
        if now < self.health.hold_until:
            return self.health.hold_until - now, self.health.held_for
        seconds, why = self.pace.wait(waiting.tokens, now)
        if seconds > 0:
            return seconds, why
        if self.spending.budget != Budget():
            waiting.expected = self.spending.expected(waiting.step, waiting.prompt)  # by what is known by now
        match self.spending.verdict(waiting.step, waiting.expected):
            case "wait":
                return 0.0, "Waits to see what the calls under way take of the budget"
            case "stop":
                self._stop_run(self.spending.why_not(waiting.expected), "budget")
                return 0.0, ""
        return None, ""

    def _begin_call(self, waiting: _Waiting) -> None:
        self._under_way[waiting.by] += 1
        self._sent += 1
        self.spending.begin(waiting.step, waiting.expected)
        self.pace.sent(waiting.tokens, self._clock())
        waiting.admitted.set_result(None)

    def _end_call(self, waiting: _Waiting, used: Usage | None) -> None:
        self._under_way[waiting.by] -= 1
        if not self._under_way[waiting.by]:
            del self._under_way[waiting.by]
        self.spending.end(waiting.step, waiting.prompt, waiting.expected, used)
        self.changed.set()

    def _note_answer(
        self, step: str, completion: Completion, started: float, number: int, waiting: _Waiting, *, is_full: bool
    ) -> None:
        now = self._clock()
        self.health.answered(now)
        self.limit.answered(step, now - started, now, is_full=is_full)
        self.pace.corrected(waiting.tokens - completion.usage.total, now)
        if completion.quotas:
            self.pace.told(completion.quotas, self._sent - number, waiting.tokens, now)

    def _note_trouble(self, by: str, error: ServingError, started: float) -> None:
        now = self._clock()
        if isinstance(error, TransientError):
            if error.is_throttle and self.health.throttled(by, error, now):
                self.limit.throttled(started, now)
            allowed, was_open = max(self.allowed, 1), self.health.is_open
            reason = self.health.troubled(by, error, started, now, allowed=allowed, is_tail=self.is_tail)
            if was_open and not self.health.is_open:
                self.limit.throttled(now, now)
        else:
            reason = self.health.refused(error)
        if reason:
            self._stop_run(reason, "problem")

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

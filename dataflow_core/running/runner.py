"""Executes a run: takes up its pending inputs, a bounded number at a time, and stores how each one ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from dataflow_core.errors import (
    AnswerError,
    ConfigurationError,
    DataflowError,
    OwnCodeError,
    RefusedError,
    ServingError,
    TransientError,
    TruncatedError,
    UsageError,
)
from dataflow_core.generators.base import Generator
from dataflow_core.models import Endpoint, Failure, Input, Run, RunState, Stage, StoppedBy
from dataflow_core.running.asking import Asker
from dataflow_core.running.budget import Spending
from dataflow_core.running.gate import Gate, Stopping
from dataflow_core.running.health import LONGEST_WAIT, nothing_answered
from dataflow_core.running.journal import Journal, wait_at_most
from dataflow_core.running.stages import make
from dataflow_core.serving.base import Serving
from dataflow_core.serving.keys import base_url_of
from dataflow_core.storage.leases import LeaseStore, Report
from dataflow_core.storage.ledger import Failed, Ledger, Logged
from dataflow_core.storage.runs import RunStore

HEARTBEAT = 0.5  # seconds; what a person asks for is heeded at the next one
WINDOW = 500  # inputs read ahead
GRACE = 1.0  # seconds that calls in flight are given to be answered when a person pauses or cancels


@dataclass(frozen=True, slots=True)
class Outcome:
    state: RunState
    reason: str = ""
    stopped_by: StoppedBy = ""


class Runner:
    """One execution of one claimed run. Every input it takes up ends as a record, as a failure, or stays pending; or
    it waits, as a skeleton, for a person.

    `progress` is called now and then, from a thread. `sleep` and `clock` can be replaced for tests.
    """

    def __init__(
        self,
        run: Run,
        *,
        runs: RunStore,
        leases: LeaseStore,
        ledger: Ledger,
        generator: Generator,
        serving: Serving,
        progress: Callable[[], None] = lambda: None,
        free_reserve: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._runs = runs
        self._leases = leases
        self._ledger = ledger
        self._generator = generator
        self._serving = serving
        self._progress = progress
        self._free_reserve = free_reserve
        self._sleep = sleep
        self._clock = clock
        self._shared = _shared(run.endpoint)
        self._maximum = run.endpoint.max_workers
        self._left = 0  # inputs to take to their end
        self._outcome: Outcome | None = None
        self._bug: BaseException | None = None
        self._stop = asyncio.Event()  # take up nothing more
        self._hurry = asyncio.Event()  # somebody waits for it to stop
        self._closing = asyncio.Event()  # everything has ended: write the rest
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused: list[Failed] = []  # inputs refused as wrong before anything was answered
        self._journal = Journal(ledger, self._full_disk, lambda: self._gate.changed.set())
        self._gate = Gate(
            run.endpoint,
            stop_run=lambda reason, stopped_by: self._end(RunState.PAUSED, reason, stopped_by),
            clock=clock,
            sleep=sleep,
        )

    async def execute(self) -> Outcome:
        """Run until nothing is pending or something stops it, store the outcome and return it.

        Raises what a bug in a generator raised, once everything else is stored.
        """
        background: list[asyncio.Task[None]] = []
        try:
            await self._prepare()
            background += [
                asyncio.create_task(self._journal.write_regularly(self._closing)),
                asyncio.create_task(self._beat_regularly()),
            ]
            for task in background:
                task.add_done_callback(self._note_error)
            await self._take_up_all()
        except asyncio.CancelledError:
            self._end(RunState.PAUSED, "Stopped from outside. Resume to go on.", "person")
        except BaseException as error:  # noqa: BLE001  what is in hand is stored before it is raised
            self._note(error)
        closing = asyncio.create_task(self._close(background))
        while not closing.done():
            with suppress(asyncio.CancelledError):  # it is ending already
                await asyncio.shield(closing)
        return closing.result()

    async def _prepare(self) -> None:
        progress = await asyncio.to_thread(self._runs.progress, self._run.id)
        self._left = max(self._run.target(progress) - progress.ended, 1)
        before = await asyncio.to_thread(self._ledger.usage_by_step) if progress.calls else {}
        self._gate.health.has_history = bool(before)
        money_before = self._run.cost(progress) or 0.0
        self._gate.spending = Spending(self._run.budget, self._run.endpoint, before, money_before=money_before)
        await self._beat()

    async def _close(self, background: list[asyncio.Task[None]]) -> Outcome:
        await self._let_calls_end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._gate.stop()
        self._closing.set()
        await self._serving.close()
        await asyncio.gather(*background, return_exceptions=True)
        outcome = self._outcome
        if outcome is None:
            outcome = await asyncio.to_thread(self._natural_end)
        await self._journal.store(self._leases.release, self._run.id)
        release = (self._run.id, outcome.state, outcome.reason, outcome.stopped_by)
        await self._journal.store(self._runs.release, *release)
        await asyncio.to_thread(self._progress)
        if self._bug is not None:
            raise self._bug
        return outcome

    async def _take_up_all(self) -> None:
        """Take up the pending inputs, and return when all have ended or the run stops."""
        page = await self._read(-1)
        if not getattr(self._generator, "in_order", False):  # one that can only give them one after another
            page = _spread(page)
        while page and not self._stop.is_set():
            last = max(item.position for item, _ in page)
            following = asyncio.create_task(self._read(last))
            for item, logged in page:
                await self._room()
                if self._stop.is_set():
                    break
                task = asyncio.create_task(self._take_up(item, logged))
                self._tasks.add(task)
                task.add_done_callback(self._finished)
            page = await following
        self._gate.is_tail = True
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while self._tasks and not self._stop.is_set():
                await asyncio.wait({*self._tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if self._gate.health.has_history and not self._stop.is_set():
            self._give_up_refused()

    async def _read(self, after: int) -> list[tuple[Input, Logged]]:
        """The next inputs to do, each with what has been answered for it already."""

        def read() -> list[tuple[Input, Logged]]:
            items = self._ledger.pending(after=after, count=WINDOW, below=self._run.limit)
            logged = self._ledger.logged(items)
            return [(item, logged.get(item.id, {})) for item in items]

        return await asyncio.to_thread(read)

    async def _room(self) -> None:
        """Wait until one more input may be taken up, or the run stops."""
        while not self._stop.is_set() and (self._journal.is_behind or not self._gate.has_room(len(self._tasks))):
            self._gate.changed.clear()
            await self._gate.changed.wait()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._gate.changed.set()
        self._note_error(task)

    def _note_error(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._note(error)

    def _note(self, error: BaseException) -> None:
        if isinstance(error, DataflowError):
            self._end(RunState.PAUSED, str(error), "problem")
        else:
            self._bug = self._bug or error
            sentence = f"The program failed ({type(error).__name__}: {error}). What was stored is kept."
            self._end(RunState.PAUSED, sentence, "problem")

    async def _let_calls_end(self) -> None:
        """Calls under way are paid for: wait for their answers, but only a moment when somebody waits for us."""
        hurry = asyncio.create_task(self._hurry.wait())
        while self._tasks and not self._hurry.is_set():
            await asyncio.wait({*self._tasks, hurry}, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=GRACE)

    async def _take_up(self, item: Input, logged: Logged) -> None:
        ask = Asker(item, self._serving, self._gate, self._journal.add, logged)
        try:
            end = await make(self._run, self._generator, self._ledger, item, ask)
        except Stopping:
            return
        except ConfigurationError as error:
            self._end(RunState.PAUSED, str(error), "problem")
            return
        except DataflowError as error:
            self._fail(item, ask, error)
        else:
            self._journal.add(end)
        self._left -= 1
        if self._gate.health.has_answered:
            self._give_up_refused()

    def _fail(self, item: Input, ask: Asker, error: DataflowError) -> None:
        raw_text = getattr(error, "raw_text", "")
        failed = Failed(item, Failure(item.id, _stage(error), str(error), raw_text=raw_text, calls=ask.calls))
        is_wrong = isinstance(error, ServingError) and not isinstance(error, RefusedError | TransientError)
        if is_wrong and not self._gate.health.has_answered:
            self._refused.append(failed)
        else:
            self._journal.add(failed)

    def _give_up_refused(self) -> None:
        """Others are answered, so it is these inputs that are wrong and not the settings."""
        for failed in self._refused:
            self._journal.add(failed)
        self._refused.clear()

    def _end(self, state: RunState, reason: str, stopped_by: StoppedBy) -> None:
        """The first reason to stop stands."""
        if stopped_by == "person":
            self._hurry.set()
        if self._outcome is None:
            self._outcome = Outcome(state, reason, stopped_by)
        self._stop.set()
        self._gate.stop()

    def _full_disk(self, reason: str) -> None:
        """The run pauses, and the reserve is given up to store what was answered."""
        self._end(RunState.PAUSED, reason, "problem")
        self._free_reserve()

    async def _beat_regularly(self) -> None:
        while not self._closing.is_set():
            await wait_at_most(self._closing, HEARTBEAT)
            await self._beat()
            await asyncio.to_thread(self._progress)

    async def _beat(self) -> None:
        """Show that this process lives, obey what a person asks for, and share the endpoint with other runs."""
        orders = await self._journal.store(self._runs.beat, self._run.id)
        if orders.request == "pause":
            self._end(RunState.PAUSED, "Paused.", "person")
        elif orders.request == "cancel":
            self._end(RunState.CANCELLED, "Cancelled.", "person")
        self._maximum = orders.max_workers
        self._gate.spending.budget = orders.budget
        share = await self._journal.store(self._leases.renew, self._run.id, self._shared, self._report())
        self._gate.limit.adopt(share.allowed, share.maximum)
        wait = min(share.wait_until - time.time(), LONGEST_WAIT)  # the machine's clock may have been set back
        self._gate.share(share.granted, share.part, self._clock() + wait if wait > 0 else 0.0)

    def _report(self) -> Report:
        gate, now = self._gate, time.time()
        factor, added = gate.limit.take_changes()
        wait = gate.wait_until - self._clock()
        return Report(
            maximum=self._maximum,
            left_over=max(self._left, len(self._tasks)),
            in_flight=gate.in_flight,
            factor=factor,
            added=added,
            waiting=gate.waiting,
            wait_until=now + wait if wait > 0 else 0.0,
            endpoint_waits_until=now + gate.asked_to_wait if gate.asked_to_wait > 0 else 0.0,
        )

    def _natural_end(self) -> Outcome:
        if self._refused:
            return Outcome(RunState.PAUSED, nothing_answered(self._refused[-1].failure.reason), "problem")
        progress = self._runs.progress(self._run.id)
        if progress.pending:
            sentence = f"Tried on {progress.ended} of {progress.total} inputs."
            return Outcome(RunState.PAUSED, sentence, "limit")
        return Outcome(RunState.FINISHED)


def _spread(page: list[tuple[Input, Logged]]) -> list[tuple[Input, Logged]]:
    """With a few from all over it first: a run must not hang on its first inputs when it is these that fail."""
    places = (0.0, 0.618, 0.236, 0.854, 0.472)  # multiples of the golden ratio hit no pattern in the inputs
    first = list(dict.fromkeys(int(len(page) * place) for place in places if page))
    return [page[number] for number in first] + [entry for n, entry in enumerate(page) if n not in first]


def _shared(endpoint: Endpoint) -> str:
    """What the live runs share: one model at one address."""
    return f"{base_url_of(endpoint) if endpoint.kind == 'openai' else endpoint.kind} {endpoint.model}"


def _stage(error: DataflowError) -> Stage:
    match error:
        case UsageError():
            return Stage.INPUT
        case OwnCodeError():
            return Stage.CODE
        case RefusedError():
            return Stage.REFUSED
        case ServingError():
            return Stage.SERVING
        case TruncatedError():
            return Stage.TRUNCATED
        case AnswerError():
            return Stage.PARSE
        case _:
            raise error

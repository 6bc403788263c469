"""Executes a run: takes up its pending inputs, a bounded number at a time, and stores how each one ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from dataflow_core.asking import Asker, Gate, Stopping
from dataflow_core.errors import (
    AnswerError,
    ConfigurationError,
    DataflowError,
    DiskFullError,
    RefusedError,
    ServingError,
    TransientError,
    TruncatedError,
    UsageError,
)
from dataflow_core.generators.base import Generator
from dataflow_core.models import Failure, Input, Run, RunState, Stage, StoppedBy
from dataflow_core.serving.base import Serving
from dataflow_core.storage.ledger import Done, Event, Failed, Ledger, Logged
from dataflow_core.storage.runs import RunStore

T = TypeVar("T")

COMMIT_INTERVAL = 0.1  # seconds; with the commit itself an answer is durable within 0.2 s
HEARTBEAT = 1.0
WINDOW = 200  # inputs read ahead
GRACE = 1.5  # seconds that calls in flight are given to be answered when a person pauses or cancels
#: When several inputs in a row were tried in vain and nothing was answered for so many seconds, the run pauses rather
#: than failing input after input.
SILENCE = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    state: RunState
    reason: str = ""
    stopped_by: StoppedBy = ""


class Runner:
    """One execution of one claimed run. Every input it takes up ends as a record, as a failure, or stays pending.

    `progress` is called now and then from the run's loop. `sleep` and `clock` can be replaced for tests.
    """

    def __init__(
        self,
        run: Run,
        *,
        runs: RunStore,
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
        self._ledger = ledger
        self._generator = generator
        self._serving = serving
        self._progress = progress
        self._free_reserve = free_reserve
        self._sleep = sleep
        self._clock = clock
        self._had_answers = False
        self._gate = Gate(clock)
        self._in_vain: set[str] = set()  # inputs whose tries were all used up since the last answer
        self._answers_then = 0
        self._outcome: Outcome | None = None
        self._bug: BaseException | None = None
        self._stop = asyncio.Event()  # take up nothing more
        self._closing = asyncio.Event()  # everything has ended: write the rest
        self._slots = asyncio.Semaphore(serving.max_workers)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unwritten: list[Event] = []
        self._writing = asyncio.Lock()

    async def execute(self) -> Outcome:
        """Run until nothing is pending or something stops it, store the outcome and return it.

        Raises what a bug in a generator raised, once everything else is stored.
        """
        self._had_answers = (await asyncio.to_thread(self._runs.progress, self._run.id)).calls > 0
        background = [asyncio.create_task(self._write_regularly()), asyncio.create_task(self._watch())]
        for task in background:
            task.add_done_callback(self._note_error)
        try:
            await self._take_up_all()
        except asyncio.CancelledError:
            self._end(RunState.PAUSED, "Stopped from outside. Resume to go on.", "person")
        except DataflowError as error:
            self._end(RunState.PAUSED, str(error), "problem")
        closing = asyncio.create_task(self._close(background))
        while not closing.done():
            with suppress(asyncio.CancelledError):  # it is ending already
                await asyncio.shield(closing)
        return closing.result()

    async def _close(self, background: list[asyncio.Task[None]]) -> Outcome:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._closing.set()
        await self._serving.close()
        await asyncio.gather(*background, return_exceptions=True)
        outcome = self._outcome
        if outcome is None:
            outcome = await asyncio.to_thread(self._natural_end)
        release = (self._run.id, outcome.state, outcome.reason, outcome.stopped_by)
        await self._with_reserve(self._runs.release, *release)
        self._progress()
        if self._bug is not None:
            raise self._bug
        return outcome

    async def _take_up_all(self) -> None:
        """Pass over the pending inputs until there are none: a retry may add some behind the place reached."""
        while await self._take_up_from_start():
            await self._settle()
        await self._settle()

    async def _take_up_from_start(self) -> int:
        after, count = -1, 0
        while not self._stop.is_set():
            items = await asyncio.to_thread(self._ledger.pending, after=after, count=WINDOW, below=self._run.limit)
            if not items:
                break
            after = items[-1].position
            logged = await asyncio.to_thread(self._ledger.logged, items)
            for item in items:
                await self._slots.acquire()
                if self._stop.is_set():
                    return 0
                task = asyncio.create_task(self._take_up(item, logged.get(item.id, {})))
                self._tasks.add(task)
                task.add_done_callback(self._finished)
                count += 1
        return 0 if self._stop.is_set() else count

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()
        self._note_error(task)

    def _note_error(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, DataflowError):
            self._end(RunState.PAUSED, str(error), "problem")
        elif error is not None:
            self._bug = self._bug or error
            sentence = f"The program failed ({type(error).__name__}: {error}). What was stored is kept."
            self._end(RunState.PAUSED, sentence, "problem")

    async def _settle(self) -> None:
        """Wait for the inputs in hand, and for their records to be stored; once the run stops, only a moment."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while self._tasks and not self._stop.is_set():
                await asyncio.wait({*self._tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self._tasks:
                await asyncio.wait(set(self._tasks), timeout=GRACE)
        finally:
            stopping.cancel()
        await self._flush()

    async def _take_up(self, item: Input, logged: Logged) -> None:
        ask = Asker(item, self._serving, self._gate, self._unwritten.append, logged, self._sleep)
        try:
            fields = await self._generator.generate(item, ask)
        except Stopping:
            return
        except ConfigurationError as error:
            self._end(RunState.PAUSED, str(error), "problem")
        except TransientError as error:
            if self._is_silent(item):
                sentence = f"{error} Nothing was lost: resume when it answers again."
                self._end(RunState.PAUSED, sentence, "problem")
            else:
                self._fail(item, error)
        except DataflowError as error:
            self._fail(item, error)
        else:
            self._unwritten.append(Done(item, fields))

    def _is_silent(self, item: Input) -> bool:
        """Whether it is the endpoint that is at fault, after all tries of this input were in vain, and not this input.

        One input that no answer ever comes to must not keep the run from its end, however often it is resumed.
        """
        if self._answers_then != self._gate.answers:
            self._answers_then = self._gate.answers
            self._in_vain.clear()
        self._in_vain.add(item.id)
        if not self._gate.is_open:
            return not self._had_answers or len(self._in_vain) > 1
        return len(self._in_vain) > 1 and self._clock() - self._gate.last_answer > SILENCE

    def _fail(self, item: Input, error: DataflowError) -> None:
        failure = Failure(item.id, _stage(error), str(error), raw_text=getattr(error, "raw_text", ""))
        self._unwritten.append(Failed(item, failure))

    def _end(self, state: RunState, reason: str, stopped_by: StoppedBy) -> None:
        """The first reason to stop stands."""
        if self._outcome is None:
            self._outcome = Outcome(state, reason, stopped_by)
        self._gate.stop()
        self._stop.set()
        self._slots.release()  # whoever waits for a slot is to see that there is no use in it

    async def _write_regularly(self) -> None:
        while not self._closing.is_set():
            await _either(self._closing, COMMIT_INTERVAL)
            await self._flush()

    async def _flush(self) -> None:
        # Shielded: what is being written must be taken off the list, or it would be written twice.
        await asyncio.shield(asyncio.create_task(self._flush_all()))

    async def _flush_all(self) -> None:
        async with self._writing:
            while events := self._unwritten[:]:
                await self._with_reserve(self._ledger.write, events)
                del self._unwritten[: len(events)]

    async def _watch(self) -> None:
        """Show that this process lives, and obey what a person asks for."""
        while not self._closing.is_set():
            asked = await self._with_reserve(self._runs.beat, self._run.id)
            if asked == "pause":
                self._end(RunState.PAUSED, "Paused.", "person")
            elif asked == "cancel":
                self._end(RunState.CANCELLED, "Cancelled.", "person")
            self._progress()
            await _either(self._closing, HEARTBEAT)

    async def _with_reserve(self, write: Callable[..., T], *arguments: object) -> T:
        """Write in a thread. On a full disk the run pauses, and the reserve is given up to store that."""
        try:
            return await asyncio.to_thread(write, *arguments)
        except DiskFullError as error:
            self._end(RunState.PAUSED, str(error), "problem")
            self._free_reserve()
            return await asyncio.to_thread(write, *arguments)

    def _natural_end(self) -> Outcome:
        progress = self._runs.progress(self._run.id)
        if progress.pending:
            sentence = f"Tried on {progress.ended} of {progress.total} inputs."
            return Outcome(RunState.PAUSED, sentence, "limit")
        return Outcome(RunState.FINISHED)


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, but no longer than that."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


def _stage(error: DataflowError) -> Stage:
    match error:
        case UsageError():
            return Stage.INPUT
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

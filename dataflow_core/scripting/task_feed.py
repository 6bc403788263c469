"""One live `process(offset)` in a thread of its own, and the way from its `llm.generate` to the run's calls."""

from __future__ import annotations

import asyncio
import concurrent.futures
import linecache
import logging
import queue
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from dataflow_core.errors import ConfigurationError, DataflowError, OwnCodeError, ServingError, UsageError
from dataflow_core.generators.base import Ask
from dataflow_core.models import Completion, Prompt
from dataflow_core.scripting.chats import CompletionAnswer, Generations, generations_of, prompts_of, schema_of
from dataflow_core.scripting.llms import check_count
from dataflow_core.scripting.typing import Row

logger = logging.getLogger(__name__)

_OURS = str(Path(__file__).parents[1])
_NOT_THE_AUTHORS = (_OURS, *(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")))
Batch = list[Row] | tuple[list[Row], bool]


class Stopped(BaseException):
    """The run is stopping: it unwinds the author's code, past any `except Exception` there."""


class Line:
    """The way of a task's calls into the run: open while the runner waits for rows of an input.

    `trouble` is what stops the run, `in_vain` the last call that failed in the end, `said` what the model said.
    """

    def __init__(self, version: str, workers: int) -> None:
        self.trouble: BaseException | None = None
        self.in_vain: ServingError | None = None
        self.said: list[str] = []
        self.model = ""
        self._version = version
        self._room = asyncio.Semaphore(workers)
        self._ask: Ask | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls = 0
        self._has_answered = False
        self._waiting: set[concurrent.futures.Future[Any]] = set()

    def open(self, ask: Ask) -> None:
        self._ask, self._loop = ask, asyncio.get_running_loop()
        self._calls, self.said, self.trouble, self.in_vain, self.model = 0, [], None, None, ""

    def close(self) -> None:
        self._ask = None
        for waiting in list(self._waiting):
            waiting.cancel()

    def generate(self, llm: Any, inputs: Any, num_generations: int, settings: dict[str, Any]) -> list[Generations]:
        """Called from the author's thread. Raises `Stopped` when the run may make no further call."""
        check_count(num_generations)
        defaults = getattr(llm, "generation_kwargs", None) or {}
        prompts = prompts_of(inputs, defaults | settings, version=self._version)
        schema = schema_of(getattr(llm, "structured_output", None))
        ask, loop = self._ask, self._loop
        if ask is None or loop is None:
            raise Stopped
        future = asyncio.run_coroutine_threadsafe(self._answer_all(ask, prompts, num_generations, schema), loop)
        self._waiting.add(future)
        try:
            return future.result()
        except Exception as error:
            if error is self.trouble or isinstance(error, concurrent.futures.CancelledError):
                raise Stopped from None
            raise
        finally:
            self._waiting.discard(future)

    async def _answer_all(
        self, ask: Ask, prompts: list[Prompt], count: int, schema: dict[str, Any] | None
    ) -> list[Generations]:
        first = self._calls + 1
        self._calls += len(prompts)

        async def answer(number: int, prompt: Prompt) -> Generations:
            async with self._room:
                return await self._answer(ask, prompt, count, schema, f"call-{number}")

        numbered = list(enumerate(prompts, start=first))
        done: list[Generations] = []
        while numbered and not self._has_answered:  # one at a time until the endpoint is known to answer
            done.append(await answer(*numbered.pop(0)))
        tasks = [asyncio.ensure_future(answer(number, prompt)) for number, prompt in numbered]
        try:
            return [*done, *await asyncio.gather(*tasks)]
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _answer(
        self, ask: Ask, prompt: Prompt, count: int, schema: dict[str, Any] | None, step: str
    ) -> Generations:
        async def send(asked: Prompt, name: str) -> Completion:
            completion = await ask(asked, answer=CompletionAnswer(schema), step=name)
            self._has_answered = True
            self.said += completion.texts
            self.model = completion.model
            return completion

        try:
            return await generations_of(send, prompt, count, step)
        except ServingError as error:
            if isinstance(error, ConfigurationError):
                self.trouble = self.trouble or error
                raise
            self.in_vain = error
            logger.warning("A call of llm.generate has no answer: %s", error)
            return Generations([None] * count)
        except Exception as error:
            self.trouble = self.trouble or error
            raise


class LineLLM:
    """Stands in for a task's `llm` while a run executes the task."""

    def __init__(self, llm: Any, line: Line) -> None:
        self._llm = llm
        self._line = line

    def generate(self, inputs: Any, num_generations: int = 1, **settings: Any) -> list[Generations]:
        return self._line.generate(self._llm, inputs, num_generations, settings)

    generate_outputs = generate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._llm, name)


class Feed:
    """Batches of rows from `task.process(offset)`, which runs in one thread from its beginning to its end."""

    def __init__(self, task: Any, offset: int) -> None:
        self._task = task
        self._offset = offset
        self._requests: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[Batch | None]] | None]
        self._requests = queue.SimpleQueue()
        threading.Thread(target=self._work, name=f"{type(task).__name__}.process", daemon=True).start()

    async def batch(self) -> Batch | None:
        """The next batch, None at the end.

        Raises `OwnCodeError` where the author's code fails and `Stopped` where the run stops; it is over then.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Batch | None] = loop.create_future()
        self._requests.put((loop, future))
        return await future

    def close(self) -> None:
        self._requests.put(None)

    def _work(self) -> None:
        iterator: Iterator[Batch] | None = None
        while (request := self._requests.get()) is not None:
            loop, future = request
            try:
                if iterator is None:
                    iterator = iter(self._task.process(self._offset))
                value, error = next(iterator, None), None
            except BaseException as raised:  # noqa: BLE001  it is raised where the run waits for the batch
                value, error = None, raised
            with suppress(RuntimeError):  # the run has ended, and its loop with it
                loop.call_soon_threadsafe(_settle, future, value, _told(error, type(self._task).__name__))
        if iterator is not None and hasattr(iterator, "close"):
            try:
                iterator.close()
            except BaseException as error:  # noqa: BLE001  nobody waits for it any more
                logger.warning("process() failed while it was ended: %s: %s", type(error).__name__, error)


def _settle(future: asyncio.Future[Batch | None], value: Batch | None, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)


def _told(error: BaseException | None, task: str) -> BaseException | None:
    """What the run is told of what the author's code raised."""
    if error is None or isinstance(error, Stopped):
        return error
    if isinstance(error, StopIteration):
        return OwnCodeError(f"{task}.process() has raised StopIteration. Use `return` to end it.")
    if isinstance(error, OwnCodeError):
        return error
    if isinstance(error, UsageError):
        return OwnCodeError(f"{error} {_where(error)}".strip())
    name = type(error).__name__
    said = str(error) if isinstance(error, DataflowError) else f"{name}: {error}" if str(error) else name
    return OwnCodeError(f"{said.rstrip('.')}. {_where(error)}".strip())


def _where(error: BaseException) -> str:
    """The last line of the author's own code that the error went through."""
    lines: list[tuple[str, int, str]] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    own = [line for line in lines if not line[0].startswith(_NOT_THE_AUTHORS)]
    own = own or [line for line in lines if not line[0].startswith(_OURS)]
    if not own:
        return ""
    file, number, function = own[-1]
    text = linecache.getline(file, number).strip()
    place = (
        f"In {function}, line {number} of {Path(file).name}" if file and not file.startswith("<") else f"In {function}"
    )
    return f"{place}: {text}" if text else f"{place}."

"""One input's calls: from the log if they were answered before, else from the model, with retries and one repair."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from dataflow_core.errors import AnswerError, RefusedError, TransientError, TruncatedError
from dataflow_core.generators.base import Answer
from dataflow_core.models import Completion, Input, Message, Prompt
from dataflow_core.serving.base import Serving
from dataflow_core.storage.ledger import Call, Logged

T = TypeVar("T")

#: Seconds before the second, third, … attempt at a call; a server that names a time is obeyed instead.
BACK_OFF = (1.0, 2.0, 4.0, 8.0)
LONGEST_WAIT = 120.0
#: An answer cut at the token limit is asked for again with this much room.
MORE_ROOM = 4_096


class Stopping(Exception):  # noqa: N818  not an error: it unwinds an input that is to stay pending
    """The run is stopping: no further call may be made."""


class Gate:
    """Lets calls through to the model: all of them, one canary at first, or none any more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._canary = asyncio.Lock()
        self._stopping = False
        self.is_open = False
        self.answers = 0
        self.last_answer = clock()

    async def call(self, send: Callable[[], Awaitable[Completion]]) -> Completion:
        """Send, with all its attempts, once it may be. Until there was a first answer only one call is under way."""
        if not self.is_open:
            async with self._canary:
                if not self.is_open:
                    return await self._answered(send)
        return await self._answered(send)

    async def _answered(self, send: Callable[[], Awaitable[Completion]]) -> Completion:
        completion = await send()
        self.is_open = True
        self.answers += 1
        self.last_answer = self._clock()
        return completion

    def stop(self) -> None:
        self._stopping = True

    def check(self) -> None:
        """Raises `Stopping` when no further attempt may be made."""
        if self._stopping:
            raise Stopping


@dataclass(frozen=True, slots=True)
class Asker:
    """The `ask` that a generator is handed for one input."""

    item: Input
    serving: Serving
    gate: Gate
    log: Callable[[Call], None]
    logged: Logged
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def __call__(self, prompt: Prompt, *, answer: Answer[T], step: str) -> T:
        """Raises `AnswerError` when the second answer is unusable too, and what the serving raises."""
        identity = prompt_hash(prompt)
        before = self.logged.get(step)
        if before is not None and before[0] == identity:
            with suppress(AnswerError):  # an answer that was good enough for an earlier version may not be for this one
                return answer.read(before[1])
        try:
            return await self._attempt(prompt, prompt, identity, answer, step)
        except AnswerError as error:
            again = _again(prompt, error)
        return await self._attempt(again, prompt, identity, answer, step)

    async def _attempt(self, sent: Prompt, prompt: Prompt, identity: str, answer: Answer[T], step: str) -> T:
        completion = await self._send(sent, answer)
        try:
            value = answer.read(completion)
        except AnswerError:
            self.log(Call(self.item, step, prompt, identity, completion, is_valid=False))
            raise
        self.log(Call(self.item, step, prompt, identity, completion, is_valid=True))
        return value

    async def _send(self, prompt: Prompt, answer: Answer[T]) -> Completion:
        completion = await self.gate.call(lambda: self._try(prompt, answer))
        if completion.finish_reason == "content_filter":
            raise RefusedError("The endpoint's content filter stopped the answer.", raw_text="".join(completion.texts))
        return completion

    async def _try(self, prompt: Prompt, answer: Answer[T]) -> Completion:
        for attempt in itertools.count():
            self.gate.check()
            try:
                return await self.serving.complete(prompt, schema=answer.schema)
            except TransientError as error:
                if attempt == len(BACK_OFF):
                    raise
                await self.sleep(_wait(attempt, error))
        raise AssertionError("unreachable")


def prompt_hash(prompt: Prompt) -> str:
    """The same for the same words, whatever is sampled from them: an answer in the log stands for its words."""
    words = [asdict(message) for message in prompt.messages]
    return hashlib.sha256(json.dumps([words, prompt.text], ensure_ascii=True).encode()).hexdigest()[:16]


def _wait(attempt: int, error: TransientError) -> float:
    if error.retry_after is not None:
        return min(error.retry_after, LONGEST_WAIT)
    return BACK_OFF[attempt] * random.uniform(0.75, 1.25)  # noqa: S311  spreads retries, guards nothing


def _again(prompt: Prompt, error: AnswerError) -> Prompt:
    if isinstance(error, TruncatedError):
        room = max(MORE_ROOM, 2 * (prompt.sampling.max_tokens or 0))
        return replace(prompt, sampling=replace(prompt.sampling, max_tokens=room))
    if prompt.text is not None or not prompt.messages or prompt.messages[-1].role == "assistant":
        seed = None if prompt.sampling.seed is None else prompt.sampling.seed + 1
        return replace(prompt, sampling=replace(prompt.sampling, seed=seed))
    correction = f"This answer cannot be used: {error} Answer again, with the whole JSON object and nothing else."
    told = (Message("assistant", error.raw_text[:8_000] or "(empty)"), Message("user", correction))
    return replace(prompt, messages=prompt.messages + told)

"""One input's calls: from the log if they were answered before, else from the model, with retries and one repair."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from dataflow_core.errors import AnswerError, RefusedError, TransientError, TruncatedError
from dataflow_core.generators.base import Answer
from dataflow_core.models import Completion, Input, Message, Prompt
from dataflow_core.running.budget import with_usage
from dataflow_core.running.gate import Gate
from dataflow_core.running.health import BACK_OFF, wait_before
from dataflow_core.serving.base import Serving
from dataflow_core.storage.ledger import Call, Logged

T = TypeVar("T")

#: An answer cut at the token limit is asked for again with this much room.
MORE_ROOM = 4_096
_QUOTED = 8_000  # characters of an unusable answer that the model is shown again


@dataclass(slots=True)
class Asker:
    """The `ask` that a generator is handed for one input.

    `calls` counts those made, in vain or not; `repairs` is what had to be mended in the answers that were used.
    """

    item: Input
    serving: Serving
    gate: Gate
    log: Callable[[Call], None]
    logged: Logged
    calls: int = 0
    repairs: dict[str, None] = field(default_factory=dict)
    model: str = ""  # that gave the last answer which could be used

    async def __call__(self, prompt: Prompt, *, answer: Answer[T], step: str) -> T:
        """Raises `AnswerError` when the second answer is unusable too, and what the serving raises."""
        identity = prompt_hash(prompt)
        before = self.logged.get(step)
        if before is not None and before[0] == identity:
            with suppress(AnswerError):  # an answer that was good enough for an earlier version may not be for this one
                return self._read(before[1], answer)
        try:
            return await self._attempt(prompt, prompt, identity, answer, step)
        except AnswerError as error:
            again = _again(prompt, error)
        return await self._attempt(again, prompt, identity, answer, step)

    async def _attempt(self, sent: Prompt, prompt: Prompt, identity: str, answer: Answer[T], step: str) -> T:
        completion = await self._send(sent, answer, step)
        try:
            _check_not_refused(completion)
            value = self._read(completion, answer)
        except (AnswerError, RefusedError):
            self._log(step, prompt, identity, completion, is_valid=False)
            raise
        self._log(step, prompt, identity, completion, is_valid=True)
        return value

    def _log(self, step: str, prompt: Prompt, identity: str, completion: Completion, *, is_valid: bool) -> None:
        cost = self.gate.endpoint.cost(completion.usage)
        self.log(Call(self.item, step, prompt, identity, completion, is_valid, cost))

    def _read(self, completion: Completion, answer: Answer[T]) -> T:
        reading = answer.read(completion)
        self.model = completion.model
        self.repairs.update(dict.fromkeys(reading.repairs))
        return reading.value

    async def _send(self, prompt: Prompt, answer: Answer[T], step: str) -> Completion:
        async def send() -> Completion:
            self.calls += 1
            return with_usage(await self.serving.complete(prompt, schema=answer.schema), prompt)

        failed = 0
        while True:
            try:
                return await self.gate.call(self.item.id, step, prompt, send)
            except TransientError as error:
                self.gate.check()
                if failed == len(BACK_OFF):
                    raise
                await self.gate.rest(wait_before(failed, error))
                # While the endpoint answers nobody, it is not for this input to use its attempts up.
                failed += self.gate.health.is_open or self.gate.is_tail


def prompt_hash(prompt: Prompt) -> str:
    """The same for the same words, whatever is sampled from them: an answer in the log stands for its words."""
    words = [{"role": message.role, "content": message.content} for message in prompt.messages]
    return hashlib.sha256(json.dumps([words, prompt.text], ensure_ascii=True).encode()).hexdigest()[:16]


def _check_not_refused(completion: Completion) -> None:
    if completion.finish_reason == "content_filter":
        said = "".join(completion.texts).strip()
        quote = f" It said: “{said[:300]}”" if said else ""
        raise RefusedError(f"{completion.model} will not answer this prompt.{quote}", raw_text=said)


def _again(prompt: Prompt, error: AnswerError) -> Prompt:
    if isinstance(error, TruncatedError):
        room = max(MORE_ROOM, 2 * (prompt.sampling.max_tokens or 0))
        return replace(prompt, sampling=replace(prompt.sampling, max_tokens=room))
    if prompt.text is not None or not prompt.messages or prompt.messages[-1].role == "assistant":
        seed = None if prompt.sampling.seed is None else prompt.sampling.seed + 1
        return replace(prompt, sampling=replace(prompt.sampling, seed=seed))
    correction = f"This answer cannot be used: {error} Answer again, with the whole JSON object and nothing else."
    told = (Message("assistant", error.raw_text[:_QUOTED] or "(empty)"), Message("user", correction))
    return replace(prompt, messages=prompt.messages + told)

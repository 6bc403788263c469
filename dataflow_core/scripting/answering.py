"""Calling a model outside of a run: several inputs at a time, with back-off, as one blocking call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dataflow_core.errors import ConfigurationError, RefusedError, ServingError, TransientError
from dataflow_core.models import Completion, Endpoint, Prompt, StoppedBy
from dataflow_core.running.gate import Gate, Stopping
from dataflow_core.running.health import RESUME, wait_before
from dataflow_core.scripting.chats import Generations, generations_of
from dataflow_core.serving.base import Serving

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Caller:
    """Answers one `generate`. A call that fails in the end is None, with a warning.

    Raises `ConfigurationError` at once for what every call would fail at: the key, the address, the model.
    """

    endpoint: Endpoint
    serving: Serving
    schema: dict[str, Any] | None = None
    max_retries: int = 4
    _why: list[str] = field(default_factory=list)

    async def answer_all(self, prompts: Sequence[Prompt], count: int) -> list[Generations]:
        """`count` generations for each prompt, in the order of the prompts."""
        gate = Gate(self.endpoint, stop_run=lambda reason, by: self._stop(gate, reason, by))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answer(gate, p, count, n)) for n, p in enumerate(prompts)]
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            gate.stop()
        return [task.result() for task in tasks]

    async def _answer(self, gate: Gate, prompt: Prompt, count: int, number: int) -> Generations:
        async def send(asked: Prompt, step: str) -> Completion:
            return await self._send(gate, asked, str(number), step)

        try:
            return await generations_of(send, prompt, count, "call")
        except ConfigurationError:
            raise
        except (ServingError, Stopping) as error:
            why = str(error) or (self._why[0] if self._why else "It was given up.")
            logger.warning("Input %d of llm.generate has no answer: %s", number + 1, why)
            return Generations([None] * count)

    async def _send(self, gate: Gate, prompt: Prompt, by: str, step: str) -> Completion:
        async def send() -> Completion:
            return await self.serving.complete(prompt, schema=self.schema)

        failed = 0
        while True:
            try:
                return checked(await gate.call(by, step, prompt, send))
            except TransientError as error:
                if failed >= self.max_retries:
                    raise
                await gate.rest(wait_before(failed, error))
                failed += 1

    def _stop(self, gate: Gate, reason: str, _: StoppedBy) -> None:
        self._why.append(reason.removesuffix(RESUME))
        gate.stop()


def checked(completion: Completion) -> Completion:
    """Raises `RefusedError` for a refusal; an answer that was cut off is used, with a warning."""
    if completion.finish_reason == "content_filter":
        said = "".join(completion.texts).strip()
        raise RefusedError(f"{completion.model} will not answer this prompt.", raw_text=said)
    if completion.finish_reason == "length":
        logger.warning("An answer of %s was cut off at the token limit; raise max_new_tokens.", completion.model)
    return completion


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    wrong = [error for error in errors.exceptions if isinstance(error, ConfigurationError)]
    return [*wrong, *errors.exceptions][0]

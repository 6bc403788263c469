"""Anyone's serving as one of ours: prompts that wait are gathered, and answered by one call in a thread."""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dataflow_core.errors import ConfigurationError, ServingError, TransientError
from dataflow_core.models import Completion, Prompt, Recipe
from dataflow_core.scripting.calling import LLMMethods, in_daemon_thread
from dataflow_core.serving.openai_errors import Reach, cut

logger = logging.getLogger(__name__)

BATCH_SIZE = 64
#: Seconds without another prompt after which a batch goes as it is.
QUIET = 0.02
#: Attempts at one prompt, after the last of which it is given up.
ATTEMPTS = 3


@dataclass(eq=False, slots=True)
class _Waiting:
    prompt: Prompt
    schema: Mapping[str, Any] | None
    answer: asyncio.Future[str]


class BatchServing:
    """Answers prompts by anyone's `generate_from_input`, or `generate_from_conversations`, one call at a time.

    A call is of at most `max_workers` prompts that have system prompt and settings in common. What goes wrong with it
    (it raises, or does not return one answer a prompt) is told to each of its prompts: as a `TransientError`, at the
    last of `ATTEMPTS` as a `ServingError`. They then come in calls of their own, so that one bad prompt does no harm
    to the others. A `ServingError` that the call itself raises is passed on.
    """

    recipe: Recipe = "capable"

    def __init__(self, llm_serving: Any) -> None:
        self._methods = LLMMethods(llm_serving)
        self._name = type(llm_serving).__name__
        self.model_name = str(getattr(llm_serving, "model_name", None) or self._name)
        self.max_workers = batch_size_of(llm_serving)
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._failed: dict[int, tuple[Prompt, int]] = {}  # by the prompt's identity, which stays over its attempts
        self._sender: asyncio.Task[None] | None = None
        self._has_warned = False

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        if prompt.text is not None:
            raise ServingError(f"{self._name} takes conversations only; this prompt is raw text to continue.")
        self._warn_of_temperature(prompt)
        loop = asyncio.get_running_loop()
        if self._sender is None or self._sender.done():
            self._sender = loop.create_task(self._send_batches())
        waiting = _Waiting(prompt, schema, loop.create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        started = loop.time()
        text = await waiting.answer
        return Completion((text,), self.model_name, seconds=loop.time() - started)

    async def close(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
            with suppress(asyncio.CancelledError):
                await self._sender
            self._sender = None

    def _warn_of_temperature(self, prompt: Prompt) -> None:
        if prompt.sampling.temperature is None or self._has_warned or self._methods.takes(prompt, "temperature"):
            return
        self._has_warned = True
        warnings.warn(
            f"{self._name} takes no temperature, so the one that was asked for ({prompt.sampling.temperature:g}) is "
            "left out. Give its generate_from_input a parameter of that name to be told it.",
            stacklevel=2,
        )

    async def _send_batches(self) -> None:
        while True:
            await self._arrived.wait()
            await self._gather()
            if batch := self._next_batch():
                await self._send(batch)

    async def _gather(self) -> None:
        """Wait until as many have come as go into one call, or no more come."""
        while len(self._waiting) < self.max_workers:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), QUIET)
            except TimeoutError:
                return

    def _next_batch(self) -> list[_Waiting]:
        """The first that waits, with those that can be asked together with it."""
        waiting = [one for one in self._waiting if not one.answer.done()]
        batch = waiting[:1]
        if batch and id(batch[0].prompt) not in self._failed:
            common = self._common(batch[0])
            alike = (one for one in waiting if id(one.prompt) not in self._failed and self._common(one) == common)
            batch = [one for one, _ in zip(alike, range(self.max_workers), strict=False)]
        taken = set(map(id, batch))
        self._waiting = [one for one in waiting if id(one) not in taken]
        if self._waiting:
            self._arrived.set()
        else:
            self._arrived.clear()
        return batch

    def _common(self, one: _Waiting) -> tuple[object, ...]:
        schema = json.dumps(one.schema, sort_keys=True) if one.schema is not None else ""
        return *self._methods.kind_of(one.prompt), one.prompt.sampling.temperature, schema

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        prompts, schema = [one.prompt for one in batch], batch[0].schema
        try:
            answers = await in_daemon_thread(lambda: self._methods.call(prompts, schema))
        except (ConfigurationError, TransientError) as error:
            _tell(batch, error)
        except ServingError as error:
            if len(batch) == 1:
                _tell(batch, error)
            else:
                self._fail(batch, str(error))
        except Exception as error:
            logger.debug("%s raised", self._name, exc_info=error)
            self._fail(batch, f"{self._name} raised {type(error).__name__}: {_cleaned(str(error))}")
        else:
            self._share_out(batch, answers)

    def _share_out(self, batch: Sequence[_Waiting], answers: Any) -> None:
        if not isinstance(answers, list | tuple):
            self._fail(batch, f"{self._name} returned a {type(answers).__name__} where a list of texts is needed.")
        elif len(answers) != len(batch):
            self._fail(
                batch,
                f"{self._name} returned {len(answers)} answers to {len(batch)} prompts: which belongs to which "
                "cannot be told.",
            )
        else:
            for one, text in zip(batch, answers, strict=True):
                if isinstance(text, str):
                    self._failed.pop(id(one.prompt), None)
                    if not one.answer.done():
                        one.answer.set_result(text)
                elif text is None:
                    self._fail([one], f"{self._name} returned None: no answer to this prompt.")
                else:
                    self._fail([one], f"{self._name} returned a {type(text).__name__} where a text is needed.")

    def _fail(self, batch: Sequence[_Waiting], reason: str) -> None:
        for one in batch:
            attempts = self._failed.pop(id(one.prompt), (one.prompt, 0))[1] + 1
            if attempts < ATTEMPTS:
                self._failed[id(one.prompt)] = one.prompt, attempts
                _tell([one], TransientError(reason))
            else:
                _tell([one], ServingError(reason))


def batch_size_of(llm_serving: Any) -> int:
    """How many prompts a serving is handed at once: its `batch_size`, else its `max_workers`, else 64."""
    sizes = (getattr(llm_serving, name, None) for name in ("batch_size", "max_workers"))
    return next((size for size in sizes if isinstance(size, int) and size > 0), BATCH_SIZE)


def _tell(batch: Sequence[_Waiting], error: ServingError) -> None:
    for one in batch:
        if not one.answer.done():
            one.answer.set_exception(error)


def _cleaned(text: str) -> str:
    """One sentence on one line, without what looks like a key."""
    cleaned = cut(Reach("", "", None, None, 0.0).scrub(text)) or "(no message)"
    return cleaned if cleaned.endswith((".", "!", "?", "…")) else f"{cleaned}."

"""A serving that answers from a script: for tests, and for trying a generator without a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dataflow_core.models import Completion, Prompt, Recipe

Reply = str | Completion | Exception


class ScriptedServing:
    """Answers each call with the next of a sequence, or with what a function makes of the prompt.

    An exception among the replies is raised. `prompts` and `schemas` hold what was asked, in order.
    """

    def __init__(
        self,
        reply: Callable[[Prompt], Reply] | Sequence[Reply],
        *,
        model_name: str = "scripted",
        recipe: Recipe = "capable",
        max_workers: int = 8,
        delay: float = 0.0,
    ) -> None:
        self.model_name = model_name
        self.recipe = recipe
        self.max_workers = max_workers
        self.prompts: list[Prompt] = []
        self.schemas: list[Mapping[str, Any] | None] = []
        self.is_closed = False
        self._reply = reply
        self._delay = delay

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        number = len(self.prompts)
        self.prompts.append(prompt)
        self.schemas.append(schema)
        await asyncio.sleep(self._delay)
        reply = self._reply(prompt) if callable(self._reply) else self._from_sequence(self._reply, number)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Completion):
            return reply
        return Completion(texts=(reply,) * prompt.sampling.choices, model=self.model_name)

    async def close(self) -> None:
        self.is_closed = True

    @staticmethod
    def _from_sequence(replies: Sequence[Reply], number: int) -> Reply:
        if number >= len(replies):
            raise LookupError(f"The script holds {len(replies)} replies; this is call {number + 1}.")
        return replies[number]

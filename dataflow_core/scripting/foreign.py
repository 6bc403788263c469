"""Models of others' classes: whatever a script gives as `llm`, and how it is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dataflow_core.errors import DataflowError, ServingError, UsageError
from dataflow_core.models import Completion, Endpoint, Prompt, Recipe
from dataflow_core.scripting.calling import in_daemon_thread
from dataflow_core.scripting.chats import spoken
from dataflow_core.scripting.running import serving_of
from dataflow_core.serving import open_serving
from dataflow_core.serving.base import Serving


@dataclass(frozen=True, slots=True)
class Reach:
    """How a script's model is reached: at an endpoint with a key, or by a serving that `opener` gives."""

    endpoint: Endpoint
    key: str | None = field(default=None, repr=False)
    opener: Callable[[], Serving] | None = None

    def open(self, otherwise: Callable[[Endpoint, str | None], Serving] = open_serving) -> Serving:
        """A serving for the caller to close; one that is the script's own stays open all the same."""
        return otherwise(self.endpoint, self.key) if self.opener is None else self.opener()


def reach_of(what: Any) -> Reach:
    """For an endpoint, a serving, an object with `generate_from_input`, or an LLM of distilabel.

    Raises `UsageError` for what cannot generate.
    """
    if isinstance(what, Endpoint):
        return Reach(what)
    if is_llm_of_others(what):
        endpoint = Endpoint(type(what).__name__, "script", model=str(what.model_name))
        return Reach(endpoint, opener=lambda: LLMServing(what))
    if isinstance(what, type) or not (hasattr(what, "complete") or hasattr(what, "generate_from_input")):
        name = f"The class {what.__name__}" if isinstance(what, type) else type(what).__name__
        raise UsageError(
            f"{name} is no model. Give llm=OpenAILLM(model=…), a serving, or an object with "
            "generate_from_input(user_inputs, system_prompt)."
        )
    opened, endpoint = serving_of(what)
    return Reach(endpoint, opener=lambda: KeptOpen(what) if opened is what else serving_of(what)[0])


def is_llm_of_others(what: Any) -> bool:
    """Whether it has distilabel's `generate`, and nothing that we call more directly."""
    if isinstance(what, type) or hasattr(what, "complete") or hasattr(what, "generate_from_input"):
        return False
    return callable(getattr(what, "generate", None)) and hasattr(what, "model_name")


class KeptOpen:
    """A serving for somebody who closes what he is given, while it is to be used again."""

    def __init__(self, serving: Serving) -> None:
        self.model_name, self.recipe, self.max_workers = serving.model_name, serving.recipe, serving.max_workers
        self.complete = serving.complete

    async def close(self) -> None:
        """Whoever has opened it closes it."""


class LLMServing:
    """Something with distilabel's `generate(inputs, num_generations)`, called in a thread, a prompt at a time."""

    recipe: Recipe = "capable"
    max_workers = 16

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self._turn = asyncio.Lock()
        self.model_name = str(llm.model_name)

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        chat = [{"role": message.role, "content": message.content} for message in prompt.messages]
        name = type(self._llm).__name__
        try:
            async with self._turn:
                text = spoken(await in_daemon_thread(lambda: self._llm.generate(inputs=[chat])))
        except DataflowError:
            raise
        except Exception as error:  # whatever code of others raises is a call in vain
            raise ServingError(f"{name} raised {type(error).__name__}: {error}") from error
        if not isinstance(text, str):
            raise ServingError(f"{name} gave no text.")
        return Completion((text,), self.model_name)

    async def close(self) -> None:
        """It is the script's to end."""

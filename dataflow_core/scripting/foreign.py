"""Models of others' classes as a serving: what has `generate_from_input`, and distilabel's own LLMs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from dataflow_core.errors import DataflowError, ServingError, TransientError, UsageError
from dataflow_core.models import Completion, Endpoint, Prompt, Recipe
from dataflow_core.scripting.chats import spoken
from dataflow_core.serving.base import Serving

#: What stands in a stored run for a model that only the script reaches.
IN_SCRIPT = "http://in-the-script.invalid"


class KeptOpen:
    """A serving for somebody who closes what he is given, while it is to be used again."""

    def __init__(self, serving: Serving) -> None:
        self.model_name, self.recipe, self.max_workers = serving.model_name, serving.recipe, serving.max_workers
        self.complete = serving.complete

    async def close(self) -> None:
        """Whoever has opened it closes it."""


def is_serving(what: Any) -> bool:
    return callable(getattr(what, "complete", None)) and hasattr(what, "model_name")


def serving_of_foreign(what: Any) -> Serving:
    """Raises `UsageError` for what cannot generate."""
    if is_serving(what):
        found: Serving = what
        return found
    if callable(getattr(what, "generate_from_input", None)):
        return BatchServing(what)
    if callable(getattr(what, "generate", None)) and hasattr(what, "model_name"):
        return LLMServing(what)
    raise UsageError(
        f"{type(what).__name__} is no model. Give llm=OpenAILLM(model=…), a serving, or an object with "
        "generate_from_input(user_inputs, system_prompt)."
    )


def endpoint_of_foreign(serving: Serving) -> Endpoint:
    """What a run stores of a model that only its script reaches: its name, and calls at a time."""
    name = serving.model_name
    return Endpoint(name=name, base_url=IN_SCRIPT, model=name, max_workers=max(1, serving.max_workers))


class _ThreadServing:
    """Calls ordinary code in a thread, one call at a time."""

    recipe: Recipe = "capable"
    max_workers = 1

    def __init__(self, what: Any) -> None:
        self._what = what
        self.model_name = str(getattr(what, "model_name", None) or type(what).__name__)

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        try:
            texts = await asyncio.to_thread(self._texts, prompt)
        except DataflowError:
            raise
        except Exception as error:  # whatever code of others raises is a call in vain
            raise ServingError(f"{type(self._what).__name__} failed: {type(error).__name__}: {error}") from error
        if any(text is None for text in texts):
            raise TransientError(f"{type(self._what).__name__} gave no answer.")
        return Completion(tuple(str(text) for text in texts), self.model_name)

    async def close(self) -> None:
        """It is the script's to end."""

    def _texts(self, prompt: Prompt) -> list[Any]:
        raise NotImplementedError


class BatchServing(_ThreadServing):
    """Something with `generate_from_input(user_inputs, system_prompt)`, given one input at a time."""

    def _texts(self, prompt: Prompt) -> list[Any]:
        system = "\n\n".join(message.content for message in prompt.messages if message.role == "system")
        turns = [message for message in prompt.messages if message.role != "system"]
        told = turns[0].content if len(turns) == 1 else "\n\n".join(f"{one.role}: {one.content}" for one in turns)
        answers = self._what.generate_from_input([told], system) if system else self._what.generate_from_input([told])
        return list(answers)[:1]


class LLMServing(_ThreadServing):
    """Something with distilabel's `generate(inputs, num_generations)`."""

    def _texts(self, prompt: Prompt) -> list[Any]:
        chat = [{"role": message.role, "content": message.content} for message in prompt.messages]
        text = spoken(self._what.generate(inputs=[chat]))
        return [text if text is None or isinstance(text, str) else str(text)]

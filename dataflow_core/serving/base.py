"""What every way of reaching a model offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dataflow_core.models import Completion, Prompt, Recipe


class Serving(Protocol):
    """A model that completes prompts. Safe to call from many tasks of one event loop at once."""

    @property
    def model_name(self) -> str: ...

    @property
    def recipe(self) -> Recipe: ...

    @property
    def max_workers(self) -> int:
        """How many calls may be in flight."""
        ...

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        """Return the completion; `schema` is the JSON schema the answer is to follow, where the endpoint can.

        One attempt: the caller retries. Raises `TransientError`, `ConfigurationError` or `RefusedError`.
        An answer cut at the token limit is returned, with `finish_reason` "length", and so is a refusal in place of
        one, with "content_filter": both are paid for.
        """
        ...

    async def close(self) -> None: ...

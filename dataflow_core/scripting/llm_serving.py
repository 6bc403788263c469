"""The base of a serving of one's own, after DataFlow's; only `generate_from_input` has to be written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

SYSTEM_PROMPT = "You are a helpful assistant"


class LLMServingABC(ABC):
    """A way to reach a model, whatever is behind it: it takes a list of texts and returns a list as long.

    What a subclass may add, and is used where it is there: parameters `temperature` and `json_schema` of its methods;
    a method `generate_from_conversations(conversations)`, for prompts of several turns; the attributes `model_name`
    (what records are marked with) and `batch_size` (the most texts in one call; else `max_workers`, else 64).
    """

    @abstractmethod
    def generate_from_input(self, user_inputs: list[str], system_prompt: str = SYSTEM_PROMPT) -> list[str | None]:
        """Return one answer a text, in their order; None where there is none. It may take long.

        An exception is told with the inputs that it hit. They are tried again, each alone.
        """

    def start_serving(self) -> Any:
        """Get ready. Called before the first call of each run, so it does nothing where that has happened."""
        return None

    def cleanup(self) -> Any:
        """Give up what is held. Yours to call: the same serving may be used for another generator."""
        return None

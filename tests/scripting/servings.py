"""Servings as people write them, which answer what the two generators ask for."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from dataflow_core.scripting.llm_serving import LLMServingABC
from tests.support import relations


def answer(system: str, text: str) -> str:
    """A usable answer to a prompt of either generator."""
    if found := re.search(r"key (\w+): a list of exactly (\d+) texts", system):
        key, count = found[1], int(found[2])
        return json.dumps({key: [f"{key} {number} about {text[-40:]}" for number in range(count)]})
    return relations(text.rpartition("Atomic task:\n")[2])


class OnlyInput(LLMServingABC):
    """Has only what must be there. `calls` holds the texts of each call; `spoil` may change what comes of one."""

    def __init__(self, spoil: Callable[[list[str], list[Any]], Any] = lambda _, answers: answers) -> None:
        self.calls: list[list[str]] = []
        self.at_work = 0
        self.most_at_work = 0
        self._spoil = spoil
        self._lock = threading.Lock()

    def generate_from_input(self, user_inputs: list[str], system_prompt: str = "") -> list[str | None]:
        with self._lock:
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
            self.calls.append(list(user_inputs))
        time.sleep(0.001)
        try:
            made: list[str | None] = self._spoil(user_inputs, [answer(system_prompt, text) for text in user_inputs])
        finally:
            with self._lock:
                self.at_work -= 1
        return made


class Duck:
    """No subclass of anything."""

    def generate_from_input(self, user_inputs: list[str], system_prompt: str) -> list[str]:
        return [answer(system_prompt, text) for text in user_inputs]


class Talkative(OnlyInput):
    """Takes all that a serving may take, and keeps what it was told."""

    model_name = "talkative-7b"
    batch_size = 5

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float | None, dict[str, Any] | None]] = []
        self.conversations: list[list[dict[str, str]]] = []
        self.starts = 0

    def start_serving(self) -> None:
        self.starts += 1

    def generate_from_input(
        self,
        user_inputs: list[str],
        system_prompt: str = "",
        temperature: float | None = None,
        json_schema: dict[str, Any] | None = None,
    ) -> list[str | None]:
        self.told.append((temperature, json_schema))
        return super().generate_from_input(user_inputs, system_prompt)

    def generate_from_conversations(self, conversations: list[list[dict[str, str]]]) -> list[str]:
        self.conversations += conversations
        return [answer(turns[0]["content"], turns[-1]["content"]) for turns in conversations]

"""`APILLMServing_request`: an OpenAI-compatible endpoint, named as DataFlow names it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dataflow_core.errors import ConfigurationError, ServingError, TransientError, UsageError
from dataflow_core.models import Completion, Endpoint, Message, Prompt, Recipe, Sampling
from dataflow_core.running.health import wait_before
from dataflow_core.scripting.blocking import run_blocking
from dataflow_core.scripting.llm_serving import SYSTEM_PROMPT, LLMServingABC
from dataflow_core.serving.keys import check_endpoint, is_default_address

if TYPE_CHECKING:
    from dataflow_core.serving.base import Serving

logger = logging.getLogger(__name__)

_ROLES = ("system", "user", "assistant")


class APILLMServing_request(LLMServingABC):  # noqa: N801  DataFlow's name
    """Asks an endpoint that speaks OpenAI's chat completions.

    `api_url` "" is the address that the openai package itself would use: OPENAI_BASE_URL, else OpenAI's own; one that
    ends in /chat/completions is taken, too. `key_name_of_api_key` NAMES the environment variable that holds the key;
    where that is not set, OPENAI_API_KEY is used for the default address, and for no other. `temperature` is for
    calls that have none of their own; None leaves it to the endpoint. `max_workers` is the most calls at a time.
    `max_retries` is the number of attempts of this object's own methods; a generator's run has a policy of its own.
    A call may take `connect_timeout` + `read_timeout` seconds in all. Further settings are sent with each call as
    they are (`top_p=0.9`).

    Raises `UsageError` for settings that no endpoint can have. Keys are read when they are used, and kept nowhere.
    """

    def __init__(
        self,
        api_url: str = "https://api.openai.com/v1/chat/completions",
        key_name_of_api_key: str = "DF_API_KEY",
        model_name: str = "gpt-4o",
        temperature: float | None = None,
        max_workers: int = 10,
        max_retries: int = 5,
        connect_timeout: float = 10.0,
        read_timeout: float = 120.0,
        **configs: Any,
    ) -> None:
        if "api_key" in configs:  # it would go to the model with what is asked
            raise UsageError(
                "api_key is not taken. Put the key into an environment variable, and give its name: "
                "key_name_of_api_key='DF_API_KEY'."
            )
        for name, number in (("max_workers", max_workers), ("max_retries", max_retries)):
            if not isinstance(number, int) or number < 1:
                raise UsageError(f"{name} is a whole number, at least 1; {number!r} was given.")
        if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
            raise UsageError(f"The temperature is a number between 0 and 2; {temperature!r} was given.")
        self.api_url = api_url
        self.key_name_of_api_key = key_name_of_api_key
        self.model_name = model_name
        self.temperature = temperature
        self.max_workers = max_workers
        self.max_retries = max_retries
        self.timeout = connect_timeout + configs.pop("timeout", read_timeout)
        self.configs = configs
        check_endpoint(self.endpoint)

    def __repr__(self) -> str:
        return f"APILLMServing_request({self.api_url!r}, model_name={self.model_name!r})"

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint as a run stores it. Which variable its key comes from is decided by what is set now."""
        plain = Endpoint(
            name=self.model_name,
            base_url=self.api_url,
            model=self.model_name,
            max_workers=self.max_workers,
            timeout=self.timeout,
        )
        has_key = bool(os.environ.get(self.key_name_of_api_key, "").strip())
        falls_back = is_default_address(plain) and os.environ.get("OPENAI_API_KEY", "").strip()
        return plain if falls_back and not has_key else replace(plain, key_env=self.key_name_of_api_key)

    def open(self) -> Serving:
        """The serving behind it, for one event loop."""
        from dataflow_core.serving.openai_compatible import OpenAIServing

        return _WithSettings(OpenAIServing(self.endpoint), self.temperature, self.configs)

    def generate_from_input(
        self,
        user_inputs: list[str],
        system_prompt: str = SYSTEM_PROMPT,
        json_schema: Mapping[str, Any] | None = None,
        temperature: float | None = None,
    ) -> list[str | None]:
        """Return one answer a text, in their order; None for each that got none after all attempts, with a log line.

        Raises `ConfigurationError` for a wrong key, model or address, and `UsageError` for one text without a list.
        """
        if isinstance(user_inputs, str):
            raise UsageError("user_inputs is one text, where a list of texts is needed: write [text].")
        system = Message("system", system_prompt)
        conversations = [(system, Message("user", text)) for text in user_inputs]
        return run_blocking(lambda: self._answer_all(conversations, json_schema, temperature))

    def generate_from_conversations(
        self,
        conversations: list[list[dict[str, str]]],
        json_schema: Mapping[str, Any] | None = None,
        temperature: float | None = None,
    ) -> list[str | None]:
        """As `generate_from_input`, for conversations as lists of `{"role": …, "content": …}`.

        Raises `UsageError` for a conversation of another shape.
        """
        asked = [tuple(_message(turn) for turn in conversation) for conversation in conversations]
        return run_blocking(lambda: self._answer_all(asked, json_schema, temperature))

    async def _answer_all(
        self,
        conversations: Sequence[tuple[Message, ...]],
        schema: Mapping[str, Any] | None,
        temperature: float | None,
    ) -> list[str | None]:
        serving, places = self.open(), asyncio.Semaphore(self.max_workers)
        sampling = Sampling(temperature=temperature)

        async def answer(messages: tuple[Message, ...]) -> str | None:
            async with places:
                return await self._answer(serving, Prompt("", messages, sampling=sampling), schema)

        tasks = [asyncio.create_task(answer(messages)) for messages in conversations]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await serving.close()

    async def _answer(self, serving: Serving, prompt: Prompt, schema: Mapping[str, Any] | None) -> str | None:
        for failed in range(self.max_retries):
            try:
                completion = await serving.complete(prompt, schema=schema)
            except ConfigurationError:
                raise
            except TransientError as error:
                if failed + 1 == self.max_retries:
                    logger.warning("No answer after %d attempts: %s", self.max_retries, error)
                    return None
                await asyncio.sleep(wait_before(failed, error))
            except ServingError as error:
                logger.warning("No answer: %s", error)
                return None
            else:
                return completion.texts[0] if completion.texts else None
        return None


class _WithSettings:
    """A serving whose prompts are given a temperature, where they have none, and further settings."""

    def __init__(self, inner: Serving, temperature: float | None, extra: Mapping[str, Any]) -> None:
        self._inner = inner
        self._temperature = temperature
        self._extra = extra
        self.model_name = inner.model_name
        self.recipe: Recipe = inner.recipe
        self.max_workers = inner.max_workers

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        sampling = prompt.sampling
        temperature = self._temperature if sampling.temperature is None else sampling.temperature
        sampling = replace(sampling, temperature=temperature, extra={**self._extra, **sampling.extra})
        return await self._inner.complete(replace(prompt, sampling=sampling), schema=schema)

    async def close(self) -> None:
        await self._inner.close()


def _message(turn: Mapping[str, str]) -> Message:
    role, content = turn.get("role"), turn.get("content")
    if role not in _ROLES or not isinstance(content, str):
        raise UsageError('A conversation is a list of {"role": "system", "user" or "assistant", "content": text}.')
    return Message(role, content)  # type: ignore[arg-type]

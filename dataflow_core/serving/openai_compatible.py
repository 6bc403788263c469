"""Any server that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama, a gateway."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import openai

from dataflow_core.errors import ConfigurationError, ServingError
from dataflow_core.models import Completion, Endpoint, Prompt, Recipe
from dataflow_core.serving.dialect import Dialect, StructuredOutput, tell_nobody
from dataflow_core.serving.http_client import NO_KEY, HttpClient, is_address, proxy_for
from dataflow_core.serving.keys import (
    PASTED_KEY_ENV,
    base_url_of,
    check_endpoint,
    is_default_address,
    key_source,
    resolve_key,
)
from dataflow_core.serving.openai_errors import Reach, blaming, explain_rejection, rejection, timed_out
from dataflow_core.serving.reading import read_completion, read_object
from dataflow_core.serving.silence import explain_silence

logger = logging.getLogger(__name__)


class OpenAIServing:
    """Reaches the endpoint with `key`, by default the one `resolve_key` finds; "" calls without a key.

    A call takes `timeout` seconds at most, by default the endpoint's. `known` is what earlier calls have shown of how
    the endpoint wants to be asked; `learnt` is told, in the loop, whenever a call that succeeded shows more of it.
    """

    recipe: Recipe = "capable"

    def __init__(
        self,
        endpoint: Endpoint,
        key: str | None = None,
        *,
        timeout: float | None = None,
        known: Dialect | None = None,
        learnt: Callable[[Dialect], None] = tell_nobody,
    ) -> None:
        check_endpoint(endpoint)
        self.model_name = endpoint.model.strip()
        self.max_workers = endpoint.max_workers
        self._is_default_address = is_default_address(endpoint)
        source, found = key_source(endpoint), resolve_key(endpoint)
        used = found if key is None else key.strip() or None
        self._proxy = proxy_for(base_url_of(endpoint))
        self._reach = Reach(
            base_url=base_url_of(endpoint),
            model=self.model_name,
            key=used,
            key_source=source if used == found and source != PASTED_KEY_ENV else None,  # who pasted knows no variable
            timeout=endpoint.timeout if timeout is None else timeout,
            via_proxy=self._proxy is not None,
        )
        self._chats = f"{self._reach.base_url}/chat/completions"  # in full, for the package joins addresses slowly
        self._dialect = known or Dialect()
        self._learnt = learnt
        self._client: openai.AsyncOpenAI | None = None
        self._http: HttpClient
        self._headers: list[tuple[str, str]]
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"OpenAIServing({self._reach.base_url!r}, model={self.model_name!r})"

    @property
    def structured_output(self) -> StructuredOutput:
        """The form in which the endpoint takes a schema, as far as calls have shown."""
        return self._dialect.output

    @property
    def unsupported(self) -> frozenset[str]:
        """Sampling settings the model turned out to refuse; they are no longer sent."""
        return self._dialect.unsupported

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        if prompt.text is not None:
            raise ServingError(f"{self._reach.base_url} takes conversations only; this prompt is raw text to continue.")
        self._client_of_this_loop()
        try:
            async with asyncio.timeout(self._reach.timeout):
                return await self._call(prompt, schema, time.perf_counter())
        except TimeoutError:
            raise timed_out(self._reach) from None

    async def list_models(self) -> tuple[str, ...]:
        """The names of the models the server offers; () where it keeps no list in the usual form."""
        client = self._client_of_this_loop()
        try:
            async with asyncio.timeout(self._reach.timeout):
                response = await client.get("/models", cast_to=httpx2.Response)
        except TimeoutError:
            raise timed_out(self._reach) from None
        except openai.APIStatusError as error:
            answer = error.response
            raise explain_rejection(
                self._reach, rejection(self._reach, answer.status_code, answer.content, answer.headers)
            ) from None
        except openai.APIConnectionError as error:
            raise explain_silence(self._reach, error) from None
        models = read_object(self._reach, response.content).get("data")
        names = (model.get("id") for model in models if isinstance(model, dict)) if isinstance(models, list) else ()
        return tuple(name for name in names if isinstance(name, str))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _call(self, prompt: Prompt, schema: Mapping[str, Any] | None, started: float) -> Completion:
        known = dialect = self._dialect
        while True:
            body = dialect.body(self.model_name, prompt, schema)
            response = await self._send(json.dumps({**body, **prompt.sampling.extra}).encode())
            if response.is_success:
                completion = read_completion(self._reach, response, started)
                if dialect != known:
                    self._learn(dialect)
                return completion
            answer = rejection(self._reach, response.status_code, response.content, response.headers)
            narrower = dialect.narrowed(answer, body)
            if narrower is not None:
                dialect = narrower
            elif answer.status == 400 and "output limit was reached" in answer.text:  # OpenAI, while still reasoning
                return Completion(("",), self.model_name, "length", seconds=time.perf_counter() - started)
            else:
                raise explain_rejection(self._reach, answer)

    async def _send(self, content: bytes) -> httpx2.Response:
        """Past what the package does for each call: copying and checking options takes as long as all the rest."""
        request = self._http.build_request("POST", self._chats, headers=self._headers, content=content)
        try:
            return await self._http.send(request)
        except httpx2.TransportError as error:
            raise explain_silence(self._reach, error) from None

    def _learn(self, dialect: Dialect) -> None:
        for name in dialect.unsupported - self._dialect.unsupported:
            logger.warning("%s does not take a %s for %s; it is left out.", self._reach.base_url, name, self.model_name)
        joined = self._dialect.joined(dialect)
        if joined != self._dialect:  # else another call has found it out meanwhile
            self._dialect = joined
            self._learnt(joined)

    def _client_of_this_loop(self) -> openai.AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:  # a pool's connections die with the loop they were made in
            self._client, self._loop = self._make_client(), loop
        return self._client

    def _make_client(self) -> openai.AsyncOpenAI:
        reach = self._reach
        if reach.key and not _may_be_sent(reach.key, but_not=" "):
            origin = f" in {reach.key_source}" if reach.key_source else ""
            raise blaming(
                "key", ConfigurationError(f"The key{origin} holds a character that no key has. Copy it anew.")
            )
        if self._proxy is not None and not (
            self._proxy.lower().startswith(("http://", "https://")) and is_address(self._proxy)
        ):
            raise ConfigurationError(
                "The proxy named in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used: it needs an address that "
                "begins with http://. Correct the variable, or unset it."
            )
        if not is_address(reach.base_url):
            raise blaming("address", ConfigurationError(f"{reach.base_url} is not an address. Check its host."))
        self._http = HttpClient(
            reach.base_url,
            key=reach.key,
            is_default_address=self._is_default_address,
            proxy=self._proxy,
            timeout=reach.timeout,
        )
        client = openai.AsyncOpenAI(
            api_key=reach.key or NO_KEY,
            base_url=reach.base_url,
            max_retries=0,
            timeout=reach.timeout,
            http_client=self._http,
        )
        self._headers = [(name, value) for name, value in client.default_headers.items() if isinstance(value, str)]
        for name, value in self._headers:
            if not _may_be_sent(value):
                raise ConfigurationError(
                    f"The header {name}, which an environment variable of OpenAI's sets, holds a character that no "
                    "header may hold. Correct the variable, or unset it."
                )
        return client


def _may_be_sent(header: str, *, but_not: str = "\n") -> bool:
    return header.isascii() and header.isprintable() and but_not not in header

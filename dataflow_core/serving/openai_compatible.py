"""Any server that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama, a gateway."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from dataflow_core.errors import ConfigurationError, RefusedError, ServingError, TransientError
from dataflow_core.models import Completion, Endpoint, Prompt, Recipe, Usage
from dataflow_core.serving.dialect import Dialect, StructuredOutput, well_formed
from dataflow_core.serving.keys import (
    PASTED_KEY_ENV,
    base_url_of,
    check_endpoint,
    is_default_address,
    is_loopback,
    key_source,
    resolve_key,
)
from dataflow_core.serving.openai_errors import (
    Reach,
    Rejection,
    blaming,
    explain_error_in_answer,
    explain_rejection,
    explain_silence,
    not_json,
    rejection,
    timed_out,
)

logger = logging.getLogger(__name__)

LONGEST_ANSWER = 10_000_000  # bytes
_NO_KEY = "none"  # the openai package insists on a key; this one never leaves
#: What a server other than the default one receives: nothing the environment holds for OpenAI gets by.
_SENT_ANYWHERE = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-length", "content-type", "cookie", "user-agent"}
)
_FINISH_REASONS = {"max_tokens": "length", "model_length": "length", "refusal": "content_filter"}


class OpenAIServing:
    """Reaches the endpoint with `key`, by default the one `resolve_key` finds; "" calls without a key.

    `structured_output` is the form in which the endpoint takes a schema, as far as calls have shown.
    """

    recipe: Recipe = "capable"

    def __init__(self, endpoint: Endpoint, key: str | None = None, *, timeout: float = 120.0) -> None:
        check_endpoint(endpoint)
        self.model_name = endpoint.model.strip()
        self.max_workers = endpoint.max_workers
        self._is_default_address = is_default_address(endpoint)
        source, found = key_source(endpoint), resolve_key(endpoint)
        used = found if key is None else key.strip() or None
        self._reach = Reach(
            base_url=base_url_of(endpoint),
            model=self.model_name,
            key=used,
            key_source=source if used == found and source != PASTED_KEY_ENV else None,  # who pasted knows no variable
            timeout=timeout,
            via_proxy=_goes_through_a_proxy(base_url_of(endpoint)),
        )
        self._dialect = Dialect()
        self._client: openai.AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"OpenAIServing({self._reach.base_url!r}, model={self.model_name!r})"

    @property
    def structured_output(self) -> StructuredOutput:
        return self._dialect.output

    @property
    def unsupported(self) -> frozenset[str]:
        """Sampling settings the model turned out to refuse; they are no longer sent."""
        return self._dialect.unsupported

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        if prompt.text is not None:
            raise ServingError(f"{self._reach.base_url} takes conversations only; this prompt is raw text to continue.")
        client = self._client_of_this_loop()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._reach.timeout):
                return await self._call(client, prompt, schema, started)
        except TimeoutError:
            raise timed_out(self._reach) from None

    async def list_models(self) -> tuple[str, ...]:
        """The names of the models the server offers; () where it keeps no list in the usual form."""
        client = self._client_of_this_loop()
        try:
            async with asyncio.timeout(self._reach.timeout):
                raw = await client.models.with_raw_response.list()
        except TimeoutError:
            raise timed_out(self._reach) from None
        except openai.APIStatusError as error:
            raise explain_rejection(self._reach, self._rejection(error)) from None
        except openai.APIConnectionError as error:
            raise explain_silence(self._reach, error) from None
        payload = _parsed(self._reach, raw.http_response.content)
        models = payload.get("data")
        names = (model.get("id") for model in models if isinstance(model, dict)) if isinstance(models, list) else ()
        return tuple(name for name in names if isinstance(name, str))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _call(
        self, client: openai.AsyncOpenAI, prompt: Prompt, schema: Mapping[str, Any] | None, started: float
    ) -> Completion:
        create: Any = client.chat.completions.with_raw_response.create  # too many overloads for a dict of arguments
        known = dialect = self._dialect
        while True:
            body = dialect.body(self.model_name, prompt, schema)
            try:
                raw = await create(**body, extra_body=dict(prompt.sampling.extra))
            except openai.APIStatusError as error:
                answer = self._rejection(error)
            except openai.APIConnectionError as error:
                raise explain_silence(self._reach, error) from None
            else:
                if dialect != known:
                    self._learn(dialect)
                return _read(self._reach, raw.http_response.content, started)
            narrower = dialect.narrowed(answer, body)
            if narrower is not None:
                dialect = narrower
            elif answer.status == 400 and "output limit was reached" in answer.text:  # OpenAI, while still reasoning
                return Completion(("",), self.model_name, "length", seconds=time.perf_counter() - started)
            else:
                raise explain_rejection(self._reach, answer)

    def _rejection(self, error: openai.APIStatusError) -> Rejection:
        return rejection(self._reach, error.status_code, error.response.content, error.response.headers)

    def _learn(self, dialect: Dialect) -> None:
        for name in dialect.unsupported - self._dialect.unsupported:
            logger.warning("%s does not take a %s for %s; it is left out.", self._reach.base_url, name, self.model_name)
        self._dialect = self._dialect.joined(dialect)

    def _client_of_this_loop(self) -> openai.AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:  # a pool's connections die with the loop they were made in
            self._client, self._loop = self._make_client(), loop
        return self._client

    def _make_client(self) -> openai.AsyncOpenAI:
        reach = self._reach
        if reach.key and not (reach.key.isascii() and reach.key.isprintable() and " " not in reach.key):
            origin = f" in {reach.key_source}" if reach.key_source else ""
            raise blaming(
                "key", ConfigurationError(f"The key{origin} holds a character that no key has. Copy it anew.")
            )
        try:
            httpx2.URL(reach.base_url)
            http_client = httpx2.AsyncClient(
                follow_redirects=False,
                trust_env=not is_loopback(reach.base_url),
                timeout=httpx2.Timeout(reach.timeout, connect=min(10.0, reach.timeout)),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=self.max_workers),
                headers={"Accept-Encoding": "identity"},  # so that the limit on an answer's size means its real size
                event_hooks={"request": [self._check_headers], "response": [_limit_size]},
            )
        except httpx2.InvalidURL:
            raise blaming(
                "address", ConfigurationError(f"{reach.base_url} is not an address. Check its host.")
            ) from None
        except (ImportError, ValueError):
            raise ConfigurationError(
                "The proxy named in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used: it needs an address that "
                "begins with http:// (for socks5://, install the package socksio). Or unset the variable."
            ) from None
        return openai.AsyncOpenAI(
            api_key=reach.key or _NO_KEY,
            base_url=reach.base_url,
            max_retries=0,
            timeout=http_client.timeout,
            http_client=http_client,
        )

    async def _check_headers(self, request: httpx2.Request) -> None:
        """See that the server gets its own key and no other secret of the environment."""
        if self._is_default_address:
            if not self._reach.key and request.headers.get("authorization") == f"Bearer {_NO_KEY}":
                del request.headers["authorization"]
            return
        for name in list(request.headers):
            if name not in _SENT_ANYWHERE and not name.startswith("x-stainless-"):  # the package reads its own again
                del request.headers[name]
        if self._reach.key:
            request.headers["authorization"] = f"Bearer {self._reach.key}"


def _goes_through_a_proxy(url: str) -> bool:
    proxies = urllib.request.getproxies()
    host = urlsplit(url).hostname or ""
    named = urlsplit(url).scheme in proxies or "all" in proxies
    return named and not is_loopback(url) and not urllib.request.proxy_bypass(host)


class _Limited(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > LONGEST_ANSWER:
                raise ServingError(f"The answer is longer than {LONGEST_ANSWER // 1_000_000} MB; it was not read on.")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _limit_size(response: httpx2.Response) -> None:
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Limited(response.stream)


def _parsed(reach: Reach, body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise not_json(reach, body) from None
    if not isinstance(payload, dict):
        raise not_json(reach, body)
    return payload


def _read(reach: Reach, body: bytes, started: float) -> Completion:
    payload = _parsed(reach, body)
    choices = payload.get("choices")
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        choices = []
    error = payload.get("error") or (choices and choices[0].get("error"))
    if error:
        raise explain_error_in_answer(reach, error)
    if not choices:
        raise TransientError(f"{reach.base_url} answered without any choice. Is it a chat model's address?")
    messages = [m if isinstance(m := choice.get("message"), dict) else {} for choice in choices]
    texts = tuple(_text(message.get("content")) for message in messages)
    reason = str(choices[0].get("finish_reason") or "stop")
    reason = _FINISH_REASONS.get(reason, reason)
    refusal = messages[0].get("refusal")
    if refusal or reason == "content_filter":
        raw_text = well_formed(str(refusal or texts[0]))
        said = f" It said: {reach.scrub(raw_text[:300])}" if raw_text else ""
        raise RefusedError(f"{reach.model} will not answer this prompt.{said}", raw_text=raw_text)
    return Completion(
        texts=texts,
        model=well_formed(str(payload.get("model") or reach.model)),
        finish_reason=reason,
        usage=_usage(payload.get("usage")),
        seconds=time.perf_counter() - started,
    )


def _text(content: Any) -> str:
    """A message's content: null while a model only reasons, parts from a few servers, text from all others."""
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return well_formed(content) if isinstance(content, str) else ""


def _usage(usage: Any) -> Usage:
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = (counts.get(name) for name in ("prompt_tokens", "completion_tokens"))
    return Usage(prompt if isinstance(prompt, int) else 0, completion if isinstance(completion, int) else 0)

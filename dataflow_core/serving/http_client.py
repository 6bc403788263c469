"""The HTTP client beneath the openai package: aiohttp, without what a call to a model has no use for."""

from __future__ import annotations

import io
import urllib.request
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import httpx2

from dataflow_core.serving.keys import is_loopback

LONGEST_ANSWER = 10_000_000  # bytes
#: The openai package insists on a key; this one never leaves.
NO_KEY = "none"
#: In a response's extensions: it was longer, and is not read on.
CUT_OFF = "dataflow.cut_off"

_CONNECT_SECONDS = 10.0
#: Many servers close a connection that was idle for 5 s; one that we still used then would break under the call.
_KEEP_ALIVE_SECONDS = 4.0
_LONGEST_HEADER = 64 * 1024
_LONGEST_IN_ONE_WRITE = 1024 * 1024
#: What a server other than the default one receives: nothing the environment holds for OpenAI gets by.
_SENT_ANYWHERE = frozenset({"accept", "content-type", "user-agent"})


class _Target(NamedTuple):
    shown: httpx2.URL
    called: str
    headers: dict[str, str]


class HttpClient(httpx2.AsyncClient):
    """Stands where the openai package expects httpx2's client, and hands its calls to aiohttp as they are.

    httpx2's own way costs more than all else about a call. There are no redirects here, no cookies, no .netrc and
    no proxy but the one named; an answer is read up to `LONGEST_ANSWER`, before and after it was unpacked. What
    breaks on the way is raised as `httpx2.TransportError`, with aiohttp's error as its cause.

    A server other than the default one gets `key` and nothing else of what the package found in the environment.
    Belongs to the event loop it was made in; any number of calls may run at a time.
    """

    def __init__(
        self, base_url: str, *, key: str | None, is_default_address: bool, proxy: str | None, timeout: float
    ) -> None:
        super().__init__(transport=httpx2.AsyncBaseTransport(), trust_env=False)
        self._key = key
        self._is_default_address = is_default_address
        self._proxy = proxy
        self._targets: dict[tuple[str, str], _Target] = {}
        self._is_over_tls = base_url.startswith("https:")
        self._connect_seconds = min(_CONNECT_SECONDS, timeout)
        self._session: aiohttp.ClientSession | None = None

    def build_request(
        self,
        method: str,
        url: httpx2.URL | str,
        *,
        content: Any = None,
        headers: Any = None,
        **_unused: Any,
    ) -> httpx2.Request:
        place = (method, str(url))
        if place not in self._targets:  # the headers are the same for each call
            self._targets[place] = _Target(httpx2.URL(url), str(url), self._sent_of(headers or ()))
        return httpx2.Request(method, self._targets[place].shown, content=content, extensions={"place": place})

    async def send(self, request: httpx2.Request, **_unused: Any) -> httpx2.Response:
        target, content = self._targets[request.extensions["place"]], request.content
        if self._session is None:
            self._session = self._open()
        try:
            async with self._session.request(
                request.method,
                target.called,
                headers=target.headers,
                data=content if len(content) <= _LONGEST_IN_ONE_WRITE else io.BytesIO(content),
                allow_redirects=False,
                proxy=self._proxy,
            ) as answer:
                body, is_cut_off = await _read(answer)
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.TransportError(type(error).__name__) from error
        headers = [(name, value) for name, value in answer.raw_headers if name.lower() != b"content-encoding"]
        extensions = {CUT_OFF: True} if is_cut_off else {}
        return httpx2.Response(answer.status, headers=headers, content=body, request=request, extensions=extensions)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
        await super().aclose()

    def _open(self) -> aiohttp.ClientSession:
        tls = httpx2.create_ssl_context() if self._is_over_tls else True
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ssl=tls),
            # The caller limits the whole call; a timer for each of its parts would only cost.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_seconds),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )

    def _sent_of(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """See that the server gets its own key and no other secret of the environment."""
        sent = {name.lower(): value for name, value in headers}
        if not self._is_default_address:
            sent = {name: value for name, value in sent.items() if name in _SENT_ANYWHERE}
        if self._key is not None:
            sent["authorization"] = f"Bearer {self._key}"
        elif sent.get("authorization") == f"Bearer {NO_KEY}":
            del sent["authorization"]
        sent["accept-encoding"] = "identity"  # so that the limit on an answer's size means its real size
        return sent


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for the address; it may hold a password."""
    parts, named = urlsplit(url), urllib.request.getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    if not proxy or is_loopback(url) or urllib.request.proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_address(url: str) -> bool:
    """Whether those that will read the address can: the packages, and whoever resolves its name."""
    try:
        return bool(httpx2.URL(url).host and urlsplit(url).netloc.encode("idna")) and " " not in url
    except (httpx2.InvalidURL, ValueError):
        return False


async def _read(answer: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """The body as far as it may go, and whether it goes on."""
    if answer.content_length is not None and answer.content_length <= LONGEST_ANSWER:
        body, is_cut_off = await answer.read(), False
    else:
        chunks, size = [], 0
        async for chunk in answer.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > LONGEST_ANSWER:
                break
        body, is_cut_off = b"".join(chunks)[:LONGEST_ANSWER], size > LONGEST_ANSWER
    return _unpacked(body, is_cut_off, answer.headers) if "content-encoding" in answer.headers else (body, is_cut_off)


def _unpacked(body: bytes, is_cut_off: bool, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """For servers that compress although they were asked not to."""
    if headers["content-encoding"].strip().lower() not in ("gzip", "deflate"):
        return body, is_cut_off
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacking.decompress(body, LONGEST_ANSWER)
    except zlib.error:
        return body, is_cut_off
    return unpacked, is_cut_off or bool(unpacking.unconsumed_tail)

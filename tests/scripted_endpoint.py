"""A small server that speaks OpenAI's chat completions from a script, faults included.

    with ScriptedEndpoint(chat_replies) as server: Endpoint("Scripted", base_url=server.url, model="scripted-model")

To try the app by hand: python -m tests.scripted_endpoint --port 8123 --delay 0.2
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import random
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

Request = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """A chat completion of `content`, unless `body` says what goes over the wire in its place."""

    content: str | None = "OK"
    status: int = 200
    body: str | bytes | dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    close: Literal["", "before", "midway"] = ""  # reset the connection before or in the middle of the answer
    finish_reason: str | None = "stop"
    refusal: str | None = None
    model: str = ""  # that says it has answered; the one asked for unless given
    reasoning: str | None = None  # sent beside the content
    is_endless: bool = False  # the answer begins and goes on for ever


Script = Callable[[Request], Reply]


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: Request


class ScriptedEndpoint:
    """Listens on a free port of 127.0.0.1 in a thread of its own; `calls` holds what arrived, in order."""

    def __init__(self, script: Script, *, models: tuple[str, ...] = ("scripted-model",), port: int = 0) -> None:
        self.calls: list[Call] = []
        self._times: list[list[float]] = []  # of each call: when it came, and when its answer was sent
        self.models = models
        self._script = script
        self._port = port
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def chats(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST"]

    def answered_between(self, start: float, end: float) -> int:
        """How many answers were sent then, by `time.monotonic`."""
        return sum(start <= sent <= end for _, sent in self._times)

    def under_way(self, at: float, *, since: float) -> int:
        """How many calls that had come since then were not answered yet at that time."""
        return sum(since < came <= at < sent for came, sent in self._times)

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", self._port), backlog=1024)
        self._port = self._socket.getsockname()[1]
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._converse, sock=self._socket)
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (call := await _read_call(reader)) is not None:
                self.calls.append(call)
                self._times.append(times := [time.monotonic(), math.inf])
                goes_on = await _send(writer, self._answer(call))
                times[1] = time.monotonic()
                if not goes_on:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, call: Call) -> Reply:
        if (call.method, call.path) == ("POST", "/v1/chat/completions"):
            reply = self._script(call.body)
            return reply if reply.body is not None or reply.status != 200 else _completed(reply, call.body)
        if (call.method, call.path) == ("GET", "/v1/models") and self.models:
            return Reply(body={"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})
        return Reply(status=404, body="<html><title>404 Not Found</title></html>")


async def _read_call(reader: asyncio.StreamReader) -> Call | None:
    try:
        if (first := await reader.readexactly(1)) == b"\x16":  # the beginning of a TLS handshake
            return Call("GET", "/", {}, {})
        head = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request_line, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = request_line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Call(method, path, headers, json.loads(body) if body else {})


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Whether the connection stays open for the next call."""
    await asyncio.sleep(reply.delay)
    if reply.close == "before":
        writer.transport.abort()
        return False
    if reply.is_endless:
        return await _drip(writer)
    body = json.dumps(reply.body) if isinstance(reply.body, dict) else reply.body or ""
    payload = body.encode() if isinstance(body, str) else body
    kind = "text/html" if payload[:1] == b"<" else "application/json"
    headers = {"Content-Type": kind, "Content-Length": str(len(payload)), **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if reply.close == "midway":
        payload = payload[: len(payload) // 2]
    writer.write(f"HTTP/1.1 {reply.status} Scripted\r\n{head}\r\n".encode("latin-1") + payload)
    await writer.drain()
    return not reply.close


async def _drip(writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 Scripted\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
    return False


def _completed(reply: Reply, request: Request) -> Reply:
    message = {"role": "assistant", "content": reply.content, "refusal": reply.refusal}
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    choice = {"message": message, "finish_reason": reply.finish_reason}
    told = " ".join(message["content"] for message in request["messages"])
    counts = len(told.split()), len((reply.content or "").split())
    body = {
        "object": "chat.completion",
        "model": reply.model or request["model"],
        "choices": [{"index": index, **choice} for index in range(request.get("n", 1))],
        "usage": {"prompt_tokens": counts[0], "completion_tokens": counts[1], "total_tokens": sum(counts)},
    }
    return replace(reply, body=body)


def in_turn(*replies: Reply | Script) -> Script:
    """One reply a call, in this order; the last one again for all further calls."""
    waiting = list(replies)

    def script(request: Request) -> Reply:
        reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return reply if isinstance(reply, Reply) else reply(request)

    return script


def refusal(status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    error = {"message": message, "type": "scripted", "code": code}
    return Reply(status=status, body={"error": error}, headers=headers or {})


def rate_limited(retry_after: str = "1") -> Reply:
    return refusal(429, "Rate limit reached.", headers={"Retry-After": retry_after})


HTML_PAGE = Reply(body="<!doctype html><html><title>Welcome</title></html>")
RESET = Reply(body={"never": "read"}, close="before")
RESET_MIDWAY = Reply(body={"half": "of this is read"}, close="midway")


def valid_replies(request: Request) -> Reply:
    """An answer that follows the schema asked for, the same for the same messages; a paragraph if there is none."""
    source = random.Random(zlib.crc32(json.dumps(request["messages"]).encode()))
    schema = _schema_of(request)
    if schema is None:
        return Reply(" ".join(_sentence(source) for _ in range(2)))
    return Reply(json.dumps(_filled(schema, schema, "", source)))


#: What the two built-in generators ask for is in their schemas, so one script serves both.
para_seq_replies: Script = valid_replies
chat_replies: Script = valid_replies


def delayed(script: Script, seconds: float) -> Script:
    return lambda request: replace(script(request), delay=seconds)


def _schema_of(request: Request) -> dict[str, Any] | None:
    asked = request.get("response_format", {}).get("json_schema")
    if asked is not None:
        return dict(asked["schema"])
    spelled = re.search(r"JSON schema:\n(\{.*\})", "\n".join(message["content"] for message in request["messages"]))
    return dict(json.loads(spelled[1])) if spelled else None


def _filled(schema: dict[str, Any], root: dict[str, Any], name: str, source: random.Random) -> Any:
    if "$ref" in schema:
        return _filled(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, name, source)
    if "anyOf" in schema:
        return _filled(schema["anyOf"][0], root, name, source)
    if "enum" in schema or "const" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        return {key: _filled(inner, root, key, source) for key, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_filled(schema["items"], root, name, source) for _ in range(schema.get("minItems", 1))]
    if kind == "string":
        return re.sub(r"\.$", "?" if re.search("quer|question|user|skeleton", name) else ".", _sentence(source))
    return {"integer": 1, "number": 1.5, "boolean": True, "null": None}[kind]


def _sentence(source: random.Random) -> str:
    verb = source.choice(["Compare", "List", "Plan", "Check", "Review", "Outline", "Estimate", "Sketch", "Rank"])
    thing = source.choice(["routes", "hotels", "budgets", "recipes", "lessons", "contracts", "gardens", "repairs"])
    place = source.choice(["Lisbon", "Oslo", "Kyoto", "Quito", "Accra", "Hobart", "Lyon", "Perth", "Riga", "Porto"])
    return f"{verb} {source.randint(2, 99)} {thing} in {place} for {source.choice(['May', 'June', 'July', 'August'])}."


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible server, to try the app by hand.")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    arguments = parser.parse_args()
    with ScriptedEndpoint(delayed(valid_replies, arguments.delay), port=arguments.port) as endpoint:
        print(f"{endpoint.url}  model: {endpoint.models[0]}  (Ctrl-C ends it)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()

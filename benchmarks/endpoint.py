"""A scripted endpoint in a process of its own, made to cost next to nothing: what is measured is whoever calls it.

It speaks as much HTTP and as much of OpenAI's chat completions as the runs need, and answers every request with
what its JSON schema asks for, after the latency it was given. `GET /report` says what it has seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Literal, Self, cast

from benchmarks.latency import Dialogue, Latency

ROOT = Path(__file__).resolve().parents[1]
MODEL = "scripted-model"

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHAT = b"POST /v1/chat/completions "
_REPORT = b"GET /report "
#: Stands in a skeleton's questions, so that the call for the answers shows which dialogue it belongs to.
_NAME = re.compile(rb"dialogue ([0-9a-f]{16})")
_NO_NAME = "0" * 16
#: What its answers are made of: about as long as a task that a model writes.
SENTENCE = (
    "Compare three quiet hotels near the main station in Lisbon for two nights in May, "
    "and say which of them is the best one to book for the four of us"
)
_MOST_FORMS = 1_000


@dataclass
class Report:
    """Times are seconds since the epoch. `cpu` is what the process used from the first call on."""

    calls: int = 0
    most_in_flight: int = 0
    first_calls: list[float] = field(default_factory=list)  # the canary and the two calls after it
    first_answer: float = 0.0
    last_answer: float = 0.0
    cpu: float = 0.0
    dialogues: list[Dialogue] = field(default_factory=list)  # in the order in which they were begun

    @property
    def cpu_share(self) -> float:
        """The part of one core that the endpoint took, from the first call to the last answer."""
        return self.cpu / max(self.last_answer - self.first_calls[0], 1e-9)


@dataclass(frozen=True, slots=True)
class _Form:
    """The answer to all requests with one schema; a skeleton's has a place for the dialogue's name."""

    step: Literal["relations", "skeleton", "answers"]
    parts: tuple[bytes, ...]

    def filled(self, name: bytes) -> bytes:
        return name.join(self.parts)


class Endpoint:
    """What all connections share."""

    def __init__(self, latency: Latency) -> None:
        self.latency = latency
        self.report = Report()
        self._in_flight = 0
        self._cpu_before = 0.0
        self._forms: dict[bytes, _Form] = {}
        self._dialogues: dict[bytes, list[float]] = {}

    def take(self, body: bytes) -> tuple[float, bytes]:
        """Count the call; returns how many seconds it takes to answer, and the answer."""
        report = self.report
        if len(report.first_calls) < 3:
            self._cpu_before = self._cpu_before or time.process_time()
            report.first_calls.append(time.time())
        report.calls += 1
        self._in_flight += 1
        report.most_in_flight = max(report.most_in_flight, self._in_flight)
        form = self._form(body)
        if form.step == "relations":
            return self.latency.median, form.parts[0]
        said = _said(body)
        seconds = self.latency.of(said)
        if form.step == "skeleton":
            name = blake2b(said, digest_size=8).hexdigest().encode()
            self._dialogues[name] = [seconds]
            return seconds, form.filled(name)
        if found := _NAME.search(said):
            self._dialogues[found[1]].append(seconds)
        return seconds, form.parts[0]

    def answered(self) -> None:
        self._in_flight -= 1
        self.report.last_answer = time.time()
        self.report.first_answer = self.report.first_answer or self.report.last_answer

    def told(self) -> bytes:
        self.report.cpu = time.process_time() - self._cpu_before
        self.report.dialogues = [(calls[0], calls[1]) for calls in self._dialogues.values() if len(calls) == 2]
        return _response(json.dumps(asdict(self.report)))

    def _form(self, body: bytes) -> _Form:
        # Requests of one kind end alike, from their response_format on: reading that once is enough.
        ending = body[body.rfind(b'"response_format"') :]
        form = self._forms.get(ending)
        if form is None:
            form = _form_of(json.loads(body))
            if len(self._forms) < _MOST_FORMS:
                self._forms[ending] = form
        return form


class _Conversation(asyncio.BufferedProtocol):
    # One for all connections: what is in it is taken out at once. The usual protocol allocates 256 KB for each read.
    _buffer = memoryview(bytearray(65_536))

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._later = asyncio.get_running_loop().call_later
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._buffer[:nbytes])
        unread = self._unread + data if self._unread else data
        while (end := unread.find(b"\r\n\r\n") + 4) > 3:
            length = _CONTENT_LENGTH.search(unread, 0, end)
            whole = end + int(length[1]) if length else end
            if len(unread) < whole:
                break
            self._respond(unread, unread[end:whole])
            unread = unread[whole:]
        self._unread = unread

    def _respond(self, request: bytes, body: bytes) -> None:
        if request.startswith(_CHAT):
            seconds, answer = self._endpoint.take(body)
            self._later(seconds, self._answer, answer)
        elif request.startswith(_REPORT):
            self._transport.write(self._endpoint.told())
        else:
            self._transport.write(_response('{"error": {"message": "There is nothing here."}}', "404 Not Found"))

    def _answer(self, answer: bytes) -> None:
        self._endpoint.answered()
        if not self._transport.is_closing():
            self._transport.write(answer)


def _form_of(request: dict[str, Any]) -> _Form:
    schema = request.get("response_format", {}).get("json_schema", {}).get("schema", {})
    properties: dict[str, Any] = schema.get("properties", {})
    content = {name: _value(name, part) for name, part in properties.items()}
    usage = {"prompt_tokens": 400, "completion_tokens": 75, "total_tokens": 475}
    message = {"role": "assistant", "content": json.dumps(content) if content else "OK"}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    whole = _response(json.dumps(body))
    if "questions" in properties:
        return _Form("skeleton", tuple(whole.split(_NO_NAME.encode())))
    return _Form("answers" if "answers" in properties else "relations", (whole,))


def _said(body: bytes) -> bytes:
    """The words of the request, which are the same however a client writes JSON."""
    return "\n".join(message["content"] for message in json.loads(body)["messages"]).encode()


def _value(name: str, schema: dict[str, Any]) -> Any:
    if schema["type"] != "array":
        return f"{SENTENCE}."
    if name == "questions":
        return [f"{SENTENCE}, number {number} of dialogue {_NO_NAME}?" for number in range(schema["minItems"])]
    return [f"{SENTENCE}." for _ in range(schema["minItems"])]


def _response(body: str, status: str = "200 OK") -> bytes:
    payload = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    return head.encode() + payload


class EndpointProcess:
    """The endpoint while the block lasts."""

    def __init__(self, latency: Latency) -> None:
        self._options = [str(value) for value in (latency.median, latency.sigma, latency.seed)]
        self._origin = ""

    @property
    def url(self) -> str:
        return f"{self._origin}/v1"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.endpoint", *self._options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._origin = cast(IO[str], self._process.stdout).readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def report(self) -> Report:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self._origin}/report", timeout=60) as response:
            told = json.load(response)
        return Report(**told | {"dialogues": [(first, second) for first, second in told["dialogues"]]})


async def _serve(endpoint: Endpoint) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), stop.set)  # at its end, also when whoever started this is gone
    server = await loop.create_server(lambda: _Conversation(endpoint), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("median", type=float)
    parser.add_argument("sigma", type=float)
    parser.add_argument("seed", type=int)
    options = parser.parse_args()
    asyncio.run(_serve(Endpoint(Latency(options.median, options.sigma, options.seed))))


if __name__ == "__main__":
    main()

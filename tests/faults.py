"""Everything that an endpoint is known to do wrong, as replies of a scripted one."""

from __future__ import annotations

import email.utils
import json
import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.scripted_endpoint import HTML_PAGE, RESET, RESET_MIDWAY, Reply, Request, rate_limited, refusal, valid_replies

#: What comes of a fault: no answer at all, one that cannot be used, one that can once it is mended, or a refusal.
Kind = Literal["no answer", "unusable", "mended", "refused"]


@dataclass(frozen=True)
class Fault:
    name: str
    kind: Kind
    spoil: Callable[[Reply], Reply]
    weight: float = 1.0


def _as(reply: Reply) -> Callable[[Reply], Reply]:
    return lambda _: reply


def _http_date(_: Reply) -> Reply:
    return rate_limited(email.utils.formatdate(time.time() + 1, usegmt=True))


def _text(change: Callable[[str], str]) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, content=change(reply.content or ""))


def _lists_changed(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    """Change the list of turns where there is one; take a key away where there is none."""

    def changed(text: str) -> str:
        answer = json.loads(text)
        lists = {key: change(value) for key, value in answer.items() if isinstance(value, list)}
        return json.dumps(lists or dict(list(answer.items())[1:]))

    return changed


def _without_a_key(text: str) -> str:
    return json.dumps(dict(list(json.loads(text).items())[1:]) or {"other": 1})


def _with_a_trailing_comma(text: str) -> str:
    return text.rstrip().removesuffix("}") + ",}"


def _with_a_character(character: str) -> Callable[[str], str]:
    """An escape that JSON can spell and no file holds, at the end of the first text."""
    escaped = json.dumps(character)[1:-1]
    return lambda text: text.replace('."', f'.{escaped}"', 1).replace('?"', f'?{escaped}"', 1)


def _cut(reply: Reply) -> Reply:
    content = reply.content or ""
    return replace(reply, content=content[: len(content) // 2], finish_reason="length")


FAULTS = (
    Fault("429", "no answer", _as(refusal(429, "Rate limit reached."))),
    Fault("429 with Retry-After in seconds", "no answer", _as(rate_limited("1")), weight=0.3),
    Fault("429 with Retry-After as a date", "no answer", _http_date, weight=0.3),
    Fault("500", "no answer", _as(refusal(500, "Internal error."))),
    Fault("502", "no answer", _as(Reply(status=502, body="<html><title>Bad gateway</title></html>"))),
    Fault("503", "no answer", _as(refusal(503, "Overloaded."))),
    Fault("504", "no answer", _as(refusal(504, "Time-out."))),
    Fault("529", "no answer", _as(refusal(529, "Overloaded."))),
    Fault("connection reset", "no answer", _as(RESET)),
    Fault("connection closed midway", "no answer", _as(RESET_MIDWAY)),
    Fault("slow headers", "no answer", lambda reply: replace(reply, delay=30.0)),
    Fault("an answer that never ends", "no answer", _as(Reply(body={}, is_endless=True))),
    Fault("a web page", "no answer", _as(HTML_PAGE)),
    Fault("an empty body", "no answer", _as(Reply(body=b""))),
    Fault("content null", "unusable", lambda reply: replace(reply, content=None)),
    Fault("empty content", "unusable", lambda reply: replace(reply, content="")),
    Fault("only reasoning", "unusable", lambda reply: replace(reply, content=None, reasoning="Let me think.")),
    Fault("wrong schema", "unusable", _text(_without_a_key)),
    Fault("too few turns", "unusable", _text(_lists_changed(lambda turns: turns[:-1]))),
    Fault("too many turns", "unusable", _text(_lists_changed(lambda turns: [*turns, "One more."]))),
    Fault("no JSON", "unusable", _text(lambda _: "Sure! Here is what I would suggest.")),
    Fault("cut at the limit", "unusable", _cut),
    Fault("enormous", "unusable", _as(Reply(body=b'{"choices": [' + b" " * 10_100_000)), weight=0.05),
    Fault("a code fence", "mended", _text(lambda text: f"```json\n{text}\n```")),
    Fault("text around the JSON", "mended", _text(lambda text: f"Sure! Here it is:\n{text}\nShall I go on?")),
    Fault("a trailing comma", "mended", _text(_with_a_trailing_comma)),
    Fault("a reasoning block", "mended", _text(lambda text: f'<think>{{"draft": 1}} no...</think>\n{text}')),
    Fault("a lone surrogate", "mended", _text(_with_a_character("\ud800"))),
    Fault("a NUL character", "mended", _text(_with_a_character("\0"))),
    Fault("refusal", "refused", lambda reply: replace(reply, content=None, refusal="I cannot help."), weight=0.1),
    Fault("content filter", "refused", lambda reply: replace(reply, finish_reason="content_filter"), weight=0.1),
)


@dataclass
class FaultyScript:
    """Valid replies, but for a part of them, chosen by what is asked and how often it has been asked.

    `model` in each reply numbers it, so that a test can tell one logged answer from another.
    """

    part: float
    delay: float = 0.02
    made: Counter[str] = field(default_factory=Counter)
    no_answers: int = 0
    _asked: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Reply:
        identity = zlib.crc32(json.dumps(request["messages"]).encode())
        with self._lock:
            self._asked[identity] += 1
            source = random.Random(identity * 1_000 + self._asked[identity])
            number = self._asked.total()
            fault = None
            if source.random() < self.part:
                (fault,) = source.choices(FAULTS, weights=[fault.weight for fault in FAULTS])
                self.made[fault.name] += 1
                self.no_answers += fault.kind == "no answer"
        reply = replace(valid_replies(request), delay=self.delay, model=f"scripted-{number}")
        return fault.spoil(reply) if fault else reply

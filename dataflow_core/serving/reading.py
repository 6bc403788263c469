"""A body that a chat-completions server answered with, read into a completion."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx2

from dataflow_core.errors import TransientError
from dataflow_core.models import Completion, Usage
from dataflow_core.serving.http_client import CUT_OFF
from dataflow_core.serving.openai_errors import Reach, explain_error_in_answer, not_json, well_formed
from dataflow_core.serving.quotas import quotas_of

_KEPT_OF_ENDLESS = 20_000  # characters
_MOST_TOKENS = 2**31 - 1  # a server may say anything
_FINISH_REASONS = {"max_tokens": "length", "model_length": "length", "refusal": "content_filter"}


def read_object(reach: Reach, body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise not_json(reach, body) from None
    if not isinstance(payload, dict):
        raise not_json(reach, body)
    return payload


def read_completion(reach: Reach, response: httpx2.Response, started: float) -> Completion:
    """Lone surrogates and NUL characters of the texts are left in: whoever reads them mends them, and says so."""
    if CUT_OFF in response.extensions:
        return _endless(reach, response, started)
    payload = read_object(reach, response.content)
    choices = payload.get("choices")
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        choices = []
    error = payload.get("error") or (choices and choices[0].get("error"))
    if error:
        raise explain_error_in_answer(reach, error, response.headers)
    if not choices:
        raise TransientError(f"{reach.base_url} answered without any choice. Is it a chat model's address?")
    messages = [m if isinstance(m := choice.get("message"), dict) else {} for choice in choices]
    texts = tuple(_text(message) for message in messages)
    reason = str(choices[0].get("finish_reason") or "stop")
    reason = _FINISH_REASONS.get(reason, reason)
    refusal = messages[0].get("refusal")
    if refusal or reason == "content_filter":
        texts, reason = (reach.scrub(well_formed(str(refusal or texts[0]))),), "content_filter"
    return Completion(
        texts=texts,
        model=well_formed(str(payload.get("model") or reach.model)),
        finish_reason=reason,
        usage=_usage(payload.get("usage")),
        seconds=time.perf_counter() - started,
        quotas=quotas_of(response.headers),
    )


def _endless(reach: Reach, response: httpx2.Response, started: float) -> Completion:
    """An answer cut off like one at the token limit, with as much of it as shows a person what went on."""
    text = response.content[: 4 * _KEPT_OF_ENDLESS].decode(errors="replace")[:_KEPT_OF_ENDLESS]
    seconds = time.perf_counter() - started
    return Completion((text,), reach.model, "length", seconds=seconds, quotas=quotas_of(response.headers))


def _text(message: dict[str, Any]) -> str:
    """A message's content: null while a model only reasons, parts from a few servers, text from all others.

    Where there is nothing but reasoning, that is what comes back, marked as such: an empty answer, whose raw text
    says why it is empty.
    """
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    if isinstance(content, str) and content.strip():
        return content
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(reasoning, str) and reasoning.strip():
        return f"<think>{reasoning}</think>"
    return content if isinstance(content, str) else ""


def _usage(usage: Any) -> Usage:
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = (counts.get(name) for name in ("prompt_tokens", "completion_tokens"))
    return Usage(*(min(max(count, 0), _MOST_TOKENS) if isinstance(count, int) else 0 for count in (prompt, completion)))

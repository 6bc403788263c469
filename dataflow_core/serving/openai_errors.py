"""What went wrong between us and an OpenAI-compatible server, as a sentence and as a class of error.

No key comes out of here: not the one that was sent, nor what a server echoes of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from dataflow_core.errors import ConfigurationError, RefusedError, ServingError, TransientError
from dataflow_core.serving.quotas import reset_after, retry_after

if TYPE_CHECKING:
    import httpx2

_KEY_LIKE = re.compile(
    r"\bBearer\s+\S+|\b(?:sk|pk|rk|gsk|hf|xai|nvapi|pplx|r8|fw|tgp)[-_][\w*.…-]{4,}|\bAIza[\w-]{8,}|\S*\*{3,}\S*"
)
_UNKNOWN_MODEL = re.compile(
    r"\bmodel\b.{0,120}(not exist|not found|not a valid|no access|not have access)|"
    r"(not exist|not found|no such|invalid|unknown|not a valid|not have access to( the)?) model( name| id|\b)",
    re.IGNORECASE | re.DOTALL,
)
_KEY_REFUSED = re.compile(
    r"(invalid|incorrect|not valid|missing)\W.{0,30}api.?key|api.?key.{0,30}not valid", re.IGNORECASE
)
_MODERATED = re.compile(r"content.?(filter|policy|management)|moderation|flagged", re.IGNORECASE)
_NO_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_ADDRESS_STATUSES = frozenset({405, 410, 421, 501})
_THROTTLES = frozenset({429, 503, 529})
_LONGEST_QUOTE = 300
_LONGEST_READ = 5000  # of a message: some servers echo the whole request in it


@dataclass(frozen=True)
class Reach:
    """Who was called: what the sentences name. `key` is kept to be struck out of them."""

    base_url: str
    model: str
    key: str | None = field(repr=False)
    key_source: str | None
    timeout: float
    via_proxy: bool = False

    def scrub(self, text: str) -> str:
        if self.key and len(self.key) >= 5:
            text = text.replace(self.key, "[key]")
        return _KEY_LIKE.sub("[key]", text)


@dataclass(frozen=True)
class Rejection:
    """An error that a server answered with, however its body was shaped. `text` is scrubbed."""

    status: int
    text: str
    code: str
    is_json: bool
    headers: httpx2.Headers

    @property
    def quote(self) -> str:
        return f" The server said: {cut(self.text)}" if self.text and self.is_json else ""


def rejection(reach: Reach, status: int, body: bytes, headers: httpx2.Headers) -> Rejection:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return Rejection(status, reach.scrub(body[:_LONGEST_READ].decode(errors="replace")), "", False, headers)
    message, code = _message_and_code(payload)
    return Rejection(status, reach.scrub(well_formed(message[:_LONGEST_READ])), well_formed(code), True, headers)


def _message_and_code(payload: Any) -> tuple[str, str]:
    """Read the shapes met in the wild: OpenAI's, Gemini's list of it, Ollama's string, FastAPI's detail."""
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, Mapping):
        return str(payload), ""
    error = payload.get("error", payload)
    if not isinstance(error, Mapping):
        return str(error), ""
    message = error.get("message") or error.get("detail") or error.get("msg") or ""
    if not isinstance(message, str):
        message = json.dumps(message, ensure_ascii=False)
    words = (error.get(name) for name in ("code", "type", "param"))
    return message, " ".join(str(word) for word in words if word is not None)


def cut(text: str) -> str:
    """One line of a few words, without the characters with which a terminal is told what to do."""
    text = "".join(character if character.isprintable() else " " for character in text[:_LONGEST_READ])
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"


def explain_rejection(reach: Reach, answer: Rejection) -> ServingError:
    """The error to raise for what the server answered; who must act decides its class."""
    status = answer.status
    said = f"{answer.code} {answer.text}" if answer.is_json else ""
    if _NO_QUOTA.intersection(answer.code.split()) or status == 402:
        sentence = f"The account behind the key for {reach.base_url} has no credit left ({status})."
        return blaming("key", ConfigurationError(f"{sentence} Top it up, or use another key.{answer.quote}"))
    if status in (400, 403) and _MODERATED.search(said):
        sentence = f"The filter of {reach.base_url} will not let this prompt through ({status}).{answer.quote}"
        return RefusedError(sentence, raw_text=answer.text)
    if status in (400, 403, 404, 422) and _speaks_of_unknown_model(reach, answer):
        sentence = f"{reach.base_url} does not offer the model “{reach.model}” ({status}). Check the model's name."
        return blaming("model", ConfigurationError(sentence + answer.quote))
    if status in (401, 403) or (status == 400 and _KEY_REFUSED.search(said)):
        return _explain_key(reach, answer)
    if status == 404 or status in _ADDRESS_STATUSES or 300 <= status < 400:
        return _explain_address(reach, answer)
    if status in (408, 409, 425, 429) or status >= 500:
        return _explain_busy(reach, answer)
    if not answer.is_json:
        sentence = f"{reach.base_url} refused the call ({status}) with a page that is not JSON. Check the address."
        return blaming("address", ServingError(sentence))
    return ServingError(f"{reach.base_url} refused this call ({status}).{answer.quote}")


def _speaks_of_unknown_model(reach: Reach, answer: Rejection) -> bool:
    if not answer.is_json:
        return False
    if "model_not_found" in answer.code or _UNKNOWN_MODEL.search(answer.text):
        return True
    return answer.status == 404 and reach.model.lower() in answer.text.lower()


def _explain_key(reach: Reach, answer: Rejection) -> ServingError:
    if answer.status == 403 and not answer.is_json:
        sentence = f"{reach.base_url} answered with a web page that forbids access (403): check the address, and {_VPN}"
        return blaming("address", ConfigurationError(sentence))
    if reach.key:
        origin = f"the environment variable {reach.key_source}" if reach.key_source else "what was entered"
        sentence = f"{reach.base_url} refused the key ({answer.status}). The key came from {origin}: check that it is"
        return blaming(
            "key", ConfigurationError(f"{sentence} right, unexpired and meant for this address.{answer.quote}")
        )
    if reach.key_source:
        remedy = f"the environment variable {reach.key_source} is not set. Set it, or enter a key"
    else:
        remedy = "none was set. Enter a key, or name the environment variable that holds it"
    return blaming(
        "key", ConfigurationError(f"{reach.base_url} wants a key ({answer.status}), and {remedy}.{answer.quote}")
    )


_VPN = "whether a proxy or firewall stands in between."


def _explain_address(reach: Reach, answer: Rejection) -> ServingError:
    target = answer.headers.get("location")
    if 300 <= answer.status < 400:
        where = f" to {reach.scrub(target.partition('?')[0])}" if target else ""
        sentence = (
            f"{reach.base_url} sends calls on{where} ({answer.status}), which is not followed, for the key would go "
            "along. Enter the address that the server really has."
        )
    else:
        has_version = re.search(r"/v\d", reach.base_url) is not None
        hint = "Check its path" if has_version else "The address may lack /v1 at its end"
        sentence = f"Nothing at {reach.base_url} takes chat completions ({answer.status}). {hint}.{answer.quote}"
    return blaming("address", ConfigurationError(sentence))


def _explain_busy(reach: Reach, answer: Rejection) -> ServingError:
    if answer.status == 429:
        sentence = f"{reach.base_url} asks for fewer calls (429, rate limit)."
    elif answer.status == 408:
        sentence = f"{reach.base_url} gave up waiting (408)."
    else:
        sentence = f"{reach.base_url} cannot answer at the moment ({answer.status})."
    seconds = retry_after(answer.headers)
    if seconds is None and answer.status == 429:
        seconds = reset_after(answer.headers)
    is_throttle = answer.status in _THROTTLES
    return TransientError(sentence + answer.quote, retry_after=seconds, is_throttle=is_throttle)


def timed_out(reach: Reach) -> ServingError:
    return TransientError(f"{reach.base_url} did not answer within {reach.timeout:g} s.")


def explain_error_in_answer(reach: Reach, error: Any, headers: httpx2.Headers) -> ServingError:
    """For a 200 whose body holds an error: OpenRouter's with a status of its own, LM Studio's as text."""
    body = json.dumps({"error": error}).encode()
    code = str(error.get("code") if isinstance(error, Mapping) else "")
    status = int(code) if re.fullmatch(r"[45]\d\d", code) else 0
    answer = rejection(reach, status, body, headers)
    if "unexpected endpoint" in answer.text.lower():
        return _explain_address(reach, replace(answer, status=404))
    if status:
        return explain_rejection(reach, answer)
    return TransientError(f"{reach.base_url} answered with an error.{answer.quote}")


def not_json(reach: Reach, body: bytes) -> ServingError:
    """For a 200 that is no answer."""
    if not body.strip():
        return TransientError(f"{reach.base_url} answered with nothing at all.")
    if body.lstrip()[:1] == b"<":
        sentence = f"{reach.base_url} answered with a web page instead of JSON. Check the address: it may lack /v1."
        return blaming("address", TransientError(sentence))
    return TransientError(f"{reach.base_url} answered with something that is not JSON.")


def blaming(setting: Literal["address", "key", "model"], error: ServingError) -> ServingError:
    error.at = setting
    return error


def well_formed(text: str) -> str:
    """Without lone surrogates, which JSON can spell and neither a request nor a database can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

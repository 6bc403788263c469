"""Trying an endpoint with one tiny real call, to say what is wrong while its settings are still at hand."""

from __future__ import annotations

import asyncio
import difflib
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dataflow_core.errors import ConfigurationError, RefusedError, ServingError, UsageError
from dataflow_core.models import Endpoint, Message, Prompt, Sampling
from dataflow_core.serving.keys import base_url_of, endpoint_problem

if TYPE_CHECKING:
    from dataflow_core.serving.openai_compatible import OpenAIServing

_TINY_PROMPT = Prompt(
    version="probe",
    messages=(Message("user", "Reply with the word OK."),),
    sampling=Sampling(temperature=0.7, max_tokens=64),  # settings that runs send too, so that a refusal shows here
)
_TINY_SCHEMA = {"title": "reply", "type": "object", "properties": {"reply": {"type": "string"}}, "required": ["reply"]}
_MODELS_NAMED = 5
_LIST_TIME_LIMIT = 5.0


@dataclass(frozen=True, slots=True)
class EndpointCheck:
    """What came of it. `at` is what to correct, "" if nothing; `models` what the server offers, if it says."""

    ok: bool
    sentence: str
    at: Literal["address", "key", "model", "answer", ""] = ""
    models: tuple[str, ...] = ()
    seconds: float = 0.0


def try_endpoint_now(endpoint: Endpoint, key: str | None = None, *, time_limit: float = 30.0) -> EndpointCheck:
    """`try_endpoint` for callers without an event loop, or inside somebody else's: it runs in a thread of its own."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(lambda: asyncio.run(try_endpoint(endpoint, key, time_limit=time_limit))).result()


async def try_endpoint(endpoint: Endpoint, key: str | None = None, *, time_limit: float = 30.0) -> EndpointCheck:
    """Call the endpoint once. An embedded model is not loaded for it: only looked for.

    `key` is what `OpenAIServing` takes. With everything right but the model's name still empty, `models`
    holds those to choose from.
    """
    if endpoint.kind == "embedded":
        return _check_embedded(endpoint)
    problem = endpoint_problem(endpoint)
    if problem is not None and problem[0] != "model":
        setting, sentence = problem
        return EndpointCheck(False, sentence, setting if setting in ("address", "key") else "")
    return await _check_by_calling(endpoint, key, time_limit)


def _check_embedded(endpoint: Endpoint) -> EndpointCheck:
    from dataflow_core.models import EMBEDDED
    from dataflow_core.serving.embedded import embedded_problem

    problem = embedded_problem(None if endpoint.model in ("", EMBEDDED.model) else endpoint.model)
    if problem is not None:
        return EndpointCheck(False, problem, "model")
    return EndpointCheck(
        True, "The embedded model is installed. It is loaded when a run starts.", models=(endpoint.model,)
    )


async def _check_by_calling(endpoint: Endpoint, key: str | None, time_limit: float) -> EndpointCheck:
    if not endpoint.model.strip():
        return await _ask_for_a_model(endpoint, key, time_limit)
    serving = _open(endpoint, key, time_limit)
    started = time.perf_counter()
    try:
        completion = await serving.complete(_TINY_PROMPT, schema=_TINY_SCHEMA)
    except ServingError as error:
        models = await _models(endpoint, key) if error.at == "model" else ()
        seconds = time.perf_counter() - started
        if isinstance(error, RefusedError):  # a model's "no" comes from a model: everything is connected
            return EndpointCheck(True, f"{endpoint.model} answers, if only to refuse.", "", models, seconds)
        sentence = str(error)
        if error.at == "model":
            sentence += _suggestion(endpoint.model, models)
        elif error.at == "address":
            sentence = await _with_version_suggested(endpoint, key, sentence)
        return EndpointCheck(False, sentence, error.at or "answer", models, seconds)
    finally:
        await serving.close()
    sentence = f"{endpoint.model} at {base_url_of(endpoint)} answered in {completion.seconds:.1f} s.{_remarks(serving)}"
    return EndpointCheck(True, sentence, "", await _models(endpoint, key), completion.seconds)


async def _ask_for_a_model(endpoint: Endpoint, key: str | None, time_limit: float) -> EndpointCheck:
    try:
        models = await _list(endpoint, key, time_limit)
    except ServingError as error:
        if isinstance(error, ConfigurationError) and error.at == "address":
            models = ()  # the server may well keep no list
        else:
            return EndpointCheck(False, str(error), error.at or "answer")
    return EndpointCheck(False, "Enter the name of a model." + _suggestion("", models), "model", models)


def _open(endpoint: Endpoint, key: str | None, time_limit: float) -> OpenAIServing:
    from dataflow_core.serving.openai_compatible import OpenAIServing

    return OpenAIServing(endpoint, key, timeout=time_limit)


async def _list(endpoint: Endpoint, key: str | None, time_limit: float) -> tuple[str, ...]:
    serving = _open(replace(endpoint, model=endpoint.model or "any"), key, time_limit)
    try:
        return await serving.list_models()
    finally:
        await serving.close()


async def _models(endpoint: Endpoint, key: str | None) -> tuple[str, ...]:
    try:
        return await _list(endpoint, key, _LIST_TIME_LIMIT)
    except ServingError:
        return ()


async def _with_version_suggested(endpoint: Endpoint, key: str | None, sentence: str) -> str:
    """Look whether the server is there after all once /v1 is added, as it is for most that are mistyped."""
    base_url = base_url_of(endpoint)
    if re.search(r"/v\d", base_url):
        return sentence
    versioned = f"{base_url}/v1"
    try:
        found = bool(await _list(replace(endpoint, base_url=versioned), key, _LIST_TIME_LIMIT))
    except (ServingError, UsageError) as error:
        found = getattr(error, "at", "") == "key"
    return f"{sentence} There is a server at {versioned}: use that address." if found else sentence


def _suggestion(model: str, models: Sequence[str]) -> str:
    if not models:
        return ""
    lowered = {name.lower(): name for name in models}
    near = [lowered[match] for match in difflib.get_close_matches(model.lower(), lowered, n=3, cutoff=0.5)]
    if near:
        return f" Did you mean {' or '.join(near)}?"
    more = f" and {len(models) - _MODELS_NAMED} more" if len(models) > _MODELS_NAMED else ""
    return f" The server offers {', '.join(models[:_MODELS_NAMED])}{more}."


def _remarks(serving: OpenAIServing) -> str:
    remarks = ""
    if serving.structured_output != "json_schema":
        remarks += " It does not enforce JSON schemas, so prompts will spell the form of the answer out."
    if serving.unsupported:
        remarks += f" It does not take a {' or a '.join(sorted(serving.unsupported))}, which will be left out."
    return remarks

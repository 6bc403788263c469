"""What a run was made with, as names and values: the generator, the endpoint, what was learnt of it and from it."""

from __future__ import annotations

from typing import Any

from dataflow_core.generators.custom import recipe_in
from dataflow_core.models import Run
from dataflow_core.serving.dialect import Dialect
from dataflow_core.serving.keys import base_url_of
from dataflow_core.wording import budget_in_words
from dataflow_core.workspace import Workspace
from ui.format import count, duration
from ui.settings.limits import prices_in_words

_OUTPUTS = {
    "json_schema": "JSON schema",
    "json_object": "JSON object, with the schema spelled out in the prompt",
    "text": "plain text, with the schema spelled out in the prompt",
}
_ADDRESSES = {"embedded": "in this program", "script": "in a script"}


def settings_of(workspace: Workspace, run: Run) -> dict[str, Any]:
    endpoint = run.endpoint
    return {
        "generator": run.generator,
        **{name: "left to the endpoint" if value is None else value for name, value in _params(run).items()},
        "prompt version": run.prompt_version,
        "endpoint": endpoint.name,
        "address": _ADDRESSES.get(endpoint.kind) or base_url_of(endpoint),
        "model": endpoint.model,
        **_answered(workspace, run),
        **_learnt(workspace, run),
        "calls at a time": endpoint.max_workers,
        **_limits(run),
        "budget": budget_in_words(run.budget) or "no limit",
        "run id": run.id,
    }


def _params(run: Run) -> dict[str, Any]:
    """A recipe by its parts."""
    if (recipe := recipe_in(run.params)) is None:
        return run.params
    facts: dict[str, Any] = {"recipe": recipe.name, "instruction": recipe.instruction}
    if recipe.system:
        facts["system"] = recipe.system
    facts["outputs"] = ", ".join(f"{output.name} ({output.type})" for output in recipe.outputs)
    facts |= {f"list {name}": ", ".join(values) for name, values in recipe.variables.items()}
    facts["examples"] = len(recipe.examples)
    return facts | {name: value for name, value in run.params.items() if name != "recipe"}


def _answered(workspace: Workspace, run: Run) -> dict[str, Any]:
    """The model may be called otherwise by its server; and a record may have needed mending."""
    facts = {}
    if models := workspace.runs.models(run.id):
        facts["answered by"] = ", ".join(f"{model} ({count(number, 'call')})" for model, number in models.items())
    if repairs := workspace.runs.repairs(run.id):
        facts["mended"] = ", ".join(f"{number:,} with {what}" for what, number in repairs.items())
    return facts


def _learnt(workspace: Workspace, run: Run) -> dict[str, Any]:
    """How the endpoint turned out to want to be asked."""
    if run.endpoint.kind != "openai":
        return {}
    fields = workspace.dialects.get(base_url_of(run.endpoint), run.endpoint.model)
    dialect = Dialect.of(fields) if fields else Dialect()
    output = _OUTPUTS[dialect.output]
    if dialect.output == "json_schema" and dialect.common_only:
        output += ", common keywords only"
    facts = {"structured output": output}
    if dialect.unsupported:
        facts["left out"] = f"{', '.join(sorted(dialect.unsupported))} (the endpoint takes none)"
    if dialect.token_limit != Dialect().token_limit:
        facts["token limit sent as"] = dialect.token_limit
    return facts


def _limits(run: Run) -> dict[str, Any]:
    endpoint = run.endpoint
    if endpoint.kind == "embedded":
        return {}
    per_minute = {
        "requests a minute": endpoint.requests_per_minute,
        "tokens a minute": endpoint.tokens_per_minute,
    }
    return {
        "most time a call": duration(endpoint.timeout),
        **{name: "no limit" if limit is None else f"{limit:,}" for name, limit in per_minute.items()},
        "prices": prices_in_words(endpoint) or "unknown",
    }

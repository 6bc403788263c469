"""Flows and topics as text that a person edits: a line each."""

from __future__ import annotations

from collections.abc import Sequence

from dataflow_core.errors import UsageError
from dataflow_core.models import Flow


def flows_as_text(flows: Sequence[Flow]) -> str:
    return "\n".join(f"{flow.name}: {'; '.join(flow.steps)}" for flow in flows)


def flows_from_text(text: str) -> tuple[Flow, ...]:
    """Read a flow a line, "name: step; step; step". Raises `UsageError` that names the line."""
    flows: list[Flow] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, rest = line.partition(":")
        steps = tuple(step.strip() for step in rest.split(";") if step.strip())
        if not colon or not name.strip():
            raise UsageError(f"Flow in line {number}: begin with its name and a colon, as in “First fix: asks; tries”.")
        if not steps:
            raise UsageError(f"Flow in line {number}: “{name.strip()}” has no steps. Write them after the colon.")
        if any(flow.name == name.strip() for flow in flows):
            raise UsageError(
                f"Flow in line {number}: “{name.strip()}” is the name of a flow above. Rename one of them."
            )
        flows.append(Flow(name.strip(), steps))
    return tuple(flows)


def topics_from_text(text: str) -> tuple[str, ...]:
    """Read a topic a line, each once."""
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))

"""Runs of generators that only a script has: the classes derived from `GeneratorTask`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields

#: What a run of a class of one's own is stored under, and one of a recipe, whose params have "recipe".
CUSTOM = "GeneratorTask"


def is_of_script(name: str, params: Fields) -> bool:
    """Whether the run's generator is a class that only the script has which planned the run."""
    return name == CUSTOM and "recipe" not in params


def refusal(params: Mapping[str, Any]) -> UsageError:
    """What is said where such a run is to be executed by anything but its script."""
    return UsageError(
        f"This run is made by the class {params.get('task', CUSTOM)} of a script, which only that script has. "
        "Run the script again: it goes on where this run stands."
    )

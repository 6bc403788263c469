"""What a model of 100–300 million parameters is shown to write one field of a record: examples, and a line to complete.

Such a model copies a pattern and cannot follow a description of it. Without examples there is nothing to copy: it is
asked in plain words then, and what comes is seldom of use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dataflow_core.models import Message, Prompt, Sampling

VERSION = "custom-small/1"
TEMPERATURE, TEMPERATURE_UNSHOWN = 0.5, 0.7
CANDIDATES = 4
#: So many examples fix the pattern; each further one takes room and time.
SHOTS = 8

_EXTRA: dict[str, Any] = {
    "min_p": 0.05,
    "top_p": 1.0,
    "top_k": 40,
    "repeat_penalty": 1.05,
    "dry_multiplier": 0.8,
    "dry_allowed_length": 4,
    "dry_penalty_last_n": 4096,
    "dry_sequence_breakers": ["\n"],
}


def field_prompt(
    shots: Sequence[Mapping[str, str]],
    given: Mapping[str, str],
    name: str,
    *,
    version: str,
    seed: int,
    temperature: float | None,
    most_tokens: int,
    is_text: bool,
) -> Prompt:
    """Raw completion. Each shot, and what is `given`, is lines of "name: text"; the line of `name` is to be written.

    What is no text (`is_text`) has few values, which must be allowed to come again.
    """
    blocks = ["\n".join(f"{key}: {text}" for key, text in shot.items()) for shot in shots]
    last = "\n".join([*(f"{key}: {text}" for key, text in given.items()), f"{name}:"])
    warmth = TEMPERATURE if temperature is None else temperature
    sampling = Sampling(
        temperature=warmth,
        max_tokens=most_tokens,
        seed=seed,
        choices=CANDIDATES,
        stop=("\n",),
        extra=_EXTRA if is_text else _EXTRA | {"dry_multiplier": 0.0, "repeat_penalty": 1.0},
    )
    return Prompt(version, text="\n\n".join([*blocks, last]), sampling=sampling)


def plain_prompt(
    instruction: str,
    given: Mapping[str, str],
    name: str,
    description: str,
    *,
    version: str,
    seed: int,
    temperature: float | None,
) -> Prompt:
    """Where there are no examples to go by. `given` is what was written of the record before."""
    asked = f"{instruction}\n\n" + "".join(f"{key}: {text}\n" for key, text in given.items())
    wanted = f"Now write only this: {description or name}."
    warmth = TEMPERATURE_UNSHOWN if temperature is None else temperature
    sampling = Sampling(temperature=warmth, max_tokens=120, seed=seed, choices=CANDIDATES, extra=_EXTRA)
    return Prompt(version, (Message("user", f"{asked}{wanted}"),), sampling=sampling)

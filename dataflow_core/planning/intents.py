"""What dialogues are about: the built-in intents, and the plan that spreads a run over flows and topics.

The nine intents are those of ConsistentChat (arXiv 2506.03558); their flows and topics were written for
this project.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from math import lcm
from random import Random

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, Flow, Intent


@cache
def builtin_intents() -> tuple[Intent, ...]:
    """The intents that come with the library."""
    text = resources.files("dataflow_core.prompts").joinpath("intents.json").read_text(encoding="utf-8")
    return tuple(
        Intent(
            name=intent["name"],
            description=intent["description"],
            flows=tuple(Flow(name=flow["name"], steps=tuple(flow["steps"])) for flow in intent["flows"]),
            topics=tuple(intent["topics"]),
            builtin=True,
        )
        for intent in json.loads(text)
    )


def plan_dialogues(
    intents: Sequence[Intent],
    *,
    per_intent: int | Mapping[str, int],
    turns: int,
    language: str = "English",
    seed: int = 0,
) -> Iterator[Fields]:
    """Plan dialogues: yield the input fields of each, the intents taking turns.

    An intent's dialogues walk its grid of flow × topic without repeating a cell until the grid is used
    up, then walk it again in another order. Any first part of the walk is spread evenly: no topic and no
    flow is ahead of another by more than one. The same arguments give the same plan on every machine, and
    a larger `per_intent` only appends to each intent's walk.

    `per_intent` counts dialogues; as a mapping it goes by intent name, and an intent it leaves out has
    none. `turns` counts the messages of both sides. Raises `UsageError` at once, not at the first cell.
    """
    _check_turns(turns)
    _check_intents(intents)
    counts = _counts(intents, per_intent)
    return _interleave(intents, counts, turns=turns, language=language, seed=seed)


def _check_turns(turns: int) -> None:
    if turns < 2 or turns % 2:
        raise UsageError(
            "A dialogue has messages by both sides, so the number of turns must be even and at least 2; "
            f"{turns} was given."
        )


def _check_intents(intents: Sequence[Intent]) -> None:
    if not intents:
        raise UsageError("No intent was chosen, so there is nothing to plan. Choose at least one intent.")
    for name, count in Counter(intent.name for intent in intents).items():
        if count > 1:
            raise UsageError(f'{count} intents are named "{name}". Give each intent a name of its own.')
    for intent in intents:
        if not intent.flows:
            raise UsageError(f'The intent "{intent.name}" has no information flows. Add at least one flow to it.')
        if not intent.topics:
            raise UsageError(f'The intent "{intent.name}" has no topics. Add at least one topic to it.')


def _counts(intents: Sequence[Intent], per_intent: int | Mapping[str, int]) -> list[int]:
    names = [intent.name for intent in intents]
    by_name = per_intent if isinstance(per_intent, Mapping) else dict.fromkeys(names, per_intent)
    for name, count in by_name.items():
        if name not in names:
            raise UsageError(f'A number of dialogues is given for "{name}", which is not among the chosen intents.')
        if count < 0:
            raise UsageError(f'The number of dialogues cannot be negative; {count} was given for "{name}".')
    return [by_name.get(name, 0) for name in names]


def _interleave(
    intents: Sequence[Intent], counts: Sequence[int], *, turns: int, language: str, seed: int
) -> Iterator[Fields]:
    # Taking turns lets a run that is stopped early cover all intents.
    walks = [_walk(intent, Random(f"{seed}:{intent.name}")) for intent in intents]  # noqa: S311 - a plan, not a secret
    for number in range(max(counts)):
        for intent, walk, count in zip(intents, walks, counts, strict=True):
            if number < count:
                flow, topic = next(walk)
                yield {
                    "category": intent.name,
                    "intent": intent.name,
                    "intent_description": intent.description,
                    "flow": flow.name,
                    "flow_steps": list(flow.steps),
                    "topic": topic,
                    "turns": turns,
                    "language": language,
                }


def _walk(intent: Intent, random: Random) -> Iterator[tuple[Flow, str]]:
    """Walk the grid of flow × topic for ever, one shuffled pass after another. What is listed twice counts once."""
    flows, topics = list(dict.fromkeys(intent.flows)), list(dict.fromkeys(intent.topics))
    # Stepping through both lists at once meets every cell if their lengths have no common divisor. If they
    # have one, the steps return to the start after lcm cells: moving on by one flow then opens new cells.
    cycle = lcm(len(flows), len(topics))
    while True:
        random.shuffle(flows)
        random.shuffle(topics)
        for step in range(len(flows) * len(topics)):
            yield flows[(step + step // cycle) % len(flows)], topics[step % len(topics)]

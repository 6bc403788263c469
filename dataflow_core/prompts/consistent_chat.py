"""What a capable model is asked for a dialogue: first all the user's turns, then all the answers.

The two stages, and the idea that an intent's information flow shapes the user's turns, are
ConsistentChat's (arXiv 2506.03558); so are the lengths aimed at, 19.6 words a query and 59 an answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dataflow_core.models import Fields, Message, Prompt, Sampling

VERSION = "consistent-chat/1"

_SKELETON = """\
You write the user's side of a conversation with an assistant: all of the user's messages in order, before any answer \
is known.

The messages belong to one person with one goal. Together they follow the given information flow from its first step \
to its last; with fewer messages than steps, merge neighbouring steps; with more, dwell on a step. Each message \
follows up on the ones before and could be sent whatever a sensible answer said. Write as people write to an \
assistant: concrete details, in the first person, about 20 words a message, with some variation; no greeting after \
the first message; no numbering.
Write in {language}.
Answer with a JSON object with the key questions: a list of exactly {count} texts."""

_ANSWERS = """\
You are the assistant in a conversation. All of the user's messages are given in order. Write your reply to each.

Each reply answers its own message and knows only what was said before it; it stays consistent with your earlier \
replies and does not repeat them. Be helpful, accurate and concrete, about 60 words a reply; no headings, no sign-off.
Write in {language}.
Answer with a JSON object with the key answers: a list of exactly {count} texts, in the order of the messages."""


def skeleton_prompt(cell: Fields, *, count: int, temperature: float | None) -> Prompt:
    """`cell` is one of the plan's; `count` is the number of the user's messages."""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(cell["flow_steps"], start=1))
    material = (
        f"The user's intent: {cell['intent']}: {cell['intent_description']}\n"
        f"Topic: {cell['topic']}\n"
        f"Information flow, {cell['flow']}:\n{steps}"
    )
    return Prompt(
        version=VERSION,
        messages=(
            Message("system", _SKELETON.format(language=cell["language"], count=count)),
            Message("user", material),
        ),
        sampling=Sampling(temperature=temperature),
    )


def answers_prompt(cell: Fields, questions: Sequence[str], *, temperature: float | None) -> Prompt:
    return Prompt(
        version=VERSION,
        messages=(
            Message("system", _ANSWERS.format(language=cell["language"], count=len(questions))),
            Message("user", json.dumps({"topic": cell["topic"], "messages": list(questions)}, ensure_ascii=False)),
        ),
        sampling=Sampling(temperature=temperature),
    )

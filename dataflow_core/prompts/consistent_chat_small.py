"""Prompts that get a dialogue out of a model of 100–300 million parameters: questions by example, one answer a call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from dataflow_core.models import Message, Prompt, Sampling

VERSION = "consistent-chat-small/1"
TEMPERATURE = 0.4
#: Questions asked for in one call: more, and such a model repeats itself.
CHUNK = 3
QUESTION_CANDIDATES = 4
ANSWER_CANDIDATES = 2


class Example(NamedTuple):
    intent: str
    topic: str
    steps: tuple[str, ...]
    questions: tuple[str, ...]


EXAMPLES = (
    Example(
        "Problem Solving Interaction",
        "a washing machine that stops in the middle",
        (
            "describes the symptom",
            "asks for the cause",
            "asks for a first step",
            "reports that it did not help",
            "asks about the cost",
            "asks how to prevent it",
        ),
        (
            "My washing machine stops in the middle of every program, what is going on?",
            "Could a clogged filter be the reason?",
            "How do I clean the filter without flooding the kitchen?",
            "I cleaned it and the drum still stops, so what can I try next?",
            "What would a mechanic charge for a new pump?",
            "How often should I clean the filter from now on?",
        ),
    ),
    Example(
        "Educational Interaction",
        "why the moon changes its shape",
        (
            "asks for a plain explanation",
            "asks about an unclear term",
            "asks for an example",
            "tries an own explanation",
            "asks for an exercise",
            "asks what to learn next",
        ),
        (
            "Why does the moon look different every night?",
            "What does the word crescent mean?",
            "Can you show me the phases with a ball and a lamp?",
            "So the dark part is just the side without sunlight, right?",
            "Which phase will we see ten days after a full moon?",
            "What should I read next about eclipses?",
        ),
    ),
    Example(
        "Emotional Support Interaction",
        "moving to a city where one knows nobody",
        (
            "says how they feel",
            "tells about the hardest moment",
            "asks if it is normal",
            "asks for a small step",
            "names an obstacle",
            "says what they will try",
        ),
        (
            "I moved here a month ago and feel lonely, what can I do?",
            "Sunday evenings are the worst, why do they hurt so much?",
            "Is it normal to miss my old friends this badly?",
            "What is one small thing I could do tomorrow?",
            "I am shy, so how do I start talking to a stranger?",
            "I will try the choir on Monday, does that sound like a good plan?",
        ),
    ),
    Example(
        "Transaction Interaction",
        "a birthday cake for a party of twenty",
        (
            "says what is wanted",
            "asks for the options",
            "asks about the price",
            "changes a detail",
            "asks about the pickup",
            "asks for a confirmation",
        ),
        (
            "Can I order a birthday cake for twenty people for Saturday?",
            "Which flavors do you have without nuts?",
            "How much is the lemon cake with a name on it?",
            "Could you make it for twenty-four people instead?",
            "When can my brother pick up the cake?",
            "Will you send me a written confirmation of the order?",
        ),
    ),
)

# DRY keeps the model from parroting the examples and from going in circles.
_EXTRA: dict[str, Any] = {
    "min_p": 0.2,  # keeps it on the topic even at a temperature meant for larger models
    "top_p": 1.0,
    "top_k": 40,
    "repeat_penalty": 1.05,
    "dry_multiplier": 0.8,
    "dry_allowed_length": 4,
    "dry_penalty_last_n": 4096,
    "dry_sequence_breakers": ["\n", '"'],
}
_SYSTEM = "Write the questions that one user asks in a conversation about the topic, one for each step."


def questions_schema(count: int, *, english: bool) -> dict[str, Any]:
    """A question starts with a capital letter, has 12 to 110 characters and ends with its mark."""
    pattern = r"^[A-Z][A-Za-z0-9 ,'-]{11,107}[A-Za-z0-9]\?$" if english else r'^[^"\\?？\n]{4,108}[?？]$'
    items = {"type": "string", "pattern": pattern}
    questions = {"type": "array", "items": items, "minItems": count, "maxItems": count}
    return {
        "type": "object",
        "properties": {"questions": questions},
        "required": ["questions"],
        "additionalProperties": False,
    }


def questions_prompt(
    intent: str,
    topic: str,
    steps: Sequence[str],
    *,
    asked: Sequence[str] = (),
    language: str = "",
    seed: int,
    temperature: float | None,
) -> Prompt:
    """Ask for one question a step, after those that were `asked` already."""
    system = f"{_SYSTEM} Write in {language}." if language else _SYSTEM
    request = _request(intent, topic, steps, asked)
    messages = (Message("system", system), *_SHOTS, Message("user", request))
    return Prompt(VERSION, messages, sampling=_sampling(seed, temperature, 45 * len(steps), QUESTION_CANDIDATES))


def answer_prompt(
    topic: str,
    history: Sequence[tuple[str, str]],
    question: str,
    *,
    language: str = "",
    told: str = "",
    seed: int,
    temperature: float | None,
) -> Prompt:
    """Ask for the answer to `question` in the conversation so far: pairs of a question and its answer.

    `told` is the system turn of a conversation that has one; it takes the place of what the assistant is else told.
    """
    who = f"You are a helpful assistant and an expert on {topic}." if topic else "You are a helpful assistant."
    system = f"{told or who} Answer with two or three short sentences of facts."
    messages = [Message("system", f"{system} Answer in {language}." if language else system)]
    for earlier, answer in history:
        messages += [Message("user", earlier), Message("assistant", answer)]
    # The topic is said again each time: such a model loses it after a turn or two.
    messages.append(Message("user", f"{question} (about {topic})" if topic else question))
    return Prompt(VERSION, tuple(messages), sampling=_sampling(seed, temperature, 80, ANSWER_CANDIDATES))


def _request(intent: str, topic: str, steps: Sequence[str], asked: Sequence[str]) -> str:
    lines = [f"Intent: {intent}", f"Topic: {topic}"]
    if asked:
        lines.append(f"Asked before: {' '.join(asked[-CHUNK:])}")
    return "\n".join([*lines, f"Steps: {'; '.join(steps)}"])


def _sampling(seed: int, temperature: float | None, max_tokens: int, choices: int) -> Sampling:
    warmth = TEMPERATURE if temperature is None else temperature
    return Sampling(temperature=warmth, max_tokens=max_tokens, seed=seed, choices=choices, extra=_EXTRA)


def _shots() -> tuple[Message, ...]:
    """Beginnings and continuations, the same for all calls, so that the model reads them once."""
    messages: list[Message] = []
    halves = [(shot, 0) for shot in EXAMPLES] + [(shot, CHUNK) for shot in EXAMPLES[:1]]
    for shot, first in halves:
        part = slice(first, first + CHUNK)
        request = _request(shot.intent, shot.topic, shot.steps[part], shot.questions[:first])
        answer = json.dumps({"questions": shot.questions[part]}, ensure_ascii=False)
        messages += [Message("user", request), Message("assistant", answer)]
    return tuple(messages)


_SHOTS = _shots()

"""What a capable model is asked for a dialogue: first all the user's turns, then all the answers.

The two stages, and the idea that an intent's information flow shapes the user's turns, are
ConsistentChat's (arXiv 2506.03558); so are the lengths aimed at, 19.6 words a query and 59 an answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dataflow_core.models import Fields, Message, Prompt, PromptTexts, Sampling
from dataflow_core.prompts.templates import render

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

_MATERIAL = """\
The user's intent: {intent}: {intent_description}
Topic: {topic}
Information flow, {flow}:
{flow_steps}"""

#: Before the system turn of an existing dialogue that is answered anew.
_OWN_SYSTEM = "In this conversation the assistant has been told the following, and every reply keeps to it:"

PROMPT = PromptTexts(
    VERSION,
    0,
    "ConsistentChatGenerator",
    {
        "skeleton": _SKELETON,
        "material": _MATERIAL,
        "answers": _ANSWERS,
        "messages": '{"topic": {quoted_topic}, "messages": {messages}}',
    },
)
_OF_A_CELL = ("intent", "intent_description", "flow", "topic", "language")
#: A plan's cell, the user's messages, and the answers to them: a dialogue that is shown to the model as an example.
ShownDialogue = tuple[Fields, Sequence[str], Sequence[str]]


def skeleton_prompt(
    cell: Fields,
    *,
    count: int,
    temperature: float | None,
    prompt: PromptTexts = PROMPT,
    examples: Sequence[ShownDialogue] = (),
) -> Prompt:
    """`cell` is one of the plan's; `count` is the number of the user's messages, in the `examples` too."""
    texts, values = prompt.texts, _values(cell, count)
    messages = [Message("system", render(texts["skeleton"], values))]
    for shown, questions, _ in examples:
        material = render(texts["material"], _values(shown, len(questions)))
        messages += [Message("user", material), Message("assistant", _json({"questions": list(questions)}))]
    messages.append(Message("user", render(texts["material"], values)))
    return Prompt(prompt.label, tuple(messages), sampling=Sampling(temperature=temperature))


def answers_prompt(
    cell: Fields,
    questions: Sequence[str],
    *,
    temperature: float | None,
    prompt: PromptTexts = PROMPT,
    examples: Sequence[ShownDialogue] = (),
) -> Prompt:
    texts = prompt.texts
    told = render(texts["answers"], _values(cell, len(questions)))
    if system := cell.get("system"):
        told = f"{told}\n\n{_OWN_SYSTEM}\n{system}"
    messages = [Message("system", told)]
    for shown, asked, answers in examples:
        messages += [_asking(texts["messages"], shown, asked), Message("assistant", _json({"answers": list(answers)}))]
    messages.append(_asking(texts["messages"], cell, questions))
    return Prompt(prompt.label, tuple(messages), sampling=Sampling(temperature=temperature))


def _asking(template: str, cell: Fields, questions: Sequence[str]) -> Message:
    values = _values(cell, len(questions)) | {"messages": _json(list(questions))}
    return Message("user", render(template, values))


def _values(cell: Fields, count: int) -> dict[str, object]:
    """What the texts' placeholders stand for."""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(cell.get("flow_steps") or (), start=1))
    told = {"flow_steps": steps, "count": count, "quoted_topic": _json(cell["topic"])}
    return dict.fromkeys(_OF_A_CELL, "") | cell | told


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

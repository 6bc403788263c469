"""The prompts that come with the program, opened as texts, and what each text may stand for.

Small models follow examples, not descriptions: theirs are shown, but cannot be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dataflow_core.errors import UsageError
from dataflow_core.models import Prompt, PromptTexts, Recipe
from dataflow_core.prompts import consistent_chat, consistent_chat_small, para_seq, para_seq_small

TASKS, DIALOGUES = para_seq.PROMPT.generator, consistent_chat.PROMPT.generator


@dataclass(frozen=True, slots=True)
class TextSlot:
    """One of the texts that a prompt is made of, in the order in which a person reads them.

    `placeholders` are the names that `{name}` may stand for in it, each with what that is; `needed` those that it must
    have. A text with `is_literal` is sent as it stands: braces in it are braces.
    """

    name: str
    label: str
    about: str
    placeholders: Mapping[str, str]
    needed: tuple[str, ...] = ()
    is_literal: bool = False


_CELL = {
    "count": "how many messages the user sends",
    "language": "the language to write in",
    "intent": "the name of the intent",
    "intent_description": "what such a user wants",
    "topic": "the topic",
    "flow": "the name of the information flow",
    "flow_steps": "its steps, numbered, one a line",
}

SLOTS: Mapping[str, tuple[TextSlot, ...]] = {
    TASKS: (
        TextSlot("system", "System", "What the model is told to do.", {}),
        TextSlot("task", "Task", "The question, around each task.", {"task": "the atomic task"}, ("task",)),
        TextSlot("example_task", "Example: the task", "A task whose answer the model is shown.", {}, is_literal=True),
        TextSlot("example_answer", "Example: the answer", "JSON, as the model is to answer.", {}, is_literal=True),
    ),
    DIALOGUES: (
        TextSlot("skeleton", "Questions: system", "How the user's messages are written.", _CELL, ("count",)),
        TextSlot("material", "Questions: material", "The cell of the plan that they are about.", _CELL, ("topic",)),
        TextSlot("answers", "Answers: system", "How the messages are answered.", _CELL),
        TextSlot(
            "messages",
            "Answers: material",
            "The messages that are answered.",
            _CELL | {"messages": "the messages, as a JSON list", "quoted_topic": "the topic, as a JSON text"},
            ("messages",),
        ),
    ),
}


@cache
def builtin_prompts() -> tuple[PromptTexts, ...]:
    """Those of each generator, for capable models and for small ones. The latter are only to be looked at."""
    return (para_seq.PROMPT, consistent_chat.PROMPT, _small_para_seq(), _small_consistent_chat())


def builtin_prompt(generator: str, recipe: Recipe = "capable") -> PromptTexts | None:
    """None for a generator that has none of its own."""
    return next((one for one in builtin_prompts() if (one.generator, one.recipe) == (generator, recipe)), None)


def own_prompt(prompt: Mapping[str, Any] | None, generator: str, recipe: Recipe) -> PromptTexts | None:
    """The prompt that a generator was given in place of its built-in one; None where it is that one, or none.

    Raises `UsageError` for one that is for another generator or for models of another size, or that lacks a text, and
    for a name.
    """
    if prompt is None:
        return None
    if isinstance(prompt, str):
        raise UsageError(f"“{prompt}” is a prompt's name, not the prompt: hand over workspace.prompts.get({prompt!r}).")
    own = PromptTexts.of(prompt)
    if own == builtin_prompt(generator, recipe):
        return None
    if own.generator != generator:
        raise UsageError(f"The prompt “{own.label}” is for {own.generator}, not for {generator}. Choose another.")
    if own.recipe != recipe:
        asked, others = ("small", "larger") if recipe == "small" else ("larger", "small")
        raise UsageError(
            f"The prompt “{own.label}” is for {others} models, and this is one of the {asked} ones, which "
            f"{'follow examples of their own' if recipe == 'small' else 'need another'}. Choose the built-in prompt, "
            "or another model."
        )
    for slot in SLOTS.get(generator, ()):
        if not own.texts.get(slot.name, "").strip():
            raise UsageError(f"The prompt “{own.label}” has no text “{slot.name}”. Write one.")
    return own


def _small_para_seq() -> PromptTexts:
    made = {
        "parallel": para_seq_small.parallel_prompt("{task}", seed=0, temperature=None),
        "subsequent": para_seq_small.subsequent_prompt("{task}", seed=0, temperature=None),
        "composition": para_seq_small.composition_prompt("{task}", "{task}, then", seed=0, temperature=None),
    }
    texts = {name: _as_script(prompt) for name, prompt in made.items()}
    return PromptTexts(para_seq_small.VERSION, 0, TASKS, texts, "small")


def _small_consistent_chat() -> PromptTexts:
    questions = consistent_chat_small.questions_prompt("{intent}", "{topic}", ["{steps}"], seed=0, temperature=None)
    answer = consistent_chat_small.answer_prompt("{topic}", [], "{question}", seed=0, temperature=None)
    texts = {"questions": _as_script(questions), "answer": _as_script(answer)}
    return PromptTexts(consistent_chat_small.VERSION, 0, DIALOGUES, texts, "small")


def _as_script(prompt: Prompt) -> str:
    if prompt.text is not None:
        return prompt.text
    return "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in prompt.messages)

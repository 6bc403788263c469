"""TRL's prompt and completion: messages for dialogues, plain texts for other records.

A plain prompt has no place for a system turn: where a field is chosen for it, other records are messages, too.
"""

from __future__ import annotations

from typing import Any

from dataflow_core.exporters.base import Content, FieldChoice, Problem, Severity, UnfitError
from dataflow_core.exporters.chats import TurnsExporter, dialogue_of, is_dialogue, settled, texts_of
from dataflow_core.exporters.messages import messages_of
from dataflow_core.exporters.rules import (
    LAST_ANSWER_ONLY,
    LEARNS_SILENCE,
    REFUSES_SYSTEM,
    SYSTEM_TURN,
    broken_order,
    empty_text,
    half_characters,
)
from dataflow_core.exporters.trl import STOPS
from dataflow_core.models import Fields


def said_in(part: Any) -> list[str]:
    """The texts of a prompt or a completion, in either form."""
    return [part] if isinstance(part, str) else [message["content"] for message in part]


def prompt_of(system: str, text: str, *, as_messages: bool) -> str | list[Fields]:
    """What is asked, in the form that its file has."""
    if not as_messages:
        return text
    said = [{"role": "system", "content": system}] if system else []
    return [*said, {"role": "user", "content": text}]


def answer_of(text: str, *, as_messages: bool) -> str | list[Fields]:
    return [{"role": "assistant", "content": text}] if as_messages else text


class PromptCompletionExporter(TurnsExporter):
    name = "prompt-completion"
    title = "Prompt and completion"
    trainers = "TRL (SFTTrainer)"
    source = "https://huggingface.co/docs/trl/dataset_formats"
    takes_fields = True

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        if not is_dialogue(content.generator):
            as_messages = bool(settled(content, choice).system)
            system, prompt, answer = texts_of(content, choice)
            asked = prompt_of(system, prompt, as_messages=as_messages)
            return {"prompt": asked, "completion": answer_of(answer, as_messages=as_messages)}
        messages = messages_of(dialogue_of(content.fields))
        if not messages or messages[-1]["role"] != "assistant":
            raise UnfitError("It does not end with an answer, so there is no completion.")
        return {"prompt": messages[:-1], "completion": messages[-1:]}

    def problems(self, row: Fields) -> list[Problem]:
        prompt, completion = row["prompt"], row["completion"]
        texts = said_in(prompt) + said_in(completion)
        found = half_characters(texts)
        if isinstance(prompt, list):
            found += turn_problems(prompt, completion)
            if any(message["role"] == "assistant" for message in prompt):
                message = "Only its last answer is trained on; those before it are part of the prompt."
                found.append(Problem(LAST_ANSWER_ONLY, Severity.NOTED, message))
        if fault := empty_text(texts, "Text"):
            found.append(fault.problem(Severity.NOTED, LEARNS_SILENCE))
        return found

    def texts(self, row: Fields) -> list[str]:
        return said_in(row["prompt"]) + said_in(row["completion"])


def turn_problems(prompt: list[Fields], completion: list[Fields]) -> list[Problem]:
    """What chat templates refuse of the messages."""
    found = []
    roles = [message["role"] for message in (*prompt, *completion)]
    if roles and roles[0] == "system":
        del roles[0]
        found.append(Problem(SYSTEM_TURN, Severity.NOTED, REFUSES_SYSTEM))
    if fault := broken_order(roles):
        found.append(fault.problem(Severity.REFUSED, STOPS))
    return found

"""TRL's prompt and completion: messages for dialogues, plain texts for other records."""

from __future__ import annotations

from typing import Any

from dataflow_core.exporters.base import Content, Exporter, FieldChoice, Problem, Severity, UnfitError
from dataflow_core.exporters.chats import dialogue_of, is_dialogue, settled, texts_of
from dataflow_core.exporters.messages import messages_of
from dataflow_core.exporters.rules import SYSTEM_TURN, broken_order, empty_text, half_characters
from dataflow_core.models import Fields


def said_in(part: Any) -> list[str]:
    """The texts of a prompt or a completion, in either form."""
    return [part] if isinstance(part, str) else [message["content"] for message in part]


def prompt_of(system: str, text: str, *, as_messages: bool) -> str | list[Fields]:
    """What is asked, in the form of its file: a plain text has no place for a system turn."""
    if not as_messages:
        return text
    said = [{"role": "system", "content": system}] if system else []
    return [*said, {"role": "user", "content": text}]


def answer_of(text: str, *, as_messages: bool) -> str | list[Fields]:
    return [{"role": "assistant", "content": text}] if as_messages else text


class PromptCompletionExporter(Exporter):
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
        found = turn_problems(prompt, completion) if isinstance(prompt, list) else []
        texts = said_in(prompt) + said_in(completion)
        if empty := empty_text(texts, "Text {}" if isinstance(prompt, str) else "Turn {}"):
            found.append(Problem(empty[0], Severity.NOTED, f"{empty[1]}. A model would learn to say nothing."))
        return found + half_characters(texts)

    def texts(self, row: Fields) -> list[str]:
        return said_in(row["prompt"]) + said_in(row["completion"])


def turn_problems(prompt: list[Fields], completion: list[Fields]) -> list[Problem]:
    """What chat templates refuse of the messages."""
    found = []
    roles = [message["role"] for message in (*prompt, *completion)]
    if roles and roles[0] == "system":
        del roles[0]
        message = "It has a system turn, which some chat templates refuse (Gemma's)."
        found.append(Problem(SYSTEM_TURN, Severity.NOTED, message))
    if broken := broken_order(roles):
        why = "Many chat templates stop with “Conversation roles must alternate”."
        found.append(Problem(broken[0], Severity.REFUSED, f"{broken[1]}. {why}"))
    return found

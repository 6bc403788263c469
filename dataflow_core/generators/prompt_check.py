"""Whether a prompt that a person has written can be used."""

from __future__ import annotations

import re

from dataflow_core.errors import AnswerError, UsageError
from dataflow_core.generators.para_seq import ANSWER
from dataflow_core.models import Completion, PromptTexts
from dataflow_core.prompts.builtin import SLOTS, TASKS, TextSlot, builtin_prompts
from dataflow_core.prompts.templates import names_in

#: What can be part of a label such as "kinder/3", of a file's name, and of the command line.
_NAME = re.compile(r"[^\W_][\w .+()-]{0,59}")


def check_prompt(prompt: PromptTexts) -> None:
    """Raise `UsageError`, with a sentence on what is wrong and where, for a prompt that cannot be used.

    That is one without a name of its own, one for small models, one that lacks a text or a placeholder that a text
    needs, or has a text with a placeholder that nothing is known for, or an example that is not the JSON which the
    generator reads.
    """
    if prompt in builtin_prompts():
        return
    if not _NAME.fullmatch(prompt.name) or prompt.name != prompt.name.strip():
        raise UsageError(
            "A prompt's name starts with a letter or digit and has letters, digits, spaces, dots, dashes and "
            f"underscores, up to 60 of them; “{prompt.name[:80]}” was given. “/” stands before its version."
        )
    if prompt.name.casefold() in {one.name.split("/")[0] for one in builtin_prompts()}:
        raise UsageError(
            f"“{prompt.name}” is the name of a built-in prompt, which stays as it is. Choose another name."
        )
    if prompt.generator not in SLOTS:
        raise UsageError(f"There are no prompts for {prompt.generator}: only for {' and '.join(SLOTS)}.")
    if prompt.recipe == "small":
        raise UsageError("The prompts for small models are made of examples and cannot be changed.")
    slots = SLOTS[prompt.generator]
    names = [slot.name for slot in slots]
    if unknown := [name for name in prompt.texts if name not in names]:
        raise UsageError(f"The prompt has a text “{unknown[0]}”, which is not sent. The texts are: {', '.join(names)}.")
    for slot in slots:
        _check_text(slot, prompt.texts.get(slot.name, ""))
    if prompt.generator == TASKS:
        _check_example(prompt.texts["example_answer"])


def _check_text(slot: TextSlot, text: str) -> None:
    if not text.strip():
        raise UsageError(f"The text “{slot.label}” is empty. Write it, or copy the built-in one.")
    if slot.is_literal:
        return
    found = names_in(text)
    if unknown := [name for name in found if name not in slot.placeholders]:
        known = ", ".join(f"{{{name}}}" for name in slot.placeholders) or "none"
        raise UsageError(
            f"The text “{slot.label}” has {{{unknown[0]}}}, which nothing is put in for. Placeholders there: {known}."
        )
    for name in slot.needed:
        if name not in found:
            raise UsageError(f"The text “{slot.label}” needs {{{name}}}, {slot.placeholders[name]}: put it in.")


def _check_example(text: str) -> None:
    try:
        reading = ANSWER.read(Completion((text,), ""))
    except AnswerError as error:
        problem = str(error)
    else:
        if not reading.repairs:
            return
        problem = f"it would have to be mended ({', '.join(reading.repairs)})."
    raise UsageError(f"The text “Example: the answer” is not the JSON that the model is to answer with: {problem}")

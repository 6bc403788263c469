"""Records as chats: what a user says and what is answered, in the record's own words.

A dialogue has turns. Any other record is a question and its answer, by a choice of its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dataflow_core.exporters.base import Chat, Content, FieldChoice, Turn, UnfitError
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, task_keys
from dataflow_core.models import Fields

#: Where a dialogue that has a system turn keeps it.
SYSTEM = "system"

_TASK_NAMES = task_keys({})
#: Names by which fields of other people's data say what they are, the likeliest first.
_INSTRUCTIONS = ("instruction", "prompt", "question", "query", "user", "problem", "task")
_OUTPUTS = ("output", "completion", "response", "answer", "assistant", "solution", "chosen")


def is_dialogue(generator: str) -> bool:
    return generator == ConsistentChatGenerator.name


def chat_of(content: Content, choice: FieldChoice) -> Chat:
    """The record as turns, nothing mended. Raises `UnfitError`.

    An empty `choice` stands for `default_choice` of the record.
    """
    if is_dialogue(content.generator):
        return dialogue_of(content.fields)
    system, prompt, answer = texts_of(content, choice)
    return Chat((Turn("user", prompt), Turn("assistant", answer)), system)


def dialogue_of(fields: Fields) -> Chat:
    """The turns of a dialogue's fields. Raises `UnfitError` where they are no turns by a user and an assistant."""
    turns = fields.get("conversation")
    if not isinstance(turns, list):
        raise UnfitError("It has no conversation.")
    system = fields.get(SYSTEM)
    if system is None:
        system = ""
    elif not isinstance(system, str):
        raise UnfitError(f"Its system turn holds {_kind(system)} where a text belongs.")
    return Chat(tuple(_turn(turn, place) for place, turn in enumerate(turns, start=1)), system)


def _turn(turn: Any, place: int) -> Turn:
    if not isinstance(turn, dict):
        raise UnfitError(f"Turn {place} of its conversation is {_kind(turn)}, not a role with a text.")
    role, text = turn.get("role"), turn.get("value")
    if role != "user" and role != "assistant":
        said = f"the role “{role}”" if isinstance(role, str) and role else "no role"
        raise UnfitError(f"Turn {place} of its conversation has {said}; turns are by “user” or “assistant”.")
    if not isinstance(text, str):
        raise UnfitError(f"Turn {place} of its conversation holds {_kind(text)} where a text belongs.")
    return Turn(role, text)


def texts_of(content: Content, choice: FieldChoice) -> tuple[str, str, str]:
    """System, prompt and answer of a record that is no dialogue, "" for no system. Raises `UnfitError`."""
    choice = settled(content, choice)
    prompt = field_text(content, choice.instruction)
    if choice.input and (more := field_text(content, choice.input, may_lack=True)):
        prompt = f"{prompt}\n{more}"
    system = field_text(content, choice.system, may_lack=True) if choice.system else ""
    return system, prompt, field_text(content, choice.output)


def settled(content: Content, choice: FieldChoice) -> FieldChoice:
    """The choice, or the record's own default where it is empty. Raises `UnfitError` where no answer is chosen."""
    if choice == FieldChoice():
        choice = default_choice(content.generator, content.params, content.fields)
    if not choice.instruction or not choice.output:
        raise UnfitError("It is no dialogue, and no fields are chosen for the instruction and the output. Choose both.")
    return choice


def field_text(content: Content, name: str, *, may_lack: bool = False) -> str:
    """The text of a field; with `may_lack` "" where there is none. Raises `UnfitError`.

    The documented names of a task's fields are understood where its run has given them others.
    """
    fields = content.fields
    if name not in fields and content.generator == ParaSeqTaskGenerator.name and name in _TASK_NAMES:
        name = task_keys(content.params)[_TASK_NAMES.index(name)]
    value = fields.get(name)
    if value is None and may_lack:
        return ""
    if name not in fields:
        raise UnfitError(f"It has no field “{name}”.")
    if not isinstance(value, str):
        raise UnfitError(f"Its field “{name}” holds {_kind(value)} where a text belongs.")
    return value


def default_choice(generator: str, params: Mapping[str, Any], names: Iterable[str]) -> FieldChoice:
    """What stands for instruction, input and output where nobody has chosen.

    Of tasks: the task, and the composition task as the output. A task record holds no answer, so that what a model
    learns from it is to write the larger task around a small one. Of records with fields of their own: the fields that
    are called so (instruction, input, output; prompt, completion; question, answer; …), else the first and the last.
    Of dialogues: nothing, for they have turns.
    """
    if is_dialogue(generator):
        return FieldChoice()
    if generator == ParaSeqTaskGenerator.name:
        task, _, _, composition = task_keys(params)
        return FieldChoice(instruction=task, output=composition)
    there = [name for name in names if name != MODEL_NAME]
    system = SYSTEM if SYSTEM in there else ""
    instruction = next((name for name in _INSTRUCTIONS if name in there), "")
    output = next((name for name in _OUTPUTS if name in there), "")
    more = "input" if "input" in there else ""
    rest = [name for name in there if name not in (system, instruction, output, more)]
    if not instruction and more and output:
        instruction, more = more, ""
    instruction = instruction or (rest.pop(0) if rest else "")
    return FieldChoice(instruction, more, output or (rest[-1] if rest else ""), system)


def choice_in_words(generator: str, choice: FieldChoice) -> str:
    """What a model learns by the choice, in a sentence for the screen; "" for dialogues."""
    if is_dialogue(generator):
        return ""
    if not choice.instruction or not choice.output:
        return "Choose the field that is asked and the field that is answered."
    asked = f"“{choice.instruction}” and “{choice.input}”" if choice.input else f"“{choice.instruction}”"
    sentence = f"A model learns to answer {asked} with “{choice.output}”."
    if generator == ParaSeqTaskGenerator.name:
        return f"A task record holds tasks and no answer. As chosen here, {sentence[0].lower()}{sentence[1:]}"
    return sentence


def _kind(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "a text" if isinstance(value, str) else "an object"

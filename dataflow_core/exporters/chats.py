"""Records as chats: what a user says and what is answered, in the record's own words.

A dialogue has turns. Any other record is a question and its answer, by a choice of its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dataflow_core.exporters.base import (
    Chat,
    Content,
    Exporter,
    FieldChoice,
    Problem,
    Role,
    Severity,
    Turn,
    UnfitError,
)
from dataflow_core.exporters.rules import NOT_CARRIED, kind_of
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, task_keys
from dataflow_core.models import Fields

#: Where a dialogue that has a system turn keeps it.
SYSTEM = "system"

_ROLES = frozenset(("user", "assistant"))
_TEXT = frozenset((str,))
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
    return Chat((("user", prompt), ("assistant", answer)), system)


def dialogue_of(fields: Fields) -> Chat:
    """The turns of a dialogue's fields. Raises `UnfitError` where they are no turns by a user and an assistant."""
    system = fields.get(SYSTEM)
    if system is None:
        system = ""
    elif not isinstance(system, str):
        raise UnfitError(f"Its system turn holds {kind_of(system)} where a text belongs.")
    return Chat(tuple(zip(*turns_of(fields), strict=True)), system)


def turns_of(fields: Fields) -> tuple[list[Role], list[str]]:
    """The roles and the texts of a dialogue's turns. Raises `UnfitError` where they are no turns."""
    turns = fields.get("conversation")
    if not isinstance(turns, list):
        raise UnfitError("It has no conversation.")
    try:
        roles, texts = [turn["role"] for turn in turns], [turn["value"] for turn in turns]
        if _ROLES.issuperset(roles) and _TEXT.issuperset(map(type, texts)):
            return roles, texts
    except (TypeError, KeyError):
        pass
    checked = [_turn(turn, place) for place, turn in enumerate(turns, start=1)]
    return [role for role, _ in checked], [text for _, text in checked]


def more_in_turns(fields: Fields) -> list[Problem]:
    """That turns hold more than a role and a text, which no format has a place for."""
    turns = fields.get("conversation")
    if not isinstance(turns, list) or ({dict}.issuperset(map(type, turns)) and {2}.issuperset(map(len, turns))):
        return []
    names = dict.fromkeys(name for turn in turns if isinstance(turn, dict) for name in turn)
    more = ", ".join(f"“{name}”" for name in names if name not in ("role", "value"))
    message = f"Turns of its conversation hold more than a role and a text, which is left behind: {more}."
    return [Problem(NOT_CARRIED, Severity.NOTED, message)] if more else []


class TurnsExporter(Exporter):
    """A format that shows dialogues turn by turn."""

    def notes(self, content: Content, choice: FieldChoice) -> list[Problem]:
        return more_in_turns(content.fields) if is_dialogue(content.generator) else []


def _turn(turn: Any, place: int) -> Turn:
    if not isinstance(turn, dict):
        raise UnfitError(f"Turn {place} of its conversation is {kind_of(turn)}, not a role with a text.")
    role, text = turn.get("role"), turn.get("value")
    if not isinstance(role, str) or role not in _ROLES:
        said = f"the role “{role}”" if isinstance(role, str) and role else "no role"
        raise UnfitError(f"Turn {place} of its conversation has {said}; turns are by “user” or “assistant”.")
    if not isinstance(text, str):
        raise UnfitError(f"Turn {place} of its conversation holds {kind_of(text)} where a text belongs.")
    return "user" if role == "user" else "assistant", text


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
        raise UnfitError(f"Its field “{name}” holds {kind_of(value)} where a text belongs.")
    return value


def default_choice(generator: str, params: Mapping[str, Any], names: Iterable[str]) -> FieldChoice:
    """What stands for instruction, input and output where nobody has chosen, of a record with fields of these names.

    Of tasks: the task, and the composition task as the output. A task record holds no answer, so that what a model
    learns from it is to write the larger task around a small one. Of records with fields of their own: the fields that
    are called so (instruction, input, output; prompt, completion; question, answer; …), else the first and the last
    text, `model_name` aside; where `names` are a record's fields, only those that hold texts. Of dialogues: nothing,
    for they have turns. A part that nothing stands for is "".
    """
    if is_dialogue(generator):
        return FieldChoice()
    if generator == ParaSeqTaskGenerator.name:
        task, _, _, composition = task_keys(params)
        return FieldChoice(instruction=task, output=composition)
    values = names if isinstance(names, Mapping) else {}
    there = [name for name in names if name != MODEL_NAME]
    instruction, output = (next((name for name in known if name in there), "") for known in (_INSTRUCTIONS, _OUTPUTS))
    more, system = (name if name in there else "" for name in ("input", SYSTEM))
    if not instruction:
        instruction, more = more, ""
    rest = [name for name in there if name not in (instruction, output, more, system)]
    rest = [name for name in rest if isinstance(values.get(name, ""), str)]
    if not instruction and rest:
        instruction = rest.pop(0)
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

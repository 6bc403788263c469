"""Preference pairs for TRL's DPOTrainer: what a person preferred, and what it was preferred to.

Dialogues are messages, other records plain texts, or messages where a field is chosen for the system turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dataflow_core.exporters.base import Content, FieldChoice, Problem, Severity, Turn, UnfitError
from dataflow_core.exporters.chats import TurnsExporter, dialogue_of, is_dialogue, settled, texts_of
from dataflow_core.exporters.messages import messages_of
from dataflow_core.exporters.pairs import ANSWERS, PAIR, is_pair, left_of, pair_of, why_no_pair
from dataflow_core.exporters.prompt_completion import answer_of, prompt_of, said_in, turn_problems
from dataflow_core.exporters.rules import LEARNS_SILENCE, NOT_CARRIED, empty_text, half_characters
from dataflow_core.models import Fields

SAME = "same-answers"


class PreferenceExporter(TurnsExporter):
    name = "preference"
    title = "Preference pairs"
    trainers = "TRL (DPOTrainer)"
    source = "https://huggingface.co/docs/trl/dataset_formats"
    takes_fields = True
    needs_refused = True

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        if is_pair(content.fields):
            return pair_of(content.fields)
        if content.refused is None:
            has_both = all(name in content.fields for name in ANSWERS)
            why = why_no_pair(content.fields) if has_both else ""
            raise UnfitError(why or "It has no earlier version that the present one was preferred to.")
        if is_dialogue(content.generator):
            return _of_dialogues(content.fields, content.refused)
        return _of_texts(content, content.refused, choice)

    def problems(self, row: Fields) -> list[Problem]:
        prompt, chosen, rejected = row["prompt"], row["chosen"], row["rejected"]
        texts = said_in(prompt) + said_in(chosen) + said_in(rejected)
        found = half_characters(texts)
        if isinstance(prompt, list):
            found += turn_problems(prompt, chosen) or turn_problems(prompt, rejected)
        if chosen == rejected:
            found.append(Problem(SAME, Severity.NOTED, "Both answers are the same, so that there is nothing to learn."))
        if fault := empty_text(texts, "Text"):
            found.append(fault.problem(Severity.NOTED, LEARNS_SILENCE))
        return found

    def notes(self, content: Content, choice: FieldChoice) -> list[Problem]:
        """Of a dialogue only the first answer that the versions differ in is in the pair; of a pair, its messages."""
        if is_pair(content.fields):
            return _left_behind(content.fields)
        if content.refused is None or not is_dialogue(content.generator):
            return []
        found = super().notes(content, choice)
        turns, others = dialogue_of(content.fields).turns, dialogue_of(content.refused).turns
        place = _first_difference(turns, others)
        if place is None or turns[place + 1 :] == others[place + 1 :]:
            return found
        message = "The versions differ in more than one turn. Only the first of them is in the pair."
        return [*found, Problem(NOT_CARRIED, Severity.NOTED, message)]

    def texts(self, row: Fields) -> list[str]:
        """The prompt with the longer of the answers."""
        return said_in(row["prompt"]) + max(said_in(row["chosen"]), said_in(row["rejected"]), key=_length)


def _length(texts: list[str]) -> int:
    return sum(map(len, texts))


def _left_behind(fields: Fields) -> list[Problem]:
    if not left_of(fields, pair_of(fields)):
        return []
    message = "The text of “prompt” is not in the messages of “chosen” and “rejected”, and is left behind."
    return [Problem(NOT_CARRIED, Severity.NOTED, message)]


def _of_dialogues(fields: Fields, refused: Fields) -> Fields:
    """Up to the first turn in which the versions differ they are one prompt; that turn must be an answer."""
    chosen, rejected = dialogue_of(fields), dialogue_of(refused)
    if chosen.system != rejected.system:
        raise UnfitError("The two versions differ in the system turn, so they have no prompt in common.")
    place = _first_difference(chosen.turns, rejected.turns)
    if place is None:
        raise UnfitError("The two versions do not differ in any turn that both have.")
    if not chosen.turns[place][0] == rejected.turns[place][0] == "assistant":
        raise UnfitError(f"The two versions differ in turn {place + 1}, which is the user's: no prompt in common.")
    prompt = messages_of(replace(chosen, turns=chosen.turns[:place]))
    answers = [answer_of(chat.turns[place][1], as_messages=True) for chat in (chosen, rejected)]
    return dict(zip(PAIR, (prompt, *answers), strict=True))


def _first_difference(turns: Sequence[Turn], others: Sequence[Turn]) -> int | None:
    pairs = zip(turns, others, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), None)


def _of_texts(content: Content, refused: Fields, choice: FieldChoice) -> Fields:
    choice = settled(content, choice)
    system, prompt, answer = texts_of(content, choice)
    other_system, other_prompt, other_answer = texts_of(replace(content, fields=refused), choice)
    if (system, prompt) != (other_system, other_prompt):
        raise UnfitError("The two versions differ in what is asked, so they have no prompt in common.")
    if answer == other_answer:
        raise UnfitError(f"The two versions do not differ in “{choice.output}”.")
    as_messages = bool(choice.system)
    asked = prompt_of(system, prompt, as_messages=as_messages)
    answers = [answer_of(text, as_messages=as_messages) for text in (answer, other_answer)]
    return dict(zip(PAIR, (asked, *answers), strict=True))

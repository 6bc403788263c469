"""Preference pairs for TRL's DPOTrainer: what a person preferred, and what it was preferred to."""

from __future__ import annotations

from dataclasses import replace

from dataflow_core.exporters.base import Content, Exporter, FieldChoice, Problem, Severity, UnfitError
from dataflow_core.exporters.chats import dialogue_of, is_dialogue, settled, texts_of
from dataflow_core.exporters.messages import messages_of
from dataflow_core.exporters.prompt_completion import answer_of, prompt_of, said_in, turn_problems
from dataflow_core.exporters.rules import empty_text, half_characters
from dataflow_core.models import Fields

#: A record that has these is a pair already.
PAIR = ("prompt", "chosen", "rejected")


class PreferenceExporter(Exporter):
    name = "preference"
    title = "Preference pairs"
    trainers = "TRL (DPOTrainer)"
    source = "https://huggingface.co/docs/trl/dataset_formats"
    takes_fields = True
    needs_refused = True

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        fields = content.fields
        if all(name in fields for name in PAIR):
            return {name: fields[name] for name in PAIR}
        if content.refused is None:
            raise UnfitError("It has no earlier version that the present one was preferred to.")
        if is_dialogue(content.generator):
            return _of_dialogues(fields, content.refused)
        return _of_texts(content, content.refused, choice)

    def problems(self, row: Fields) -> list[Problem]:
        prompt, chosen, rejected = row["prompt"], row["chosen"], row["rejected"]
        found = turn_problems(prompt, chosen) if isinstance(prompt, list) else []
        texts = said_in(prompt) + said_in(chosen) + said_in(rejected)
        if empty := empty_text(texts, "Text {}"):
            found.append(Problem(empty[0], Severity.NOTED, f"{empty[1]}. A model would learn to say nothing."))
        return found + half_characters(texts)

    def texts(self, row: Fields) -> list[str]:
        return said_in(row["prompt"]) + max(said_in(row["chosen"]), said_in(row["rejected"]), key=_length)


def _length(texts: list[str]) -> int:
    return sum(map(len, texts))


def _of_dialogues(fields: Fields, refused: Fields) -> Fields:
    """Up to the first turn in which the versions differ they are one prompt; that turn must be an answer."""
    chosen, rejected = dialogue_of(fields), dialogue_of(refused)
    if chosen.system != rejected.system:
        raise UnfitError("The two versions differ in the system turn, so they have no prompt in common.")
    pairs = zip(chosen.turns, rejected.turns, strict=False)
    place = next((at for at, (one, other) in enumerate(pairs) if one != other), None)
    if place is None:
        raise UnfitError("The two versions do not differ in any turn that both have.")
    if {chosen.turns[place].role, rejected.turns[place].role} != {"assistant"}:
        raise UnfitError(f"The two versions differ in turn {place + 1}, which is no answer in both: no common prompt.")
    prompt = messages_of(replace(chosen, turns=chosen.turns[:place]))
    answers = [answer_of(chat.turns[place].text, as_messages=True) for chat in (chosen, rejected)]
    return dict(zip(PAIR, (prompt, *answers), strict=True))


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

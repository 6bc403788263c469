"""Which fields of a record that is no dialogue are asked and answered, and what is said where that cannot be."""

from __future__ import annotations

import pytest

from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import Content, FieldChoice, UnfitError
from dataflow_core.exporters.chats import choice_in_words, default_choice
from dataflow_core.models import Fields
from tests.exporters.contents import DEFAULT, DIALOGUES, OWN, TASK, TASKS, content

RENAMED = {"input_task_key": "task", "output_composition_task_key": "whole"}


@pytest.mark.parametrize(
    ("names", "choice"),
    [
        (["instruction", "input", "output"], FieldChoice("instruction", "input", "output")),
        (["instruction", "input", "output", "system"], FieldChoice("instruction", "input", "output", "system")),
        (["input", "output"], FieldChoice("input", "", "output")),
        (["prompt", "completion"], FieldChoice("prompt", "", "completion")),
        (["id", "question", "answer", "model_name"], FieldChoice("question", "", "answer")),
        (["title", "body", "summary", "model_name"], FieldChoice("title", "", "summary")),
        (["prompt", "poem"], FieldChoice("prompt", "", "poem")),
        (["poem"], FieldChoice("poem")),
        ([], FieldChoice()),
        ({"title": "t", "body": "b", "score": 3}, FieldChoice("title", "", "body")),
    ],
)
def test_records_of_ones_own_are_asked_by_the_names_of_their_fields(
    names: list[str] | Fields, choice: FieldChoice
) -> None:
    assert default_choice(OWN, {}, names) == choice


def test_of_a_task_the_composition_is_what_is_answered_whatever_the_fields_are_called() -> None:
    assert default_choice(TASKS, {}, []) == FieldChoice("atom_task", "", "composition_task")
    assert default_choice(TASKS, RENAMED, []) == FieldChoice("task", "", "whole")
    assert default_choice(DIALOGUES, {}, ["category", "conversation"]) == FieldChoice()


def test_the_documented_names_of_a_tasks_fields_stand_for_those_of_its_run() -> None:
    record = content({"task": "Count.", "whole": "Count all."}, TASKS, params=RENAMED)
    row = EXPORTERS["alpaca"].row(record, FieldChoice("atom_task", "", "composition_task"))
    assert row == {"instruction": "Count.", "input": "", "output": "Count all."}


def test_what_is_asked_is_the_instruction_and_the_input_below_it() -> None:
    choice = FieldChoice("atom_task", "parallel_task", "composition_task", "subsequent_task")
    assert EXPORTERS["openai"].row(TASK, choice)["messages"] == [
        {"role": "system", "content": "Divide\nboth."},
        {"role": "user", "content": "Zähle Schafe 🐑.\nWeigh “wool”."},
        {"role": "assistant", "content": "Count, weigh and divide."},
    ]
    lacking = content({"atom_task": "a", "composition_task": "c", "parallel_task": None}, TASKS)
    assert EXPORTERS["openai"].row(lacking, choice)["messages"][0] == {"role": "user", "content": "a"}


@pytest.mark.parametrize(
    ("record", "choice", "reason"),
    [
        (content({"poem": "x"}, OWN), DEFAULT, "no fields are chosen"),
        (content({}, OWN), DEFAULT, "no fields are chosen"),
        (TASK, FieldChoice("atom_task"), "no fields are chosen"),
        (TASK, FieldChoice("atom_task", "", "answer"), "no field “answer”"),
        (TASK, FieldChoice("atom_task", "", "line"), "“line” holds a number where a text belongs"),
        (content({"question": True, "answer": "x"}, OWN), DEFAULT, "“question” holds true or false"),
        (content({"question": ["x"], "answer": "x"}, OWN), DEFAULT, "“question” holds a list"),
        (content({"question": "x", "answer": None}, OWN), DEFAULT, "“answer” holds nothing"),
        (content({"question": "x", "answer": {}}, OWN), DEFAULT, "“answer” holds an object"),
        (content({"category": "x"}, DIALOGUES), DEFAULT, "no conversation"),
        (content({"conversation": "x"}, DIALOGUES), DEFAULT, "no conversation"),
        (content({"conversation": ["x"]}, DIALOGUES), DEFAULT, "Turn 1 of its conversation is a text"),
        (content({"conversation": [{"role": "user"}]}, DIALOGUES), DEFAULT, "Turn 1 .* holds nothing"),
        (content({"conversation": [{"value": "x"}]}, DIALOGUES), DEFAULT, "Turn 1 .* has no role"),
        (content({"conversation": [{"role": [], "value": "x"}]}, DIALOGUES), DEFAULT, "Turn 1 .* has no role"),
        (content({"conversation": [{"role": "tool", "value": "x"}]}, DIALOGUES), DEFAULT, "the role “tool”"),
        (content({"conversation": [], "system": 5}, DIALOGUES), DEFAULT, "system turn holds a number"),
    ],
)
def test_what_cannot_be_shown_as_a_chat_is_unfit_with_the_reason(
    record: Content, choice: FieldChoice, reason: str
) -> None:
    for name in ("openai", "sharegpt", "messages", "axolotl", "trl", "alpaca", "prompt-completion"):
        with pytest.raises(UnfitError, match=reason):
            EXPORTERS[name].row(record, choice)


def test_a_number_that_is_none_is_in_no_file() -> None:
    for value in (float("nan"), [float("inf")], {"a": float("-inf")}):
        for name in ("dataflow", "parquet", "csv"):
            with pytest.raises(UnfitError, match="“score” holds a number that is none"):
                EXPORTERS[name].row(content({"score": value}, OWN), DEFAULT)


def test_what_a_model_learns_by_a_choice_is_said_in_a_sentence() -> None:
    assert choice_in_words(OWN, FieldChoice("question", "", "answer")) == (
        "A model learns to answer “question” with “answer”."
    )
    assert choice_in_words(TASKS, FieldChoice("atom_task", "line", "composition_task")) == (
        "A task record holds tasks and no answer. As chosen here, a model learns to answer “atom_task” and “line” "
        "with “composition_task”."
    )
    assert choice_in_words(OWN, FieldChoice("poem")) == "Choose the field that is asked and the field that is answered."
    assert choice_in_words(DIALOGUES, FieldChoice()) == ""

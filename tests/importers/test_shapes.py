"""What a file holds is told by its content, and what becomes of it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from dataflow_core.importers.base import ImportMapping, Recognised
from dataflow_core.importers.making import DIALOGUES, OWN, TASKS, Maker
from dataflow_core.importers.recognising import recognise, with_mapping
from dataflow_core.importers.turns import UnusableError
from dataflow_core.models import Fields

TASK = {"atom_task": "a", "parallel_task": "b", "subsequent_task": "c", "composition_task": "d", "id": 7}
TURNS = [{"role": "user", "value": "Hi"}, {"role": "assistant", "value": "Hello"}]
ALPACA = {"instruction": "i", "input": "", "output": "o"}
PROMPTED = {"prompt": "p", "completion": "c"}
PLAIN = {"category": "", "conversation": TURNS}


def said(*turns: tuple[str, str], role: str = "role", text: str = "content") -> list[Fields]:
    return [{role: who, text: words} for who, words in turns]


BOTH = (("user", "Hi"), ("assistant", "Hello"))
SHAPES: dict[str, tuple[Any, str, str, Any]] = {
    "tasks": (TASK, "dataflow", TASKS, TASK),
    "dialogues": (PLAIN | {"category": "Greeting"}, "dataflow", DIALOGUES, PLAIN | {"category": "Greeting"}),
    "OpenAI": ({"messages": said(*BOTH)}, "openai", DIALOGUES, PLAIN),
    "OpenAI with a system turn": (
        {"messages": said(("system", "Be kind"), *BOTH)}, "openai", DIALOGUES, PLAIN | {"system": "Be kind"},
    ),
    "ShareGPT": (
        {"conversations": said(("human", "Hi"), ("gpt", "Hello"), role="from", text="value"), "system": "Be kind"},
        "sharegpt", DIALOGUES, PLAIN | {"system": "Be kind"},
    ),
    "ShareGPT by other names": (
        {"id": "x", "conversations": said(*BOTH, role="from", text="value")},
        "sharegpt", DIALOGUES, PLAIN | {"id": "x"},
    ),
    "messages under another name": ({"dialog": said(("Human", "Hi"), ("Bot", "Hello"), role="speaker", text="text")},
        "messages", DIALOGUES, PLAIN,
    ),
    "Alpaca": (ALPACA, "alpaca", OWN, ALPACA),
    "Alpaca with history": (
        {"instruction": "Sum", "input": "1 2", "output": "3", "system": "", "history": [["Hi", "Hello"]]},
        "alpaca", DIALOGUES,
        {
            "category": "", "system": "",
            "conversation": [*TURNS, {"role": "user", "value": "Sum\n1 2"}, {"role": "assistant", "value": "3"}],
        },
    ),
    "prompt and completion": (PROMPTED, "prompt-completion", OWN, PROMPTED),
    "prompt and completion as messages": (
        {"prompt": said(BOTH[0]), "completion": said(BOTH[1])}, "prompt-completion", DIALOGUES, PLAIN,
    ),
    "preference": (
        {"prompt": said(BOTH[0]), "chosen": said(BOTH[1]), "rejected": said(("assistant", "Go away"))},
        "preference", OWN,
        {"prompt": said(BOTH[0]), "chosen": said(BOTH[1]), "rejected": said(("assistant", "Go away"))},
    ),
    "questions and answers": ({"Question": "Hi", "Answer": "Hello", "n": 1}, "columns", DIALOGUES, PLAIN | {"n": 1}),
    "anything": ({"x": 1, "y": [2]}, "columns", OWN, {"x": 1, "y": [2]}),
}  # fmt: skip


def found(folder: Path, rows: list[Any], name: str = "file") -> Recognised:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return recognise(path, name)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_recognised_by_what_an_entry_holds(tmp_path: Path, name: str) -> None:
    entry, shape, kind, record = SHAPES[name]
    recognised = found(tmp_path, [entry, entry])
    assert (recognised.shape, recognised.mapping.kind) == (shape, kind)
    assert recognised.records == (record, record)
    assert recognised.is_certain == (shape != "columns")


def test_entries_of_another_shape_make_it_uncertain(tmp_path: Path) -> None:
    recognised = found(tmp_path, [{"messages": said(*BOTH)}] * 3 + [{"text": "x"}])
    assert recognised.shape == "openai"
    assert not recognised.is_certain
    assert len(recognised.records) == 3


def test_a_mixture_is_columns_that_a_person_can_map(tmp_path: Path) -> None:
    recognised = found(tmp_path, [{"messages": said(*BOTH)}, {"text": "x"}, {"text": "y"}])
    assert (recognised.shape, recognised.mapping.kind) == ("columns", OWN)
    assert recognised.columns == ("messages", "text")


def test_columns_can_be_mapped_in_another_way(tmp_path: Path) -> None:
    recognised = found(tmp_path, [{"q": "Hi", "a": "Hello", "of": "Greeting"}])
    assert recognised.mapping.kind == OWN
    mapping = ImportMapping(DIALOGUES, {"user": "q", "assistant": "a", "category": "of"})
    assert with_mapping(recognised, mapping).records == ({"conversation": TURNS, "category": "Greeting"},)


def test_columns_of_tasks_may_have_other_names(tmp_path: Path) -> None:
    recognised = found(tmp_path, [{"t": "a", "p": "b", "s": "c", "c": "d", "more": 1}])
    mapping = ImportMapping(TASKS, dict(zip(TASK, ("t", "p", "s", "c"), strict=False)))
    assert with_mapping(recognised, mapping).records == ({"t": "a", "p": "b", "s": "c", "c": "d", "more": 1},)


def test_a_table_of_ours_leaves_provenance_aside_and_says_so(tmp_path: Path) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["category", "conversation", "dataflow_number", "dataflow_id"])
    writer.writerow(["'=1+1", json.dumps(TURNS), "1", "x"])
    path = tmp_path / "table"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    recognised = recognise(path, "table")
    assert recognised.records == (PLAIN | {"category": "=1+1"},)
    notes = " ".join(recognised.notes)
    assert "dataflow_number" in notes
    assert "apostrophe" in notes


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        ([], "empty conversation"),
        (said(("system", "Be kind")), "empty conversation"),
        (said(("tool", "42")), "by “tool” in place 1"),
        (said(("user", "Hi"), ("function_call", "{}")), "by “function_call” in place 2"),
        (said(("user", "Hi"), ("system", "x")), "system turn in place 2"),
        ([{"role": "user", "content": None}], "nothing in turn 1"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}], "parts in turn 1"),
        ([{"role": "user", "content": 5}], "a number in turn 1"),
        ([{"content": "x"}], "no role in turn 1"),
        (["x"], "a text as turn 1"),
        ("x", "a text where its conversation should be"),
        (None, "nothing where its conversation should be"),
        ({}, "an object where its conversation should be"),
    ],
)
def test_what_no_dialogue_can_hold_is_said(turns: Any, says: str) -> None:
    with pytest.raises(UnusableError, match=says):
        Maker(ImportMapping(DIALOGUES, {"conversation": "messages"})).make({"messages": turns})


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (TASK | {"parallel_task": None}, "nothing in “parallel_task”"),
        (TASK | {"atom_task": 5}, "a number in “atom_task”"),
        ({"atom_task": "x"}, "no “parallel_task”"),
    ],
)
def test_a_task_needs_its_texts(entry: Fields, says: str) -> None:
    with pytest.raises(UnusableError, match=says):
        Maker(ImportMapping(TASKS, {name: name for name in list(TASK)[:4]})).make(entry)


def test_earlier_turns_are_a_list_of_exchanges_or_none_at_all() -> None:
    maker = Maker(ImportMapping(DIALOGUES, {"user": "q", "history": "h"}))
    for value, what in ((5, "a number"), ("text", "a text"), ({"a": 1}, "an object")):
        with pytest.raises(UnusableError, match=f"has {what} in “h”, where a list of exchanges is needed"):
            maker.make({"q": "Hi", "h": value})
    none: list[Any] = ["", None, []]
    for nothing in none:
        assert maker.make({"q": "Hi", "h": nothing}) == {"category": "", "conversation": TURNS[:1]}


def test_a_system_turn_and_another_system_text_are_not_both_kept() -> None:
    maker = Maker(ImportMapping(DIALOGUES, {"conversation": "messages", "system": "system"}))
    messages = said(("system", "Be kind"), *BOTH)
    assert maker.make({"messages": messages, "system": "Be kind"})["system"] == "Be kind"
    with pytest.raises(UnusableError, match="Keep one"):
        maker.make({"messages": messages, "system": "Be terse"})


def test_what_is_not_kept_of_turns_is_counted() -> None:
    maker = Maker(ImportMapping(DIALOGUES, {"conversation": "messages"}))
    turns = [{"role": "user", "content": "Hi", "name": "Ann"}, {"role": "assistant", "content": "Hello", "weight": 0}]
    assert maker.make({"messages": turns, "conversation": "mine"}) == PLAIN
    assert maker.make({"messages": turns}) == PLAIN
    notes = list(maker.notes())
    assert "“name” of 2 turns is not kept: a turn has a role and a text." in notes
    assert "“weight” of 2 turns is not kept: a turn has a role and a text." in notes
    assert any(note.startswith("“conversation” is not kept (1 ") for note in notes)

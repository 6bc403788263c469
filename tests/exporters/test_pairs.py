"""Records that are preference pairs already, in each shape that TRL documents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import FieldChoice, UnfitError
from dataflow_core.models import Fields
from tests.exporters.contents import OWN, content
from tests.exporters.validators import trl_preference

PREFERENCE = EXPORTERS["preference"]


def said(*turns: tuple[str, str]) -> list[Fields]:
    return [{"role": role, "content": text} for role, text in turns]


def row_of(fields: Fields) -> Fields:
    return PREFERENCE.row(content(fields, OWN), FieldChoice())


def notes_of(fields: Fields) -> list[str]:
    return [note.rule for note in PREFERENCE.notes(content(fields, OWN), FieldChoice())]


ASKED = ("user", "What color is the sky?")
BLUE, GREEN = ("assistant", "It is blue."), ("assistant", "It is green.")
MESSAGES = {"prompt": said(ASKED), "chosen": said(BLUE), "rejected": said(GREEN)}
IMPLICIT = {"chosen": said(ASKED, BLUE), "rejected": said(ASKED, GREEN)}
SYSTEM = ("system", "Be brief.")
LONGER = (SYSTEM, ("user", "Hi"), ("assistant", "Hello"), ASKED)
TEXTS = {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}

SHAPES: dict[str, tuple[Fields, Fields]] = {
    "texts": (TEXTS, TEXTS),
    "texts that begin with the prompt": ({"chosen": "The sky is blue.", "rejected": "The sky is green."}, TEXTS),
    "messages": (MESSAGES, MESSAGES),
    "messages that begin with the prompt": (IMPLICIT, MESSAGES),
    "messages with a prompt of nothing": ({"prompt": None, **IMPLICIT}, MESSAGES),
    "messages with an empty prompt": ({"prompt": [], **IMPLICIT}, MESSAGES),
    "messages that repeat a prompt in text": ({"prompt": ASKED[1], "score": 5, **IMPLICIT}, MESSAGES),
    "messages with earlier turns": (
        {"prompt": "Hi", "chosen": said(*LONGER, BLUE), "rejected": said(*LONGER, GREEN)},
        MESSAGES | {"prompt": said(*LONGER)},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pair_goes_out_with_its_prompt_apart_whatever_shape_it_came_in(shape: str) -> None:
    fields, wanted = SHAPES[shape]
    row = row_of(fields)
    assert list(row.items()) == list(wanted.items())
    assert trl_preference(row) == []
    assert PREFERENCE.problems(row) == [] or SYSTEM[1] in str(row)
    assert notes_of(fields) == []


def test_a_prompt_in_text_that_the_messages_do_not_repeat_is_said_to_be_left_behind() -> None:
    assert row_of({"prompt": "Another question", **IMPLICIT}) == MESSAGES
    assert notes_of({"prompt": "Another question", **IMPLICIT}) == ["not-carried"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"chosen": said(BLUE), "rejected": said(GREEN)}, "do not begin with the same message by a user"),
        ({"prompt": "Sky?", "chosen": said(BLUE), "rejected": said(GREEN)}, "do not begin with the same message"),
        ({"chosen": said(SYSTEM, ASKED, BLUE), "rejected": said(SYSTEM, ("user", "x"), GREEN)}, "begin with the same"),
        ({"chosen": said(*LONGER, BLUE), "rejected": said(*LONGER[:3], ("user", "x"), GREEN)}, "part at message 4"),
        ({"chosen": "Blue.", "rejected": "Green."}, "no beginning in common"),
        ({"chosen": "", "rejected": ""}, "no beginning in common"),
        ({"prompt": said(ASKED), "chosen": "Blue.", "rejected": "Green."}, "“chosen” is no list of messages"),
        ({"prompt": "Sky?", "chosen": "Blue.", "rejected": said(GREEN)}, "“chosen” is no list of messages"),
        ({"chosen": [], "rejected": []}, "“chosen” is no list of messages"),
        ({"prompt": "Sky?", "chosen": "Blue.", "rejected": None}, "“rejected” is no list|“chosen” is no list"),
        ({"chosen": "Blue.", "rejected": None}, "nothing in “rejected”"),
        ({"question": "Sky?", "chosen": "Blue.", "rejected": "Green."}, "in “question”: rename that to “prompt”"),
    ],
)
def test_what_is_no_pair_is_said_to_be_none_and_why(fields: Fields, reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        row_of(fields)


MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": st.text()})


@given(start=st.lists(MESSAGE, max_size=3), one=st.lists(MESSAGE, max_size=2), other=st.lists(MESSAGE, max_size=2))
def test_nothing_of_the_answers_is_lost_where_the_prompt_is_what_they_begin_with(
    start: list[Any], one: list[Any], other: list[Any]
) -> None:
    fields = {"chosen": start + one, "rejected": start + other}
    try:
        row = row_of(fields)
    except UnfitError:
        return
    assert {name: row["prompt"] + row[name] for name in fields} == fields
    assert row["prompt"]
    assert row["chosen"]
    assert row["rejected"]

"""What holds for every record, whatever is in it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_core.checks import LABELS, check_record, fingerprint
from dataflow_core.generators import GENERATORS
from dataflow_core.models import Fields, Finding
from tests.checks.good_records import TASKS, dialogue_record, task_record

PIECES = (
    "the",
    "task",
    "###",
    "```",
    "**",
    '"',
    "(",
    "你好",
    "ไทย",
    "한국어",
    "Sure, ",
    "User:",
    "\ud800",
    "\0",
    "\n",
    "’",
)
TEXTS = st.text(st.characters()) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))
TURNS = st.lists(
    JSON
    | st.fixed_dictionaries({"role": st.sampled_from(("user", "assistant", "system")) | JSON, "value": TEXTS | JSON}),
    max_size=8,
)
NAMES = ("atom_task", "parallel_task", "subsequent_task", "composition_task")
FIELDS = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(NAMES, TEXTS | JSON), "conversation": TURNS | JSON, "other": JSON}
) | st.dictionaries(TEXTS, JSON, max_size=4)
PARAMS = st.dictionaries(
    st.sampled_from(("input_task_key", "output_parallel_task_key", "output_composition_task_key")), JSON
)
GENERATOR = st.sampled_from((*GENERATORS, "Unknown", ""))


@given(GENERATOR, FIELDS, PARAMS)
def test_no_json_is_too_odd_to_be_checked(generator: str, fields: Fields, params: Fields) -> None:
    found = check_record(generator, fields, params)
    assert all(finding.check in LABELS and finding.message.endswith(".") for finding in found)
    assert len({(finding.check, finding.field) for finding in found}) == len(found)
    number = fingerprint(generator, fields, params)
    assert number is None or -(2**63) <= number < 2**63


@given(
    st.lists(st.text("abcDEFß äÖ中文.,", min_size=1), min_size=4, max_size=4), st.sampled_from((" ", "\n\t ", "\u3000"))
)
def test_case_and_white_space_make_no_other_fingerprint(texts: list[str], space: str) -> None:
    others = [f"{space}{text.upper().replace(' ', space)}{space}" for text in texts]
    for generator, make in (("ParaSeqTaskGenerator", task_record), ("ConsistentChatGenerator", dialogue_record)):
        assert fingerprint(generator, make(*texts), {}) == fingerprint(generator, make(*others), {})


@given(st.sampled_from(list(TASKS)), st.sampled_from(NAMES[1:]))
def test_another_text_in_an_output_makes_another_fingerprint(name: str, key: str) -> None:
    fields = TASKS[name]
    changed = fields | {key: f"{fields[key]} And more."}
    assert fingerprint("ParaSeqTaskGenerator", fields, {}) != fingerprint("ParaSeqTaskGenerator", changed, {})


def test_the_fingerprint_is_that_of_the_outputs() -> None:
    fields = TASKS["two trains"]
    assert fingerprint("ParaSeqTaskGenerator", fields | {"atom_task": "x", "id": 7}, {}) == fingerprint(
        "ParaSeqTaskGenerator", fields, {}
    )
    renamed = {key.removesuffix("_task"): text for key, text in fields.items()}
    params = {f"output_{name}_key": name.removesuffix("_task") for name in NAMES[1:]}
    assert fingerprint("ParaSeqTaskGenerator", renamed, params) == fingerprint("ParaSeqTaskGenerator", fields, {})
    assert fingerprint("ParaSeqTaskGenerator", renamed, {}) is None


def test_where_one_text_ends_and_the_next_begins_makes_a_difference() -> None:
    one, other = task_record("", "a b", "c", ""), task_record("", "a", "b c", "")
    assert fingerprint("ParaSeqTaskGenerator", one, {}) != fingerprint("ParaSeqTaskGenerator", other, {})


def test_a_fingerprint_never_changes_between_processes() -> None:
    fields = {"parallel_task": "Find a hotel."}
    assert fingerprint("ParaSeqTaskGenerator", fields, {}) == 5112387929092841884


@pytest.mark.parametrize(
    ("generator", "fields"),
    [
        ("ParaSeqTaskGenerator", {"atom_task": "Find a hotel.", "parallel_task": " ", "subsequent_task": None}),
        ("ConsistentChatGenerator", dialogue_record("", " ")),
        ("ConsistentChatGenerator", {"conversation": {"a": "b"}}),
        ("Unknown", {"a": "\n", "b": 7}),
    ],
)
def test_a_record_without_text_has_no_fingerprint(generator: str, fields: Fields) -> None:
    assert fingerprint(generator, fields, {}) is None


def test_of_an_unknown_generators_record_only_empty_texts_are_noticed() -> None:
    fields = {"question": "Sure, here is", "answer": "  ", "score": None}
    assert check_record("Unknown", fields, {}) == (Finding("empty", "answer", "“answer” is empty."),)
    assert fingerprint("Unknown", fields, {}) is not None


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "a " * 500_000, "`" + "\n" * 500_000 + "a", '("“' * 300_000, "中" * 1_000_000, " \n#*" * 250_000],
)
def test_a_text_of_a_million_characters_takes_time_in_proportion(text: str) -> None:
    records: list[tuple[str, dict[str, Any]]] = [
        ("ParaSeqTaskGenerator", task_record("Find a hotel.", text, text, text)),
        ("ConsistentChatGenerator", dialogue_record("Find a hotel.", text)),
    ]
    for generator, fields in records:
        start = time.process_time()
        check_record(generator, fields, {})
        assert time.process_time() - start < 10


def test_a_dialogue_of_thousands_of_turns_takes_time_in_proportion() -> None:
    fields = dialogue_record(*[f"What is the number after {number}?" for number in range(4_000)])
    start = time.process_time()
    check_record("ConsistentChatGenerator", fields, {})
    assert time.process_time() - start < 5

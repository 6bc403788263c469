from __future__ import annotations

import json
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_core.errors import ReadError
from dataflow_core.readers import Table, read_lines, read_table

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ENTRIES = st.lists(st.dictionaries(TEXT, VALUE, min_size=1, max_size=4), min_size=1, max_size=5)


def read(text: str, name: str = "tasks.jsonl") -> Table:
    return read_table(text.encode(), name)


def fields(table: Table) -> list[dict[str, object]]:
    return [entry.fields for entry in table.entries]


def same(one: object, other: object) -> bool:
    return json.dumps(one) == json.dumps(other)


@settings(max_examples=120, deadline=None)
@given(ENTRIES, st.booleans())
def test_json_lines_are_read_back_exactly(entries: list[dict[str, object]], ascii_only: bool) -> None:
    table = read("\n".join(json.dumps(entry, ensure_ascii=ascii_only) for entry in entries))
    assert same(fields(table), entries)
    assert table.problems == []


@settings(max_examples=80, deadline=None)
@given(ENTRIES, st.sampled_from([None, 2]))
def test_a_list_and_objects_one_after_another_are_read_back_exactly(
    entries: list[dict[str, object]], indent: int | None
) -> None:
    assert same(fields(read(json.dumps(entries, indent=indent), "tasks.json")), entries)
    if len(entries) > 1:
        text = "\n".join(json.dumps(entry, indent=2) for entry in entries)
        assert same(fields(read(text, "tasks.json")), entries)
        assert same(fields(read(text)), entries)


def test_values_keep_their_kinds() -> None:
    line = '{"n": 123456789012345678901234567890, "s": "007", "t": true, "z": null, "x": NaN, "d": {"a": [1]}}'
    assert fields(read(line)) == [
        {"n": 123456789012345678901234567890, "s": "007", "t": True, "z": None, "x": None, "d": {"a": [1]}}
    ]


def test_each_bad_line_is_reported_and_the_others_are_read() -> None:
    lines = ['{"task": "a"}', '{"task": "b"', "", '"bare"', "[1]", "7", '{"task": 1e999}', '{"task": "z"}', "null"]
    table = read("\n".join(lines))
    assert [entry.line for entry in table.entries] == [1, 4, 8]
    assert table.entries[1].fields == {"atom_task": "bare"}
    assert table.columns == ("task", "atom_task")
    reasons = {problem.line: problem.reason for problem in table.problems}
    assert reasons[2] == "Line 2 is not valid JSON at column 13: Expecting ',' delimiter."
    assert reasons[5] == "Line 5 holds a list where an object or a text is needed."
    assert "too large" in reasons[7]
    assert table.problems[1].kind == "blank"
    assert table.lines == len(lines)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "has the key “a” twice"),
        ('{"x": {"a": 1, "a": 3}}', "has the key “a” twice"),
        (r'{"a": "\ud800"}', "halves of characters"),
        (r'{"\udc00": 1}', "halves of characters"),
        (r'{"a": ["\u0000"]}', "NUL"),
        ('{"a": Infinity}', "Infinity"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "too deeply"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "more digits"),
    ],
)
def test_what_would_be_lost_or_cannot_be_kept_is_unreadable(line: str, told: str) -> None:
    table = read(f'{{"a": "ok"}}\n{line}\n{{"a": "fine"}}\n')
    assert [entry.line for entry in table.entries] == [1, 3]
    assert told in table.problems[0].reason
    assert len(table.problems[0].text) <= 500
    listed = read(f'[{{"a": 1}}, {line}, {{"a": 2}}]', "a.json") if "digits" not in told and len(line) < 9999 else None
    assert listed is None or (len(listed.entries), told in listed.problems[0].reason) == (2, True)


def test_surrogate_pairs_in_escapes_are_characters() -> None:
    assert fields(read(r'{"a": "\ud83d\ude00"}')) == [{"a": "😀"}]


def test_a_broken_object_among_wrapped_ones_costs_itself_alone() -> None:
    table = read('{\n "a": 1\n}\n{\n "a": ,\n "b": {}\n}\n{\n "a": 3\n}\n', "a.json")
    assert [(entry.line, entry.fields) for entry in table.entries] == [(1, {"a": 1}), (8, {"a": 3})]
    assert table.problems[0].line == 4
    assert "at line 5 column 7" in table.problems[0].reason


def test_many_broken_objects_do_not_slow_reading_down() -> None:
    started = time.process_time()
    table = read('{\n"a": 1,\n"b": }\n{\n"a": 2\n}\n' * 20_000, "a.json")
    assert (len(table.entries), len(table.problems)) == (20_000, 20_000)
    assert (table.problems[-1].line, table.entries[-1].line) == (119_995, 119_998)
    assert "at line 119997 column 6" in table.problems[-1].reason
    assert time.process_time() - started < 4


def test_an_object_around_one_list_is_opened_and_what_is_left_out_is_told() -> None:
    table = read('{"version": 1, "data": [{"task": "a"}, {"task": "b"}], "by": "me"}', "a.json")
    assert fields(table) == [{"task": "a"}, {"task": "b"}]
    assert table.notes == ("Read the list under “data”. Left out what is beside it: “version”, “by”.",)
    assert fields(read('{"tasks": ["a", "b"], "version": 2}', "a.json")) == [{"tasks": "a"}, {"tasks": "b"}]


def test_an_object_with_two_lists_of_objects_is_not_guessed_at() -> None:
    with pytest.raises(ReadError, match=r"holds 2 lists: “train”, “test”\. Keep one"):
        read('{"train": [{"a": 1}], "test": [{"a": 2}]}', "a.json")


@pytest.mark.parametrize(
    "text", ['{"a": [1, 2], "b": ["x", null]}', '{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": null}}']
)
def test_columns_become_entries(text: str) -> None:
    assert fields(read(text, "a.json")) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_a_single_object_is_one_entry() -> None:
    record = {"task": "x", "messages": [{"role": "user"}], "tags": ["a"]}
    for name in ("a.json", "a.jsonl"):
        assert fields(read(json.dumps(record), name)) == [record]
        assert fields(read(json.dumps(record, indent=1), name)) == [record]


def test_a_list_of_texts_is_a_list_of_tasks() -> None:
    table = read('["a", "b", 3]', "a.json")
    assert fields(table) == [{"atom_task": "a"}, {"atom_task": "b"}]
    assert table.problems[0].reason == "Entry 3 holds a number where an object or a text is needed."


def test_a_broken_list_is_refused_with_its_line_and_column() -> None:
    with pytest.raises(ReadError, match=r"a\.json is not valid JSON at line 3 column 1: .* JSON Lines"):
        read('[{"a": 1},\n{"a": 2}\n{"a": 3}]', "a.json")


@pytest.mark.parametrize("text", ["5", "{", "nonsense", "[1, 2]", "[]", "{}", '{"data": []}', "]"])
def test_json_without_any_entry_is_refused_in_a_sentence(text: str) -> None:
    for name in ("a.json", "a.jsonl"):
        if (text, name) != ('{"data": []}', "a.jsonl"):
            with pytest.raises(ReadError, match=r"^(Nothing in )?a\.json.*\.$"):
                read(text, name)


def test_json_is_known_by_its_content_under_any_name_and_when_pasted() -> None:
    text = '{"task": "a"}\n{"task": "b"}\n'
    for name in ("a.txt", "a.csv", "a.json", "a"):
        assert fields(read(text, name)) == [{"task": "a"}, {"task": "b"}]
    assert fields(read_lines(text)) == [{"task": "a"}, {"task": "b"}]
    assert fields(read_lines('[{"task": "a"}]')) == [{"task": "a"}]
    assert fields(read_lines("{name}, hello\n[note] bye")) == [
        {"atom_task": "{name}, hello"},
        {"atom_task": "[note] bye"},
    ]


def test_no_value_is_ever_a_number_that_json_lacks() -> None:
    table = read('{"a": NaN, "b": 1.5}')
    assert all(value is None or math.isfinite(value) for value in table.entries[0].fields.values())

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow_core.errors import ReadError, UsageError
from dataflow_core.scripting.file_storage import FileStorage

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
names = texts.filter(lambda name: name.strip())
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def storage_of(folder: Path, cache_type: Any = "jsonl", first: str = "") -> FileStorage:
    return FileStorage(first, str(folder / "cache"), cache_type=cache_type)


def written(folder: Path, data: Any, cache_type: Any) -> FileStorage:
    """The storage at the step that holds the data."""
    storage = storage_of(folder, cache_type)
    storage.step().write(data)
    return storage.step()


@pytest.mark.parametrize("cache_type", ["json", "jsonl"])
@given(rows=st.lists(st.dictionaries(texts, values, min_size=1, max_size=4), max_size=5))
@SETTINGS
def test_any_rows_come_back_from_json(tmp_path: Path, cache_type: str, rows: list[dict[str, Any]]) -> None:
    step = written(tmp_path, rows, cache_type)
    assert step.read("dict") == rows
    again = step.read("dataframe")
    step.write(again)
    columns = {name for row in rows for name in row}
    assert step.step().read("dict") == [{name: row.get(name) for name in columns} for row in rows]


@given(data=st.data(), columns=st.lists(names, min_size=1, max_size=3, unique=True))
@SETTINGS
def test_rows_come_back_from_parquet_or_are_refused(tmp_path: Path, data: st.DataObject, columns: list[str]) -> None:
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, values)), max_size=4))
    try:
        step = written(tmp_path, rows, "parquet")
    except UsageError:
        return
    assert step.read("dict") == rows


@given(data=st.data(), columns=st.lists(names, min_size=1, max_size=3, unique=True))
@SETTINGS
def test_texts_come_back_from_csv_as_they_were(tmp_path: Path, data: st.DataObject, columns: list[str]) -> None:
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, texts)), max_size=4))
    step = written(tmp_path, pd.DataFrame(rows, columns=columns), "csv")
    assert step.read("dict") == rows
    assert list(step.read().columns) == columns


def test_conversations_come_back_from_parquet(tmp_path: Path) -> None:
    rows = [
        {
            "category": "Cooking",
            "conversation": [{"role": "user", "value": "Soup?"}, {"role": "assistant", "value": "é"}],
        },
        {"category": "Travel", "conversation": []},
    ]
    assert written(tmp_path, rows, "parquet").read("dict") == rows


def test_the_counter_begins_before_the_first_entry_and_a_write_goes_to_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "input.jsonl").write_text('{"atom_task": "Book a table."}\n', encoding="utf-8")
    storage = storage_of(tmp_path, first=str(tmp_path / "input.jsonl"))
    assert storage.operator_step == -1
    first = storage.step()
    assert (first.operator_step, storage.operator_step) == (0, 0)
    assert first.read("dict") == [{"atom_task": "Book a table."}]
    path = first.write([{"a": "é\u2028"}])
    assert path == os.fspath(tmp_path / "cache" / "dataflow_cache_step_step1.jsonl")
    assert Path(path).read_text(encoding="utf-8") == '{"a": "é\\u2028"}\n'
    second = storage.step()
    assert second.read().to_dict("records") == [{"a": "é\u2028"}]
    assert first.read("dict") == [{"atom_task": "Book a table."}], "the first step stays where it is"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["dataflow_cache_step_step1.jsonl"]
    assert storage.reset().operator_step == -1


def test_an_empty_first_entry_is_an_empty_frame(tmp_path: Path) -> None:
    assert storage_of(tmp_path).step().read().shape == (0, 0)
    assert storage_of(tmp_path).step().read("dict") == []


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "task;id\nOne, two;007\n", [{"task": "One, two", "id": "007"}]),
        ("a.json", '[{"task": "A"}, {"task": "B"}]', [{"task": "A"}, {"task": "B"}]),
        ("a.jsonl", '{"task": "A"}\n\n{"task": "B", "n": 1}\n', [{"task": "A"}, {"task": "B", "n": 1}]),
        ("a.json", "[]", []),
    ],
)
def test_the_first_entry_may_be_of_another_type(tmp_path: Path, name: str, content: str, expected: Any) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert storage_of(tmp_path, "parquet", str(tmp_path / name)).step().read("dict") == expected


def test_a_parquet_file_may_be_the_first_entry(tmp_path: Path) -> None:
    pd.DataFrame({"task": ["A"], "tags": [["x", "y"]]}).to_parquet(tmp_path / "a.parquet")
    rows = storage_of(tmp_path, "jsonl", str(tmp_path / "a.parquet")).step().read("dict")
    assert rows == [{"task": "A", "tags": ["x", "y"]}]


def test_a_frame_keeps_its_rows_in_order_without_its_index_and_whole_numbers_whole(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [3, None, 1], "t": ["c", None, "a"], "at": [pd.Timestamp("2026-01-02"), pd.NaT, None]})
    step = written(tmp_path, frame.astype({"n": "Int64"}).iloc[::-1], "jsonl")
    assert step.read("dict") == [
        {"n": 1, "t": "a", "at": None},
        {"n": None, "t": None, "at": None},
        {"n": 3, "t": "c", "at": "2026-01-02T00:00:00"},
    ]
    assert list(step.read().index) == [0, 1, 2]
    assert step.read()["n"].tolist() == [1, None, 3]
    assert step.get_keys_from_dataframe() == ["n", "t", "at"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"a": 1}\n{"a": 2\n', "line 2 is not valid JSON at column 8"),
        ('{"a": 1}\n[1]\n', "line 2 holds no object"),
        ('{"a": 1, "a": 2}\n', "twice"),
        ('{"a": 1}\n{"a": "\xff"}\n', "not UTF-8 text: see line 2"),
    ],
)
def test_a_broken_line_of_a_step_is_told_with_its_place(tmp_path: Path, content: str, told: str) -> None:
    step = written(tmp_path, [{"a": 1}], "jsonl")
    path = tmp_path / "cache" / "dataflow_cache_step_step1.jsonl"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ReadError) as caught:
        step.read()
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "told"), [("a.jsonl", "Line 2 is not valid JSON at column"), ("a.json", "column")])
def test_a_broken_first_entry_is_told_with_its_place(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / name).write_text('{"atom_task": "A"}\n{"atom_task": "B"\n', encoding="utf-8")
    with pytest.raises(ReadError) as caught:
        storage_of(tmp_path, first=str(tmp_path / name)).step().read()
    assert told in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("cache_type", "content"),
    [("csv", "a,b\n1,2,3\n"), ("csv", 'a\n"open\n'), ("json", '{"a": 1}'), ("json", "[1,\n2"), ("parquet", "PAR1")],
)
def test_a_file_that_is_no_step_is_refused(tmp_path: Path, cache_type: Any, content: str) -> None:
    storage = storage_of(tmp_path, cache_type)
    storage.step()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f"dataflow_cache_step_step1.{cache_type}").write_text(content)
    with pytest.raises(ReadError, match="step1"):
        storage.step().read()


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    storage = storage_of(tmp_path, first=str(tmp_path / "gone.jsonl"))
    with pytest.raises(UsageError, match=r"storage\.step\(\) first"):
        storage.read()
    with pytest.raises(UsageError, match=r"storage\.step\(\) first"):
        storage.write([{"a": 1}])
    with pytest.raises(UsageError, match=r"no file .*gone\.jsonl"):
        storage.step().read()
    with pytest.raises(UsageError, match="the step before has not written it"):
        storage.step().read()
    with pytest.raises(UsageError, match="'list' was asked for"):
        storage.read("list")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a str"):
        storage.write("text")  # type: ignore[arg-type]


@pytest.mark.parametrize("cache_type", ["pickle", "xlsx", ""])
def test_other_types_are_refused(tmp_path: Path, cache_type: Any) -> None:
    with pytest.raises(UsageError, match="jsonl"):
        storage_of(tmp_path, cache_type)


@pytest.mark.parametrize("name", ["data.pkl", "data.pickle", "hf:openai/gsm8k:main:train"])
def test_pickles_and_hubs_are_no_first_entry(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        storage_of(tmp_path, first=name)


@pytest.mark.parametrize(
    ("cache_type", "row", "told"),
    [
        ("csv", {"conversation": [1]}, "lists or dicts"),
        ("jsonl", {"a": float("inf")}, "inf"),
        ("jsonl", {"a": {1, 2}}, "a set"),
        ("jsonl", {"a": {1: 2}}, "not a text"),
        ("jsonl", {1: 2}, "not named by a text"),
    ],
)
def test_what_a_step_cannot_hold_is_refused_and_the_file_before_it_stays(
    tmp_path: Path, cache_type: Any, row: Any, told: str
) -> None:
    storage = storage_of(tmp_path, cache_type).step()
    path = Path(storage.write([{"a": "b"}]))
    before = path.read_bytes()
    with pytest.raises(UsageError, match=told):
        storage.write([{"a": "c"}, row])
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_what_no_text_can_hold_becomes_a_sign_that_can_be_seen(tmp_path: Path) -> None:
    step = written(tmp_path, [{"a": "x\0y\udc00"}], "jsonl")
    assert step.read("dict") == [{"a": "x␀y\N{REPLACEMENT CHARACTER}"}]
    assert json.loads(Path(tmp_path / "cache" / "dataflow_cache_step_step1.jsonl").read_text()) == step.read("dict")[0]

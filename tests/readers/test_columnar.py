from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_core.errors import ReadError
from dataflow_core.readers import read_table


def parquet(table: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


PLAIN = parquet(pa.table({"id": [1, 2], "task": ["a", "b"]}))


def test_values_are_carried_in_the_terms_of_json() -> None:
    values: dict[str, list[Any]] = {
        "text": ["007"],
        "whole": [2**62],
        "part": [0.5],
        "nan": [float("nan")],
        "truth": [True],
        "none": pa.array([None], pa.string()),
        "day": [date(2026, 1, 2)],
        "moment": [datetime(2026, 1, 2, 3, 4, tzinfo=UTC)],
        "nanoseconds": pa.array([1], pa.timestamp("ns")),
        "money": [Decimal("1.10")],
        "bytes": ["é".encode()],
        "raw": [b"\xff\x00"],
        "nested": [{"a": [1, None], "b": date(2026, 1, 2)}],
        "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
    }
    table = read_table(parquet(pa.table(values)), "a.parquet")
    assert table.entries[0].fields == {
        "text": "007",
        "whole": 2**62,
        "part": 0.5,
        "nan": None,
        "truth": True,
        "none": None,
        "day": "2026-01-02",
        "moment": "2026-01-02T03:04:00+00:00",
        "nanoseconds": "1970-01-01T00:00:00.000000001",
        "money": "1.10",
        "bytes": "é",
        "raw": "/wA=",
        "nested": {"a": [1, None], "b": "2026-01-02"},
        "map": [["k", 1]],
    }
    assert (table.format, table.unit, table.entries[0].line) == ("Parquet", "entry", 1)


def test_blank_and_harmful_entries_are_told_by_number() -> None:
    table = read_table(parquet(pa.table({"id": ["1", None, "3"], "task": ["a", " ", "b\0"]})), "any name")
    assert [entry.line for entry in table.entries] == [1]
    assert [(problem.line, problem.kind) for problem in table.problems] == [(2, "blank"), (3, "unreadable")]
    assert table.problems[1].reason.startswith("Entry 3 holds a NUL")


def test_columns_with_the_same_name_are_all_kept() -> None:
    data = parquet(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["task", "task"]))
    assert read_table(data, "a.parquet").entries[0].fields == {"task": "a", "task (2)": "b"}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (PLAIN[:-20], "is cut off"),
        (b"id,task\n1,a\n", "is not a Parquet file"),
        (b"PAR1" + bytes(40) + b"PAR1", "damaged Parquet file"),
        (parquet(pa.table({"task": pa.array([], pa.string())})), "is empty"),
    ],
)
def test_what_is_no_readable_parquet_file_is_named(data: bytes, told: str) -> None:
    with pytest.raises(ReadError, match=told):
        read_table(data, "a.parquet")


@settings(max_examples=150, deadline=None)
@given(st.integers(4, len(PLAIN) - 5), st.integers(0, 255))
def test_a_parquet_file_with_a_changed_byte_is_read_or_refused(position: int, byte: int) -> None:
    data = bytearray(PLAIN)
    data[position] = byte
    try:
        table = read_table(bytes(data), "a.parquet")
    except ReadError:
        return
    assert table.lines == len(table.entries) + len(table.problems)

"""Parquet files that are larger than they look, and dates that Python has no word for."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_core.errors import ReadError
from dataflow_core.readers import parquet_rows
from dataflow_core.readers.columnar import read_parquet
from dataflow_core.readers.parquet_rows import ParquetRows

LONGEST = 32 << 20

#: Reads a file row by row, as an import does, and prints how many there were, and by how many MB memory has grown.
READ = """
import resource, sys
import pyarrow.parquet
from dataflow_core.readers.parquet_rows import ParquetRows
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before, good, bad = peak(), 0, 0
for row in ParquetRows(open(sys.argv[1], "rb"), "bomb", longest=32 << 20):
    good += type(row) is tuple
    bad += type(row) is str
print(good, bad, (peak() - before) >> 10)
"""
TEXT = "x" * (10 << 20)


def tables() -> dict[str, tuple[pa.Table, dict[str, Any]]]:
    indices = pa.array([0] * 150, pa.int32())
    texts = pa.DictionaryArray.from_arrays(indices, pa.array([TEXT]))
    offsets = pa.array(range(151), pa.int32())
    turns = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([texts, texts], ["role", "content"]))
    few = pa.array([TEXT] * 20)
    whole = {"dictionary_pagesize_limit": 64 << 20}
    return {
        "texts": (pa.table({"text": texts}), whole),
        "turns": (pa.table({"messages": turns}), whole),
        "deltas": (pa.table({"text": few}), {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"}),
    }


@pytest.mark.parametrize("kind", ["texts", "turns", "deltas"])
def test_texts_that_are_written_once_and_repeated_are_read_in_steady_memory(tmp_path: Path, kind: str) -> None:
    table, options = tables()[kind]
    path = tmp_path / "bomb.parquet"
    pq.write_table(table, path, compression="zstd", **options)
    assert path.stat().st_size < 1 << 20
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    good, bad, grown = map(int, done.stdout.split())
    assert (good, bad) == (len(table), 0)
    assert grown < 250, f"{grown} MB"


def rows(table: pa.Table, longest: int = LONGEST, **options: Any) -> list[Any]:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return list(ParquetRows(pa.BufferReader(out.getvalue()), "file", longest=longest))


def test_a_row_that_is_too_long_is_said_to_be_so_and_those_beside_it_are_read() -> None:
    texts = ["a", "x" * (3 << 20), "b"]
    first, second, third = rows(pa.table({"n": [1, 2, 3], "text": texts}), longest=1 << 20)
    assert (first, third) == ((1, "a"), (3, "b"))
    assert second == "has more than 1 MB a row, the most that one entry may have. Its “text” alone has 3 MB."


def test_rows_that_are_all_far_too_long_are_not_unpacked() -> None:
    (reason,) = rows(pa.table({"text": ["x" * (5 << 20)]}), longest=1 << 20)
    assert reason.startswith("is in a part of the file whose column “text” has more than 1 MB a row")
    (reason,) = rows(pa.table({"numbers": pa.array([[1] * 1_000_000])}), longest=1 << 20)
    assert reason.startswith("is in a part of the file whose column “numbers” has more than 1 MB a row")


def test_what_is_packed_far_too_tightly_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_rows, "_SUSPECT_BYTES", 1 << 20)
    table = pa.table({"text": ["x" * (2 << 20)] * 3})
    with pytest.raises(ReadError, match=r"“text” unpacks to 2 MB at once\. Write the file again"):
        rows(table, compression="zstd", dictionary_pagesize_limit=8 << 20)


def test_a_file_of_inputs_whose_texts_are_repeated_beyond_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataflow_core.readers.columnar._MOST_BYTES", 1 << 20)
    out = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(["x" * 1_000] * 2_000).dictionary_encode()}), out)
    with pytest.raises(ReadError, match="its texts have more than 1 MB"):
        read_parquet(out.getvalue(), "file")


TURN = st.fixed_dictionaries({"role": st.text(max_size=3) | st.none(), "n": st.integers(0, 9)}) | st.none()


@given(
    turns=st.lists(st.lists(TURN, max_size=3) | st.none(), min_size=1, max_size=20),
    encoding=st.sampled_from(["PLAIN", "DELTA_BYTE_ARRAY", ""]),
    size=st.integers(1, 1_000),
)
@settings(max_examples=60, deadline=None)
def test_nested_values_are_what_arrow_reads_however_small_the_slices_are(
    turns: list[Any], encoding: str, size: int
) -> None:
    kind = pa.list_(pa.struct([("role", pa.string()), ("n", pa.int64())]))
    pairs = pa.map_(pa.string(), pa.string())
    table = pa.table({
        "turns": pa.array(turns, kind),
        "text": pa.array([str(turn) for turn in turns], pa.large_string()),
        "bytes": pa.array([str(turn).encode() for turn in turns]),
        "map": pa.array([[("k", str(turn))] for turn in turns], pairs),
        "fixed": pa.array([[1, 2]] * len(turns), pa.list_(pa.int8(), 2)),
        "kind": pa.array([str(turn) for turn in turns]).dictionary_encode(),
    })  # fmt: skip
    texts = ("turns.list.element.role", "text", "bytes", "map.key_value.key", "map.key_value.value")
    options: dict[str, Any] = {"row_group_size": 7}
    if encoding:
        options |= {"use_dictionary": False, "column_encoding": dict.fromkeys(texts, encoding)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_rows, "_SLICE_BYTES", size)
        found = rows(table, **options)
    assert found == list(zip(*(column.to_pylist() for column in table.columns), strict=True))


DAY = 86_400


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        ([0, 4_000_000], pa.date32(), ["1970-01-01", "12921-08-18"]),
        ([0, 10_000 * 365 * DAY], pa.timestamp("s"), ["1970-01-01T00:00:00", "11963-05-13T00:00:00.000"]),
        ([0], pa.timestamp("s", "Mars/Crater"), ["1970-01-01T00:00:00+00:00"]),
        ([1], pa.timestamp("ns"), ["1970-01-01T00:00:00.000000001"]),
        ([0], pa.timestamp("s", "+05:30"), ["1970-01-01T05:30:00+05:30"]),
    ],
)
def test_dates_are_kept_as_text_also_where_python_has_no_word_for_them(values: Any, kind: Any, read: list[str]) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"when": pa.array(values, kind), "a": ["x"] * len(values)}), out)
    table = read_parquet(out.getvalue(), "file")
    assert [entry.fields["when"] for entry in table.entries] == read
    assert any("Mars/Crater" in note for note in table.notes) == ("Mars" in str(kind))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2**50, pa.timestamp("s")),
        (-(10**15), pa.timestamp("s", "UTC")),
        (2**62, pa.duration("s")),
        ([2**50], pa.list_(pa.timestamp("s"))),
    ],
)
def test_a_date_beyond_all_is_told_with_its_column_and_costs_its_entry_alone(value: Any, kind: Any) -> None:
    fine = [0] if isinstance(value, list) else 0
    out = io.BytesIO()
    pq.write_table(pa.table({"a": ["x", "y"], "when": pa.array([fine, value], kind)}), out)
    table = read_parquet(out.getvalue(), "file")
    assert [entry.fields["a"] for entry in table.entries] == ["x"]
    (problem,) = table.problems
    assert problem.line == 2
    assert "has a date or a time in “when” that is beyond those that can be read" in problem.reason

"""Files of every kind, whole and broken: entries, problems by line, and never a traceback."""

from __future__ import annotations

import gzip
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow_core.errors import ReadError, UsageError
from dataflow_core.exporters.parquet import JSON_COLUMN
from dataflow_core.importers import entries, json_entries, table_entries
from dataflow_core.importers.base import Checked, ImportMapping
from dataflow_core.importers.making import DIALOGUES, OWN, TASKS, Maker
from dataflow_core.importers.reading import Pass
from dataflow_core.importers.recognising import recognise
from dataflow_core.importers.sources import opened_source
from dataflow_core.models import Fields, SourceLine

ROWS: list[Fields] = [{"a": "x", "b": "é😀"}, {"a": "line\nbreak", "b": "\u2028"}]


def read(path: Path, mapping: ImportMapping | None = None, name: str = "file") -> tuple[list[Fields], list[SourceLine]]:
    records, going = [], None
    with opened_source(path, name) as source:
        going = Pass(source, Maker(mapping or ImportMapping(OWN)), None)
        records = [fields for fields, _ in going.made(None)]
    return records, going.take_problems()


def recognise_and_read(path: Path) -> None:
    recognise(path, "my file")
    read(path)


def written(folder: Path, data: bytes | str) -> Path:
    path = folder / "file"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def zstd(data: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return bytes(out.getvalue())


def lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parquet(rows: list[Fields]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


CSV = 'a,b\r\nx,é😀\r\n"line\nbreak",\u2028\r\n'
FILES = {
    "json lines": lines(ROWS),
    "json lines without a last line end": lines(ROWS)[:-1],
    "json lines with line ends of Windows": lines(ROWS).replace(b"\n", b"\r\n"),
    "json lines with a mark": b"\xef\xbb\xbf" + lines(ROWS),
    "json lines of escapes": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "json lines in UTF-16": lines(ROWS).decode().encode("utf-16"),
    "a list": json.dumps(ROWS).encode(),
    "a list, indented": json.dumps(ROWS, indent=2).encode(),
    "a list with a mark": b"\xef\xbb\xbf" + json.dumps(ROWS).encode(),
    "an object with a list": json.dumps({"version": 1, "data": ROWS, "more": {"b": [1]}}).encode(),
    "an object with a list, indented": json.dumps({"version": 1, "data": ROWS}, indent=1).encode(),
    "objects one after another": "\n".join(json.dumps(row, indent=2) for row in ROWS).encode(),
    "csv": CSV.encode(),
    "csv with a mark": b"\xef\xbb\xbf" + CSV.encode(),
    "csv with semicolons": CSV.replace(",", ";").encode(),
    "tsv": CSV.replace(",", "\t").encode(),
    "parquet": parquet(ROWS),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_read_whatever_it_is_called(tmp_path: Path, kind: str, pack: Any) -> None:
    assert read(written(tmp_path, pack(FILES[kind]))) == (ROWS, [])


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_that_was_cut_or_changed_is_read_or_refused_in_a_sentence(tmp_path: Path, kind: str, data: Any) -> None:
    whole = bytearray(data.draw(st.sampled_from([FILES[kind], gzip.compress(FILES[kind]), zstd(FILES[kind])])))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = written(tmp_path, bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    with suppress(ReadError):
        records, problems = read(path)
        json.dumps([*records, *(problem.text for problem in problems)], ensure_ascii=False).encode()
        assert all(problem.reason for problem in problems)


@pytest.mark.parametrize("cut", [-1, -10, -12])
def test_an_object_that_is_cut_off_beside_its_list_is_refused_in_a_sentence(tmp_path: Path, cut: int) -> None:
    with pytest.raises(ReadError, match=r"Correct it there"):
        read(written(tmp_path, FILES["an object with a list"][:cut]))


@given(text=st.text(st.sampled_from('{}[]",:\\u0dn1\n\r eN\x00é"'), max_size=60))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_looks_like_json_is_read_as_the_standard_decoder_reads_it(tmp_path: Path, text: str) -> None:
    expected = []
    for line in text.splitlines() if text.isprintable() else []:
        try:
            expected.append(json.loads(line))
        except ValueError:
            continue
    path = written(tmp_path, '{"first": 1}\n{"second": 2}\n' + text)
    if text.count("\0") > 2:  # which is no text
        with suppress(ReadError):
            read(path)
        return
    records, _ = read(path)
    assert records[:2] == [{"first": 1}, {"second": 2}]
    for record in records[2:]:
        assert not text.isprintable() or any(record == value or record == {"atom_task": value} for value in expected)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"a": "1", "a": "2"}', "has the key “a” twice"),
        ('{"b": {"a": 1, "a": 2}}', "has the key “a” twice"),
        ('{"a" : "1", "a" : "2"}', "has the key “a” twice"),
        ('{"a": "\\u0000"}', "NUL"),
        ('{"a": "\\ud800"}', "not valid text"),
        ('{"\\ud800": 1}', "not valid text"),
        ('{"a": 1e999}', "too large"),
        ('{"a": Infinity}', "Infinity"),
        (f'{{"a": {"9" * 5000}}}', "more digits"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", "nested too deeply"),
        ('{"a": ' + "[" * 200_000, "nested too deeply"),
        ('{"a": ', "not valid JSON"),
        ('{"a": 1} {"b": 2}', "Extra data"),
        ("[1, 2]", "holds a list"),
        ("7", "holds a number"),
        ("null", "holds null"),
    ],
    ids=range(16),
)
def test_a_line_that_cannot_be_used_is_told_with_its_number(tmp_path: Path, line: str, says: str) -> None:
    records, (problem,) = read(written(tmp_path, f'{{"a": "x"}}\n\n{line}\n{{"a": "y"}}\n'))
    assert records == [{"a": "x"}, {"a": "y"}]
    assert problem.line == 3
    assert says in problem.reason
    assert problem.reason.startswith("Line 3 ")


def test_bytes_that_are_no_text_are_a_problem_of_their_line(tmp_path: Path) -> None:
    data = lines(ROWS * 5) + b'{"a": "\xff\xfe"}\n' + lines(ROWS)
    records, (problem,) = read(written(tmp_path, data))
    assert len(records) == 12
    assert problem.line == 11


def test_numbers_of_any_size_and_texts_like_numbers_stay_what_they_are(tmp_path: Path) -> None:
    rows = [{"big": 2**200, "small": -1, "half": 0.1, "text": "007", "flag": True, "none": None, "deep": [{"a": []}]}]
    assert read(written(tmp_path, lines(rows))) == (rows, [])
    assert read(written(tmp_path, json.dumps(rows))) == (rows, [])


def test_what_is_no_number_is_read_as_nothing_and_said(tmp_path: Path) -> None:
    with opened_source(written(tmp_path, '{"a": NaN}\n{"a": 1}\n'), "file") as source:
        going = Pass(source, Maker(ImportMapping(OWN)), None)
        assert [fields for fields, _ in going.made(None)] == [{"a": None}, {"a": 1}]
        assert any("NaN" in note for note in going.notes())


@pytest.mark.parametrize("kind", ["lines", "list", "csv"])
def test_an_entry_that_is_too_long_is_not_read(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (entries, json_entries, table_entries):
        monkeypatch.setattr(module, "LONGEST", 100_000)
    rows = [{"a": "x", "b": "1"}, {"a": "y" * 250_000, "b": "2"}, {"a": "z", "b": "3"}]
    data = {"lines": lines(rows).decode(), "list": json.dumps(rows)}.get(kind) or "a,b\nx,1\n%s,2\nz,3\n" % (
        "y" * 250_000
    )
    if kind == "list":
        records, problems = read(written(tmp_path, data))
        assert len(records) + len(problems) == 3  # within what is read at a time, length costs nothing
        return
    records, (problem,) = read(written(tmp_path, data))
    assert [record["a"] for record in records] == ["x", "z"]
    assert problem.line == (2 if kind == "lines" else 3)
    assert "longer than" in problem.reason


@pytest.mark.parametrize("layout", ["list", "member", "objects", "beside"])
def test_a_value_that_is_longer_than_an_entry_may_be_is_said_to_be_so(
    tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_entries, "LONGEST", 300_000)
    monkeypatch.setattr(json_entries, "_PART", 50_000)
    long = {"a": "x", "b": ["y" * 2_000_000]}
    text = {
        "list": json.dumps([{"a": "x"}, long]),
        "member": json.dumps({"version": 1, "data": [{"a": "x"}, long]}),
        "objects": '{\n"a":\n"x"\n}\n' + json.dumps(long, indent=1) + '\n{"a": "z"}',
        "beside": json.dumps({"data": [{"a": "x"}], "more": long}),
    }[layout]
    path = written(tmp_path, text)
    if layout == "objects":
        records, (problem,) = read(path)
        assert records == [{"a": "x"}, {"a": "z"}]
        assert problem.reason.startswith("The entry in line 5 is longer than ")
        return
    said = "something beside its list is longer than" if layout == "beside" else "entry 2 is longer than"
    with pytest.raises(ReadError, match=f"file cannot be read on: {said} .* MB.*never closed"):
        read(path)


def test_a_broken_value_before_very_much_text_is_told_as_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_entries, "LONGEST", 300_000)
    rows = json.dumps([{"a": "x"}] * 200_000)
    with pytest.raises(ReadError, match="not valid JSON at line 1 column 8"):
        read(written(tmp_path, '[{"a": tru}, ' + rows[1:]))


@pytest.mark.parametrize("text", ["a,b\n", "a\tb\r\n", "a,b\n\n\n", "a,b"])
def test_a_table_of_a_header_only_is_said_to_be_that(tmp_path: Path, text: str) -> None:
    with pytest.raises(ReadError, match="It has a first line that names the columns, and no row below it"):
        recognise(written(tmp_path, text), "file")


def test_a_table_without_rows_is_said_to_hold_none(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), tmp_path / "file")
    with pytest.raises(ReadError, match=r"Nothing in file can be imported\. It holds no entry"):
        recognise(tmp_path / "file", "file")


def test_texts_of_a_megabyte_are_read(tmp_path: Path) -> None:
    rows = [{"a": "é" * 1_000_000, "b": str(number)} for number in range(3)]
    for data in (lines(rows), json.dumps(rows).encode(), parquet(rows)):
        assert read(written(tmp_path, data)) == (rows, [])


def test_a_quote_without_its_end_costs_its_own_line_of_a_table(tmp_path: Path) -> None:
    records, (problem,) = read(written(tmp_path, 'a,b\n1,2\n"3,4\n5,6\n'))
    assert records == [{"a": "1", "b": "2"}, {"a": "5", "b": "6"}]
    assert problem.line == 3


def test_very_many_open_quotes_end_the_reading(tmp_path: Path) -> None:
    records, problems = read(written(tmp_path, "a,b\n1,2\n" + '"3,4\n' * 1_001))
    assert records[0] == {"a": "1", "b": "2"}
    assert problems


def test_a_row_of_another_width_is_a_problem(tmp_path: Path) -> None:
    _, (problem,) = read(written(tmp_path, "a,b\n1,2\n3\n4,5\n"))
    assert problem.reason == "Line 3 has 1 field where the header has 2."
    assert problem.text == "3\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \n\r\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"PK\x03\x04abc", "an Excel workbook"),
        (b"just a sentence.\nand another, longer one.\n", "plain text"),
        (b"PAR1 and then nothing", "damaged Parquet"),
        (gzip.compress(lines(ROWS * 1000))[:-20], "damaged gzip"),
        (zstd(lines(ROWS * 1000))[:-20], "damaged zstd"),
        (b'[{"a": 1}, {"b": }]', "not valid JSON at line 1"),
        (b'[{"a": 1}', "not valid JSON"),
        (b'{"data": [{"a": 1}], "test": [{"a": 2}]}', "2 lists"),
    ],
    ids=range(11),
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, data: bytes, says: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(ReadError, match=says):
        recognise_and_read(path)


def test_lines_are_told_after_an_object_whose_fault_lies_behind_the_next_one(tmp_path: Path) -> None:
    text = '{\n "a": "x\n}\n{\n "a": tru\n}\n{\n "a": 1,\n\n\n "b" 2\n}\n{\n "a": "y"\n}\n{\n 1\n}\n'
    records, problems = read(written(tmp_path, text))
    assert (records, [problem.line for problem in problems]) == ([{"a": "y"}], [1, 4, 7, 16])
    assert "at line 5 column" in problems[1].reason
    assert "at line 11 column" in problems[2].reason


def test_a_broken_object_does_not_make_those_after_it_slow(tmp_path: Path) -> None:
    text = '{\n "a": tru\n}\n' + '{\n "a": "x"\n}\n' * 200_000  # to count its lines anew for each takes minutes
    records, problems = read(written(tmp_path, text))
    assert (len(records), len(problems)) == (200_000, 1)


@pytest.mark.parametrize("beside", ["tru", "[" * 100_000, '{"k": 1, "k"', "1 2"])
def test_what_is_broken_beside_the_list_of_an_object_is_told(tmp_path: Path, beside: str) -> None:
    path = written(tmp_path, '{"data": [{"a": "x"}], "about": ' + beside + "}")
    with pytest.raises(ReadError, match="file"):
        read(path)


@pytest.mark.parametrize("depth", [70, 600, 900, 100_000])
def test_an_object_that_is_nested_too_deeply_is_a_problem_of_its_line(tmp_path: Path, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    records, problems = read(written(tmp_path, f'{deep}\n{{"a": "x"}}\n'))
    assert records == [{"a": "x"}]
    assert [problem.reason for problem in problems] == ["Line 1 is nested too deeply."]


#: Lists in JSON that cannot be kept as they are, within the text of a cell.
HARMFUL = ['["\\ud800"]', '["\\u0000"]', '[{"a": 1, "a": 2}]', "[1e999]", "[Infinity]", "[" * 99 + "]" * 99]


@pytest.mark.parametrize("text", [*HARMFUL, "[", "[] []"])
def test_json_in_a_cell_of_parquet_that_cannot_be_kept_is_a_problem_of_its_entry(tmp_path: Path, text: str) -> None:
    field = pa.field("a", pa.string(), metadata=JSON_COLUMN)
    table = pa.Table.from_arrays([pa.array([text, "[1]"])], schema=pa.schema([field]))
    pq.write_table(table, tmp_path / "file")
    records, problems = read(tmp_path / "file")
    assert (records, [problem.line for problem in problems]) == ([{"a": [1]}], [1])


@pytest.mark.parametrize("turns", ['["\\ud800"]', '["\\u0000"]'])
def test_json_in_a_cell_of_csv_that_cannot_be_kept_is_a_problem_of_its_line(tmp_path: Path, turns: str) -> None:
    cells = [f'[{{"role": "user", "content": {text}}}]' for text in (turns.strip("[]"), '"x"')]
    rows = ["messages", *('"' + cell.replace('"', '""') + '"' for cell in cells)]
    records, problems = read(
        written(tmp_path, "\n".join(rows)),
        ImportMapping(DIALOGUES, {"conversation": "messages"}, as_json=("messages",)),
    )
    assert [problem.line for problem in problems] == [2]
    assert records == [{"category": "", "conversation": [{"role": "user", "value": "x"}]}]


def test_a_file_that_is_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be read"):
        recognise(tmp_path / "nothing", "nothing")


@pytest.mark.parametrize(
    "mapping",
    [
        ImportMapping("nonsense"),
        ImportMapping(TASKS, {"atom_task": "a"}),
        ImportMapping(DIALOGUES),
        ImportMapping(DIALOGUES, {"assistant": "a"}),
        ImportMapping(DIALOGUES, {"user": "a", "assistant": "a"}),
        ImportMapping(DIALOGUES, {"user": "a", "nonsense": "b"}),
        ImportMapping(OWN, {"user": "a"}),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(mapping: ImportMapping) -> None:
    with pytest.raises(UsageError):
        Maker(mapping)


def test_memory_does_not_grow_with_a_list(tmp_path: Path) -> None:
    """A list is read on as it is asked for: what has been read is let go of."""
    path = written(tmp_path, json.dumps([{"a": "x" * 1000, "n": number} for number in range(20_000)]))
    with opened_source(path, "file") as source:
        taken = 0
        for _, value, _ in source.entries:
            taken += isinstance(value, dict)
            if taken == 5:
                assert source.share() < 0.5
        assert taken == 20_000
    assert isinstance(Checked(taken, 0, ()), Checked)

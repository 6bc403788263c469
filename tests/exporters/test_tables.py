"""Parquet and CSV hold everything: by type, whole, in little memory, and without a formula."""

from __future__ import annotations

import csv
import io
import re
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import ironcalc
import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from dataflow_core.exporters import EXPORTERS, exporter_named
from dataflow_core.exporters.base import UnfitError
from dataflow_core.exporters.csv_table import guarded, unguarded
from dataflow_core.models import Fields
from tests.exporters.contents import DEFAULT, DIALOGUES, OWN, TALK, TASK, any_contents, content, turns

ABOUT = {
    "id": "01J",
    "run": None,
    "run_name": "First",
    "tags": ["good", "short"],
    "revision": 2,
    "edited": True,
    "created_at": "2026-11-22T02:43:09.123456+00:00",
}
FORMULAS = [
    *("=1+1", "+1+1", "-1+1", "@SUM(1,2)", "=cmd|'/C calc'!A0", '=HYPERLINK("http://x","y")', "+A1", "-item", "=", "-"),
    *("\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "\xa0=1+1", "\u3000=1+1", "\ufeff=1+1", "\u200b=1+1", "\x00=1+1"),
    *("＝1+1", "＋1+1", "－1+1", "＠SUM(1)", "﹦1+1", "'=1+1", "''=1+1", "' =1", "\tplain", "\rplain", "-5+3", "+5"),
]
HARMLESS = ["plain", "-5", "-1.5e10", "'tis", "''", "", " ", "a=b", "5", "“=1”", "a - b; c - d", "x\n- one\n- two (2)"]
INSIDE = [
    "a;=1+1",
    "a;-cmd|'/C calc'!A0",
    "a\n=1+1",
    "a\r\n@SUM(1)",
    "a;'=1",
    "a; =1",
    "- a\n- SUM(1;2)",
    ";;=1",
]


def written(name: str, rows: list[Fields], **options: Any) -> bytes:
    file = io.BytesIO()
    writer = exporter_named(name, **options).writer(file)
    for row in rows:
        writer.write(row)
    writer.close()
    return file.getvalue()


def row_of(name: str, fields: Fields, generator: str = OWN, about: Fields | None = None) -> Fields:
    return EXPORTERS[name].row(content(fields, generator, about=about or {}), DEFAULT)


def cells(data: bytes) -> list[list[str]]:
    """The cells as any reader of CSV has them, no apostrophe taken away."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_csv_has_a_column_a_field_and_where_the_record_came_from_to_the_byte() -> None:
    rows = [
        row_of("csv", {"atom_task": "Zähle\n“Schafe”.", "n": 7, "p": -0.5, "ok": True, "none": None}, about=ABOUT),
        row_of("csv", {"atom_task": 'say "=1"', "more": ["=1", {"a": "ü"}], "sum": "=1+1"}, about=ABOUT),
    ]
    about = ',"01J","","First","[""good"", ""short""]","2","true","2026-11-22T02:43:09.123456+00:00"\r\n'
    assert written("csv", rows).decode("utf-8") == (
        '\ufeff"atom_task","n","p","ok","none","more","sum","dataflow_id","dataflow_run","dataflow_run_name",'
        '"dataflow_tags","dataflow_revision","dataflow_edited","dataflow_created_at"\r\n'
        f'"Zähle\n“Schafe”.","7","-0.5","true","","",""{about}'
        f'"say ""=1""","","","","","[""=1"", {{""a"": ""ü""}}]","\'=1+1"{about}'
    )


def test_the_byte_order_mark_can_be_left_out_and_pandas_reads_either() -> None:
    with_mark, without = (written("csv", [TASK.fields], has_mark=has_mark) for has_mark in (True, False))
    assert with_mark == b"\xef\xbb\xbf" + without
    for data in (with_mark, without):
        table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
        assert table.to_dict("records") == [{name: str(value) for name, value in TASK.fields.items()}]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_cell_that_a_spreadsheet_would_run_has_an_apostrophe_before_it(text: str) -> None:
    assert guarded(text) == f"'{text}" or guarded(text).startswith("''" if text.startswith("'") else "'")
    assert unguarded(guarded(text)) == text
    assert guarded(text) != text


@pytest.mark.parametrize("text", HARMLESS)
def test_what_no_spreadsheet_runs_is_left_as_it_is(text: str) -> None:
    assert guarded(text) == unguarded(text) == text


@settings(max_examples=300)
@given(st.text() | st.text("'\"=-+@;\t\r\n |(!a1\u3000＝"))
def test_what_was_guarded_comes_back_to_the_letter(text: str) -> None:
    assert unguarded(guarded(text)) == text


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(FORMULAS + HARMLESS + INSIDE) | st.text("'\"=-+@;\t\n |(!a1"), min_size=1, max_size=20))
def test_a_real_spreadsheet_runs_none_of_the_cells(texts: list[str]) -> None:
    data = written("csv", [row_of("csv", {"=name()": text, "nested": [text], "same": text}) for text in texts])
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert formulas_in(lines) == []
    split_at_semicolons = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";")
    assert [cell for cell in formulas_in(list(split_at_semicolons)) if calls_something(cell)] == []


def test_lines_that_a_spreadsheet_takes_for_rows_of_their_own_begin_no_formula_either() -> None:
    data = written("csv", [row_of("csv", {"first": "a", "text": text}) for text in FORMULAS + INSIDE])
    torn = [line.split(";") for line in data.decode("utf-8-sig").splitlines()]  # quotes or not
    assert [cell for cell in formulas_in(torn) if calls_something(cell)] == []


def calls_something(cell: str) -> bool:
    """More than a bullet, which as a formula is no more than a name that is not known.

    What follows a comma is the next cell's: no formula goes on after one where the comma is the decimal sign.
    """
    return cell[0] in "=@" or re.search(r"\w[|(]|!\w", cell.split(",")[0]) is not None


def formulas_in(lines: list[list[str]]) -> list[str]:
    """The cells that IronCalc, and those that openpyxl for Excel, take for formulas, as if they were typed in."""
    model, sheet = ironcalc.create("m", "en", "UTC", "en"), Workbook(write_only=False).active
    assert sheet is not None
    found = []
    for number, line in enumerate(lines, start=1):
        for place, text in enumerate(line, start=1):
            shown = "".join(character for character in text if character >= " " or character in "\t\r\n")
            model.set_user_input(0, number, place, text)
            cell = sheet.cell(number, place, shown)
            if model.get_cell_formula(0, number, place) is not None or cell.data_type == "f":
                found.append(text)
    return found


def test_the_spreadsheet_of_these_tests_does_run_what_is_not_guarded() -> None:
    assert formulas_in([["=1+1", "+1+1", "-1+1", "plain", "'=1+1", "-5"]]) == ["=1+1", "+1+1", "-1+1"]


def test_parquet_has_columns_of_the_types_that_their_values_have() -> None:
    rows = [
        row_of(
            "parquet",
            {"text": "=1", "whole": 2**60, "number": 1, "yes": True, "texts": [], "turns": turns("a", "b"), "odd": 1},
            about=ABOUT,
        ),
        row_of(
            "parquet",
            {"text": None, "whole": 1, "number": 0.5, "texts": ["a"], "turns": [], "odd": "x", "large": 2**70},
            about=ABOUT,
        ),
    ]
    table = pyarrow.parquet.read_table(io.BytesIO(written("parquet", rows)))
    assert {field.name: str(field.type) for field in table.schema} == {
        "text": "string",
        "whole": "int64",
        "number": "double",
        "yes": "bool",
        "texts": "list<element: string>",
        "turns": "list<element: struct<role: string, value: string>>",
        "odd": "string",
        "large": "string",
        "dataflow_id": "string",
        "dataflow_run": "string",
        "dataflow_run_name": "string",
        "dataflow_tags": "list<element: string>",
        "dataflow_revision": "int64",
        "dataflow_edited": "bool",
        "dataflow_created_at": "timestamp[us, tz=UTC]",
    }
    first, second = table.to_pylist()
    assert (first["odd"], second["odd"], second["large"]) == ("1", '"x"', str(2**70))
    assert {field.name for field in table.schema if (field.metadata or {}).get(b"dataflow") == b"json"} == {
        "odd",
        "large",
    }
    assert first["turns"] == turns("a", "b")
    assert (second["turns"], second["yes"], first["dataflow_tags"]) == ([], None, ["good", "short"])
    assert first["dataflow_created_at"] == datetime(2026, 11, 22, 2, 43, 9, 123456, UTC)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_contents, min_size=1, max_size=6))
def test_everything_that_is_not_unfit_comes_back_from_parquet_and_csv(records: list[Any]) -> None:
    rows = []
    for record in records:
        if not any(name.startswith("dataflow_") for name in record.fields):
            rows.append(EXPORTERS["parquet"].row(record, DEFAULT))
    names = sorted({name for row in rows for name in row}) or ["x"]
    table = pyarrow.parquet.read_table(io.BytesIO(written("parquet", rows)))
    assert sorted(table.column_names) == (names if any(rows) else [])
    lines = cells(written("csv", rows))
    header = [unguarded(cell) for cell in lines[0]]
    for row, line in zip(rows, lines[1:] if any(rows) else [], strict=bool(any(rows))):
        for name, cell in zip(header, line, strict=True):
            if isinstance(row.get(name, ""), str):
                assert unguarded(cell) == row.get(name, "")


def test_a_field_called_like_a_column_of_provenance_is_unfit_only_beside_it() -> None:
    fields = {"dataflow_id": "mine"}
    assert row_of("csv", fields) == fields
    with pytest.raises(UnfitError, match="“dataflow_id” is called like a column"):
        row_of("csv", fields, about=ABOUT)


@pytest.mark.parametrize("name", ["parquet", "csv"])
def test_half_of_a_character_has_no_place_in_a_table(name: str) -> None:
    for fields in ({"x": "\ud83d"}, {"x": [{"y": "\udc00"}]}, {"\ud83d": "x"}):
        with pytest.raises(UnfitError, match="half of a character"):
            row_of(name, fields)


@pytest.mark.parametrize("name", ["parquet", "csv"])
def test_many_rows_and_large_ones_need_little_memory(name: str, tmp_path: Path) -> None:
    large = {"category": "x", "conversation": turns("a" * 300_000, "b" * 200_000)}
    row_of(name, large, DIALOGUES)  # loads what is loaded once
    written(name, [large])
    tracemalloc.start()
    try:
        with (tmp_path / f"x.{name}").open("wb") as file:
            _write_many(name, large, file)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 30_000_000  # of 50, and no more for twice as many
    assert [path.name for path in tmp_path.iterdir()] == [f"x.{name}"]


def _write_many(name: str, row: Fields, file: BinaryIO) -> None:
    writer = EXPORTERS[name].writer(file)
    for number in range(100):
        writer.write(row | {"category": f"=1+{number}"})
    writer.close()


def test_a_dialogue_in_csv_is_json_in_one_cell() -> None:
    lines = cells(written("csv", [EXPORTERS["csv"].row(TALK, DEFAULT)]))
    assert lines[0] == ["category", "conversation", "intent", "system"]
    assert lines[1][1].startswith('[{"role": "user", "value": "Où')

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_core.errors import ReadError
from dataflow_core.readers import read_table, sheet_names


def workbook(rows: Iterable[Iterable[Any]], *, more: dict[str, list[list[Any]]] | None = None, **formats: str) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    for cell, number_format in formats.items():
        book.active[cell].number_format = number_format
    for title, others in (more or {}).items():
        sheet = book.create_sheet(title)
        for row in others:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


PLAIN = workbook([["id", "task"], [1, "Write"], [2, "Sing"]])


def rezip(data: bytes, changes: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, changes.get(part, old.read(part)))
    return file.getvalue()


def test_cells_are_the_text_they_show() -> None:
    values = [
        *(1, 2.0, 0.1 + 0.2, True, "00123", " x ", "#N/A", 7, date(2026, 1, 2), datetime(2026, 1, 2, 3, 4), time(5, 6)),
        *("a_x000D_b", "NA", 12345678901234567890),
    ]
    table = read_table(workbook([[f"c{n}" for n in range(len(values))], values], H2="0000"), "a.xlsx")
    assert list(table.entries[0].fields.values()) == [
        *("1", "2", "0.3", "TRUE", "00123", " x ", "#N/A", "0007", "2026-01-02", "2026-01-02 03:04:00", "05:06:00"),
        *("a\rb", "NA", "1.23456789012346e+19"),
    ]
    assert (table.format, table.encoding, table.delimiter) == ("Excel", "binary", None)


def test_lines_are_the_row_numbers_of_the_sheet() -> None:
    table = read_table(workbook([[], ["id", "task"], [1, "a"], [], [2, "b"], [], [" "]]), "a.xlsx")
    assert [entry.line for entry in table.entries] == [3, 5]
    assert [(problem.line, problem.kind) for problem in table.problems] == [(1, "blank"), (4, "blank")]


def test_a_column_without_a_name_is_kept_and_told() -> None:
    table = read_table(workbook([["id", None, "task"], [1, "x", "a", "beyond"]]), "a.xlsx")
    assert table.entries[0].fields == {"id": "1", "column_2": "x", "task": "a", "column_4": "beyond"}
    assert table.notes == ("2 columns had no name: now called “column_2”, “column_4”.",)


def test_a_single_column_without_a_header_is_tasks() -> None:
    table = read_table(workbook([["Write a poem about autumn."], ["Sing."]]), "a.xlsx")
    assert [entry.fields for entry in table.entries] == [
        {"atom_task": "Write a poem about autumn."},
        {"atom_task": "Sing."},
    ]


def test_the_first_sheet_with_cells_is_read_unless_one_is_named() -> None:
    data = workbook([], more={"Tasks": [["task"], ["a"]], "Other": [["task"], ["b"]]})
    table = read_table(data, "a.xlsx")
    assert [entry.fields for entry in table.entries] == [{"task": "a"}]
    assert "Read the sheet “Tasks”; the file has 2 more." in table.notes
    assert read_table(data, "a.xlsx", sheet="Other").entries[0].fields == {"task": "b"}
    assert sheet_names(data, "a.xlsx") == ["Sheet", "Tasks", "Other"]
    with pytest.raises(ReadError, match=r"has no sheet “Nope”\. Choose one of: Sheet, Tasks, Other"):
        read_table(data, "a.xlsx", sheet="Nope")
    with pytest.raises(ReadError, match=r"The sheet “Sheet” of a\.xlsx is empty"):
        read_table(data, "a.xlsx", sheet="Sheet")


def test_a_formula_that_was_never_computed_makes_its_line_unreadable() -> None:
    data = workbook([["id", "task"], [1, "a"], [2, '="b"&A3'], [3, "c"]])
    table = read_table(data, "a.xlsx")
    assert [entry.line for entry in table.entries] == [2, 4]
    assert "formula without a value in cell B3" in table.problems[0].reason
    assert table.notes == ("Formulas were read as the values last computed for them.",)


def test_a_formula_is_read_as_its_computed_value() -> None:
    data = workbook([["id", "task"], [1, "=1+1"]])
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        sheet = package.read("xl/worksheets/sheet1.xml")
    computed = sheet.replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>").replace(b"<v />", b"<v>2</v>")
    table = read_table(rezip(data, {"xl/worksheets/sheet1.xml": computed}), "a.xlsx")
    assert [entry.fields for entry in table.entries] == [{"id": "1", "task": "2"}]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old Excel format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf_16_le"), "protected by a password"),
        (b"PK\x03\x04" + b"nonsense" * 9, "damaged Excel workbook"),
        (PLAIN[: len(PLAIN) // 2], "damaged Excel workbook"),
        (workbook([]), "is empty"),
        (rezip(PLAIN, {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row"}), "damaged Excel workbook"),
    ],
)
def test_what_is_no_readable_workbook_is_named(data: bytes, told: str) -> None:
    with pytest.raises(ReadError, match=told):
        read_table(data, "a.xlsx")


def test_another_archive_is_no_workbook() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("word/document.xml", "<x/>")
    with pytest.raises(ReadError, match="not an Excel workbook"):
        read_table(file.getvalue(), "a.xlsx")


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    # The size is what the archive's directory states, where zipfile stops reading in any case.
    data = bytearray(PLAIN)
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(ReadError, match=r"too large: 1,0\d\d MB unpacked"):
        read_table(bytes(data), "a.xlsx")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(PLAIN) - 1), st.integers(0, 255))
def test_a_workbook_with_a_changed_byte_is_read_or_refused(position: int, byte: int) -> None:
    data = bytearray(PLAIN)
    data[position] = byte
    try:
        table = read_table(bytes(data), "a.xlsx")
    except ReadError:
        return
    assert table.lines == len(table.entries) + len(table.problems)


SHEET = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c><c r="B1" t="n"><v>5</v></c></row>'
    b'<row r="2"><c r="A2"><v>1.5</v></c><c r="B2" t="d"><v>2026-01-02</v></c></row></sheetData></worksheet>'
)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, len(SHEET) - 1), st.sampled_from(b"0123456789<>\"'/ abcnsZ-"))
def test_a_sheet_with_a_changed_byte_is_read_or_refused(position: int, byte: int) -> None:
    sheet = bytearray(SHEET)
    sheet[position] = byte
    try:
        table = read_table(rezip(PLAIN, {"xl/worksheets/sheet1.xml": bytes(sheet)}), "a.xlsx")
    except ReadError:
        return
    assert table.lines == len(table.entries) + len(table.problems)


def test_a_cell_in_the_last_corner_of_a_sheet_does_not_make_the_reader_hang() -> None:
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = "task"
    workbook.active["XFD1048576"] = "x"
    file = io.BytesIO()
    workbook.save(file)
    with pytest.raises(ReadError, match="16,384 columns, where 10,000 is the most"):
        read_table(file.getvalue(), "far.xlsx")

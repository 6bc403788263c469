from __future__ import annotations

import csv
import io
import time
from string import ascii_letters
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_core.errors import ReadError
from dataflow_core.readers import Table, read_lines, read_table

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def read(text: str, name: str = "tasks.csv") -> Table:
    return read_table(text.encode(), name)


def fields(table: Table) -> list[dict[str, object]]:
    return [entry.fields for entry in table.entries]


def problems(table: Table) -> list[tuple[int, str]]:
    return [(problem.line, problem.kind) for problem in table.problems]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text(ascii_letters, min_size=1, max_size=8), min_size=1, max_size=4, unique=True),
    st.data(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_wrote_is_read_back_exactly(
    columns: list[str], data: st.DataObject, delimiter: str, ending: str
) -> None:
    row = st.lists(TEXT, min_size=len(columns), max_size=len(columns)).filter(lambda cells: any(map(str.strip, cells)))
    rows = data.draw(st.lists(row, max_size=6))
    file = io.StringIO(newline="")
    # With "\n" as the ending, the writer itself leaves a "\r" in a field unquoted.
    quoted: Literal[0, 1] = 0 if ending == "\r\n" else 1
    writer = csv.writer(file, delimiter=delimiter, lineterminator=ending, quoting=quoted)
    writer.writerows([columns, *rows])
    table = read(file.getvalue())
    assert table.columns == tuple(columns)
    assert fields(table) == [dict(zip(columns, row, strict=True)) for row in rows]
    assert table.problems == []


def test_values_stay_the_text_that_the_file_holds() -> None:
    cells = ["00123", "NA", "null", "1e5", "TRUE", "trailing  ", "1.10", "-0", "None", "nan"]
    table = read("id,value\n" + "".join(f"{number},{cell}\n" for number, cell in enumerate(cells)))
    assert [entry.fields["value"] for entry in table.entries] == cells


def test_a_line_number_is_the_physical_line_where_the_entry_starts() -> None:
    table = read('id,task\n1,"two\nlines"\n\n2,three\r\n3,four\r4,five')
    assert [(entry.line, entry.fields["id"]) for entry in table.entries] == [(2, "1"), (5, "2"), (6, "3"), (7, "4")]
    assert table.entries[0].fields["task"] == "two\nlines"
    assert problems(table) == [(4, "blank")]


def test_only_line_feeds_and_carriage_returns_end_a_line() -> None:
    text = "a\u2028b\u2029c\x85d\x0be\x0cf 👩‍👩‍👧 e\u0301 \u202eabc\u202c 𝔘"
    assert fields(read(f"id,task\n1,{text}\n")) == [{"id": "1", "task": text}]
    assert fields(read_lines(f"{text}\n{text}x")) == [{"atom_task": text}, {"atom_task": text + "x"}]


def test_a_bom_is_not_part_of_the_first_column_name() -> None:
    assert read_table(b"\xef\xbb\xbftask,id\nx,1\n", "a.csv").columns == ("task", "id")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found_with_quotes_considered(delimiter: str) -> None:
    quoted = f'"one{delimiter} two, three; four | five"'
    table = read(delimiter.join(["id", "task", "n"]) + "\n" + delimiter.join(["1", quoted, "2"]) + "\n")
    assert table.delimiter == delimiter
    assert table.entries[0].fields["task"] == f"one{delimiter} two, three; four | five"
    assert table.format == ("TSV" if delimiter == "\t" else "CSV")


def test_commas_in_the_text_of_a_semicolon_file_are_text() -> None:
    table = read("id;task\n1;Hello, dear, world\n2;Bye\n")
    assert table.delimiter == ";"
    assert table.entries[0].fields["task"] == "Hello, dear, world"


def test_the_line_with_which_excel_declares_a_delimiter_is_obeyed() -> None:
    table = read("sep=;\r\nid;task\r\n1;x\r\n")
    assert (table.columns, table.entries[0].line) == (("id", "task"), 3)


def test_a_line_with_a_wrong_number_of_fields_is_named_with_both_counts() -> None:
    table = read("a,b,c\n1,2,3\n1,2,3,4,5\n1,2\n,,\n , \n")
    assert [problem.reason for problem in table.problems[:2]] == [
        "Line 3 has 5 fields where the header has 3.",
        "Line 4 has 2 fields where the header has 3.",
    ]
    assert problems(table) == [(3, "unreadable"), (4, "unreadable"), (5, "blank"), (6, "blank")]
    assert table.problems[0].text == "1,2,3,4,5"
    assert table.lines == 5


def test_an_unclosed_quote_costs_its_own_line_and_swallows_none() -> None:
    table = read('id,task\n1,a\n2,"b\n3,c\n4,d\n')
    assert [entry.fields["id"] for entry in table.entries] == ["1", "3", "4"]
    assert problems(table) == [(3, "unreadable")]
    assert "line 3 is never closed" in table.problems[0].reason


def test_an_unclosed_quote_before_a_quoted_line_costs_its_own_line_too() -> None:
    table = read('id,task\n2,"b\n3,c\n4,"d"\n5,e\n')
    assert [entry.fields["id"] for entry in table.entries] == ["3", "4", "5"]
    assert "line 4 has text after the next quote" in table.problems[0].reason


def test_the_text_of_a_field_cut_off_at_the_end_does_not_become_entries() -> None:
    table = read('id,task\n1,"two\nlines"\n2,"cut\nfoo, bar\n\nbaz')
    assert [entry.fields["id"] for entry in table.entries] == ["1"]
    assert problems(table) == [(4, "unreadable"), (5, "unreadable"), (6, "blank"), (7, "unreadable")]


def test_text_after_a_closing_quote_is_reported_rather_than_changed() -> None:
    table = read('id,task\n1,"Hello" he said\n2,"multi "hi"\nso, the rest"\n3,fine\n')
    assert [entry.fields["id"] for entry in table.entries] == ["3"]
    assert [problem.line for problem in table.problems] == [2, 3, 4]


def test_quotes_in_a_tsv_without_quoting_are_letters() -> None:
    table = read('id\ttask\n1\t"Hello" he said\n2\tb\n', "a.tsv")
    assert table.entries[0].fields["task"] == '"Hello" he said'


def test_columns_without_a_name_or_with_one_twice_get_one() -> None:
    table = read("task,,task,task (2),column_2\n1,2,3,4,5\n")
    assert table.columns == ("task", "column_2 (2)", "task (3)", "task (2)", "column_2")
    assert table.notes[0] == "1 column had no name: now called “column_2 (2)”."
    assert list(table.entries[0].fields.values()) == ["1", "2", "3", "4", "5"]
    assert fields(read(",,\n1,2,3\n")) == [{"column_1": "1", "column_2": "2", "column_3": "3"}]


def test_nul_and_undecodable_bytes_make_only_their_line_unreadable() -> None:
    good = "1,é\n2,ü\n3,ö\n4,ä\n" * 3
    table = read_table(b"id,task\n5,a\0b\n6,\xff\n" + good.encode(), "a.csv")
    assert problems(table) == [(2, "unreadable"), (3, "unreadable")]
    assert "NUL" in table.problems[0].reason
    assert (table.problems[0].text, table.problems[1].text) == ("5,a␀b", "6,\N{REPLACEMENT CHARACTER}")
    assert len(table.entries) == 12


def test_a_very_long_field_is_read_whole() -> None:
    assert fields(read("id,task\n1," + "x" * 300_000 + "\n"))[0]["task"] == "x" * 300_000


def test_one_column_of_sentences_is_read_whole_whatever_commas_it_has() -> None:
    table = read("task\nWrite a poem, please\nSing, dance, and smile\n")
    assert [entry.fields["task"] for entry in table.entries] == ["Write a poem, please", "Sing, dance, and smile"]
    assert table.delimiter is None
    headless = read("Write a poem, please.\nSing.\n")
    assert fields(headless) == [{"atom_task": "Write a poem, please."}, {"atom_task": "Sing."}]
    assert fields(read("Write a poem, please\nSing\n"))[0] == {"atom_task": "Write a poem, please"}
    assert fields(read("Hello, world.\nBye, world.\n"))[1] == {"atom_task": "Bye, world."}
    assert read("id, task\n1, a\n").columns == ("id", " task")


def test_a_text_file_is_lines_unless_it_is_plainly_a_table() -> None:
    assert fields(read(" Write, please \nSing, now\n", "a.txt")) == [
        {"atom_task": " Write, please "},
        {"atom_task": "Sing, now"},
    ]
    assert read("id;task\n1;a\n2;b\n", "a.txt").columns == ("id", "task")
    assert fields(read("Task\na\n\nb\n", "a.txt")) == [{"Task": "a"}, {"Task": "b"}]


def test_cells_pasted_from_a_spreadsheet_are_a_table() -> None:
    assert fields(read_lines('id\ttask\n1\t"a\nb"\n2\tc')) == [{"id": "1", "task": "a\nb"}, {"id": "2", "task": "c"}]
    headless = read_lines("1\tWrite a poem.\n2\tSing.")
    assert fields(headless)[0] == {"column_1": "1", "column_2": "Write a poem."}
    assert headless.lines == 2


def test_pasted_lines_keep_their_numbers_and_blanks_are_told() -> None:
    table = read_lines("one\n\n  \r\ntwo ")
    assert [(entry.line, entry.fields["atom_task"]) for entry in table.entries] == [(1, "one"), (4, "two ")]
    assert problems(table) == [(2, "blank"), (3, "blank")]


@pytest.mark.parametrize("text", ["", "  \n\n"])
def test_nothing_pasted_is_said_in_a_sentence(text: str) -> None:
    with pytest.raises(ReadError, match=r"Nothing was pasted\. Write one task a line"):
        read_lines(text)


def test_a_header_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ReadError, match=r"The header of tasks\.csv cannot be read\. Line 1 has text after a closing"):
        read('"id"x,task\n1,2\n')
    with pytest.raises(ReadError, match=r"cannot be read\. A quote opened in line 1 is never closed"):
        read('"id,task\n1,2\n')


def test_a_header_alone_is_a_table_without_entries_and_says_so() -> None:
    table = read("id,task\n")
    assert (table.lines, table.notes) == (0, ("The file has a header and nothing below it.",))


def test_a_hundred_thousand_lines_are_read_in_moments() -> None:
    data = ("id,task,note\n" + "".join(f'{n},"Write, about {n}",é\n' for n in range(100_000))).encode()
    started = time.process_time()
    assert read_table(data, "big.csv").lines == 100_000
    assert time.process_time() - started < 3


def test_many_stray_quotes_do_not_slow_reading_down() -> None:
    started = time.process_time()
    table = read("id,task\n" + '1,"a\n' * 30_000)
    assert (table.lines, len(table.entries)) == (30_000, 0)
    assert time.process_time() - started < 3


def test_more_columns_than_anyone_has_are_refused_at_once() -> None:
    header = ",".join(f"c{number}" for number in range(200_000))
    with pytest.raises(ReadError, match=r"200,000 columns, where 10,000 is the most"):
        read_table(f"{header}\n1\n".encode(), "wide.csv")

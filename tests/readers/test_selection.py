from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_core.errors import ReadError, UsageError
from dataflow_core.readers import find_duplicates, guess_task_column, read_lines, read_table, select_inputs

SUFFIXES = ["csv", "tsv", "txt", "json", "jsonl", "ndjson", "xlsx", "xls", "parquet", "md", ""]
# Bytes that mean something to one reader or another come up far more often than by chance.
WORDS = rb', ; | " "" { } [ ] : {"a":1} "a" a 1 null task \ud800 PAR1'.split()
MARKS = [b"\n", b"\r\n", b"\r", b"\t", b" ", b"\0", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\xef\xbb\xbf"]
OTHERS = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xc3\xa9", b"\xe9", b"\xe2\x80\xa8", b"sep=;\n"]
PIECES = st.sampled_from([*WORDS, *MARKS, *OTHERS])
BYTES = st.binary(max_size=60) | st.lists(PIECES, max_size=30).map(b"".join)


@settings(max_examples=700, deadline=None)
@given(BYTES, st.sampled_from(SUFFIXES))
def test_any_bytes_are_a_table_that_accounts_for_every_line_or_a_read_error(data: bytes, suffix: str) -> None:
    try:
        table = read_table(data, f"file.{suffix}")
    except ReadError:
        return
    assert table.lines == len(table.entries) + len(table.problems)
    assert len(set(table.columns)) == len(table.columns) > 0
    assert all(entry.fields.keys() <= set(table.columns) for entry in table.entries)
    column = guess_task_column(table)
    chosen = select_inputs(table, column)
    assert len(chosen.entries) + len(chosen.skipped) == table.lines
    told = [entry.fields for entry in table.entries], [(line.reason, line.text) for line in chosen.skipped]
    json.dumps((told, table.columns, table.notes), ensure_ascii=False, allow_nan=False).encode()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.lists(PIECES, max_size=20).map(lambda parts: b"".join(parts).decode("latin-1")))
def test_any_pasted_text_accounts_for_every_line(text: str) -> None:
    try:
        table = read_lines(text)
    except ReadError:
        return
    chosen = select_inputs(table, guess_task_column(table))
    assert len(chosen.entries) + len(chosen.skipped) == table.lines


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("id,Atom Task,text", "1,do,long text here", "Atom Task"),
        ("input,output,INSTRUCTION", "a,b,c", "INSTRUCTION"),
        ("output,Prompt", "a,b", "Prompt"),
        ("task,question", ",why?", "question"),
        (
            "key,what,url",
            "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e,do this,https://example.org/a/very/long/address",
            "what",
        ),
    ],
)
def test_the_task_column_is_guessed(header: str, cells: str, expected: str) -> None:
    assert guess_task_column(read_table(f"{header}\n{cells}\n".encode(), "a.csv")) == expected


def test_a_long_text_that_is_the_same_everywhere_is_not_the_task() -> None:
    lines = "".join(f"{n},{'You are an assistant. ' * 3},do thing {n}\n" for n in range(20))
    assert guess_task_column(read_table(f"id,system,what\n{lines}".encode(), "a.csv")) == "what"


def test_duplicates_are_equal_in_every_column_and_a_shared_task_is_pointed_out() -> None:
    table = read_table(b"id,task\n1,a\n2,a\n1,a\n3,b\n3,b \n2,a\n", "a.csv")
    found = find_duplicates(table, "task")
    assert [(line.line, line.kind, line.reason) for line in found.exact] == [
        (4, "duplicate", "Same as line 2."),
        (7, "duplicate", "Same as line 3."),
    ]
    assert found.same_task == [(3, 2)]


def test_numbers_and_truth_values_that_python_thinks_equal_are_no_duplicates() -> None:
    table = read_table(b'{"task": 1}\n{"task": true}\n{"task": 1.0}\n{"task": "1"}\n{"task": 1}\n', "a.jsonl")
    assert [line.line for line in find_duplicates(table, "task").exact] == [5]


def test_entries_that_share_a_line_are_told_apart() -> None:
    table = read_table(b'[{"task": "a"}, {"task": "b"}, {"task": "a"}]', "a.json")
    chosen = select_inputs(table, "task")
    assert [entry.fields["task"] for entry in chosen.entries] == ["a", "b"]
    assert [(line.line, line.reason) for line in chosen.skipped] == [(3, "Same as entry 1.")]


def test_every_line_is_an_input_or_skipped_with_a_reason() -> None:
    table = read_table(b"id,task\n1,a\n\n2, \n1,a\n3,b,c\n4,d\n", "a.csv")
    chosen = select_inputs(table, "task")
    assert [entry.line for entry in chosen.entries] == [2, 7]
    assert [(line.line, line.kind) for line in chosen.skipped] == [
        (3, "blank"),
        (4, "blank"),
        (5, "duplicate"),
        (6, "unreadable"),
    ]
    assert chosen.skipped[1].reason == "Line 4 has nothing in “task”."
    kept = select_inputs(table, "task", skip_blank=False, skip_duplicates=False)
    assert [entry.line for entry in kept.entries] == [2, 3, 4, 5, 7]
    assert len(kept.entries) + len(kept.skipped) == table.lines


def test_an_unknown_column_is_refused_with_the_known_ones() -> None:
    table = read_lines("a\nb")
    with pytest.raises(UsageError, match=r"no column “task”\. Choose one of: atom_task\."):
        select_inputs(table, "task")


def test_selecting_from_a_hundred_thousand_entries_takes_moments() -> None:
    table = read_lines("\n".join(f"Write about {n}" for n in range(100_000)))
    started = time.process_time()
    assert len(select_inputs(table, "atom_task").entries) == 100_000
    assert time.process_time() - started < 3


def test_importing_the_readers_loads_no_heavy_package() -> None:
    heavy = "{'pandas', 'pyarrow', 'openpyxl', 'charset_normalizer', 'numpy'}"
    code = f"import sys, dataflow_core.readers; sys.exit(' '.join({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True).stderr == "\n"

from __future__ import annotations

import pytest

from dataflow_core.errors import ReadError
from dataflow_core.readers import read_table

WESTERN = "Écris un poème sur l’été à Paris – 5 €."
SWEDISH = "Skriv en dikt på svenska om våren"
JAPANESE = "日本語で詩を書いてください。東京の天気も調べる"
CHINESE = "写一首关于秋天的诗，然后翻译成英文"


@pytest.mark.parametrize(
    ("codec", "label", "text"),
    [
        ("utf_8", "UTF-8", JAPANESE),
        ("utf_8_sig", "UTF-8", WESTERN),
        ("utf_16", "UTF-16 LE", CHINESE),
        ("cp1252", "Windows-1252", WESTERN),
        ("cp1252", "Windows-1252", SWEDISH),
        ("cp1252", "Windows-1252", "café"),
        ("cp932", "Shift-JIS", JAPANESE),
        ("gb18030", "GB18030", CHINESE),
        ("big5", "Big5", "寫一首關於秋天的詩，並翻譯成英文"),
        ("cp949", "EUC-KR", "가을에 관한 시를 써 주세요"),
        ("cp1251", "Windows-1251", "Напиши стихотворение об осени"),
        ("cp1250", "Windows-1250", "Zażółć gęślą jaźń, napisz wiersz"),
    ],
)
def test_the_encoding_is_told_and_the_text_is_right(codec: str, label: str, text: str) -> None:
    table = read_table(f"id\ttask\n1\t{text}\n".encode(codec), "tasks.tsv")
    assert (table.encoding, table.columns) == (label, ("id", "task"))
    assert table.entries[0].fields["task"] == text
    assert bool(table.notes) == (label != "UTF-8")
    assert all(label in note for note in table.notes)


@pytest.mark.parametrize("codec", ["utf_16_le", "utf_16_be"])
def test_utf_16_is_known_without_its_byte_order_mark(codec: str) -> None:
    table = read_table("id,task\n1,hello there\n".encode(codec), "tasks.csv")
    assert table.entries[0].fields == {"id": "1", "task": "hello there"}


def test_utf_16_big_endian_is_known_by_its_mark() -> None:
    data = b"\xfe\xff" + f"id,task\n1,{WESTERN}\n".encode("utf_16_be")
    assert read_table(data, "tasks.csv").entries[0].fields["task"] == WESTERN


def test_utf_16_that_is_cut_in_a_character_costs_only_the_last_line() -> None:
    table = read_table("id,task\n1,a\n2,b".encode("utf_16")[:-1], "tasks.csv")
    assert ([entry.fields["id"] for entry in table.entries], table.problems[0].line) == (["1"], 3)


def test_one_byte_far_into_a_large_file_decides() -> None:
    data = b"id,task\n" + b"1,plain\n" * 50_000 + "2,Übung\n".encode("cp1252")
    assert read_table(data, "tasks.csv").entries[-1].fields["task"] == "Übung"


def test_a_long_line_of_ascii_is_no_trouble() -> None:
    data = b"id,task\n1," + b"x" * 2_000_000 + "é\n".encode("cp1252")
    assert read_table(data, "tasks.csv").entries[0].fields["task"][-1] == "é"


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl", "a", "a.xls"])
def test_binary_data_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(ReadError, match="is not text"):
        read_table(bytes(range(256)) * 4, name)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "a.csv is empty"),
        (b" \n\n", "a.csv is empty"),
        (b"%PDF-1.7 ...", "a.csv is a PDF document"),
        (b"\x1f\x8b\x08\0", "compressed file"),
        (b"<!DOCTYPE html><table>", "a web page"),
    ],
)
def test_what_is_no_table_is_named(data: bytes, told: str) -> None:
    with pytest.raises(ReadError, match=told):
        read_table(data, "a.csv")

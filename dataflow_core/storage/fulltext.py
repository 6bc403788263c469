"""Searching the texts of records: the one place that differs from one kind of database to another.

SQLite's FTS5 keeps an index without the texts, which are in the revisions; so what leaves it has to be told to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from unicodedata import normalize

from sqlalchemy import ColumnElement, Connection, Select, Text, cast, column, func, select, table, text, true

from dataflow_core.storage.schema import records, revisions

_texts = table("record_texts", column("rowid"), column("record_texts"))
_INSERT = text("INSERT INTO record_texts (rowid, text) VALUES (:number, :text)")
_DELETE = text("INSERT INTO record_texts (record_texts, rowid, text) VALUES ('delete', :number, :text)")

#: Scripts that put no space between words (Thai to Burmese, Khmer, kana, Han, Hangul): each character is a word here,
#: and what is searched for a phrase of them.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff])"
)
_WORD = re.compile(r"[^\W_]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TERM = re.compile(r'"([^"]*)"|(\S+)')


def create(connection: Connection) -> None:
    connection.exec_driver_sql(
        "CREATE VIRTUAL TABLE record_texts USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2')"
    )


def add(connection: Connection, texts: Iterable[tuple[int, str]]) -> None:
    """Index records that are new, by number."""
    if rows := [{"number": number, "text": _spaced(words)} for number, words in texts]:
        connection.execute(_INSERT, rows)


def replace(connection: Connection, number: int, before: str, after: str) -> None:
    if before != after:
        connection.execute(_DELETE, {"number": number, "text": _spaced(before)})
        add(connection, [(number, after)])


def matching(wanted: str) -> ColumnElement[bool]:
    """Records that have every word, or a word that begins so, in any order; what is in quotes as it stands there."""
    with_words = found(wanted)
    return records.c.number.in_(with_words) if with_words is not None else _containing(_readable(wanted).strip())


def found(wanted: str) -> Select[Any] | None:
    """The numbers of the records that have every word; None where there is no word in it."""
    if terms := list(_terms(_readable(wanted))):
        return select(_texts.c.rowid.label("number")).where(_texts.c.record_texts.op("MATCH")(" ".join(terms)))
    return None


def text_of(fields: Any) -> str:
    return "\n".join(_strings(fields))


def _readable(wanted: str) -> str:
    return _SURROGATE.sub("\ufffd", wanted)


def _terms(wanted: str) -> Iterator[str]:
    for phrase, word in _TERM.findall(wanted):
        term = _spaced(phrase or word).replace('"', " ").replace("\0", " ").strip()
        if _WORD.search(term):
            yield f'"{term}"' if phrase else f'"{term}"*'


def _containing(wanted: str) -> ColumnElement[bool]:
    """For what is no word: read through everything."""
    texts = func.json_tree(revisions.c.fields).table_valued("atom")
    present = (revisions.c.record == records.c.number) & (revisions.c.number == records.c.revision)
    both = revisions.join(texts, true())
    return select(1).select_from(both).where(present, func.instr(cast(texts.c.atom, Text), wanted) > 0).exists()


def _spaced(words: str) -> str:
    """In one case, in one form of accents, and with every word of an unspaced script apart."""
    folded = words.casefold()
    return folded if folded.isascii() else _UNSPACED.sub(r" \1 ", normalize("NFC", folded))


def _strings(value: Any) -> Iterator[str]:
    """What a person reads as text: of a turn, not by whom it is."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            is_turn = isinstance(part, dict) and part.keys() >= {"role", "value"}
            yield from _strings({name: text for name, text in part.items() if name != "role"} if is_turn else part)
    elif value is not None:
        yield str(value)

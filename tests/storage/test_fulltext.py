"""Searching texts: by words in any script, and nothing that somebody types is taken for a command."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow_core.models import ReviewStatus
from dataflow_core.reviewing.replacing import Replacement
from dataflow_core.storage import undoing
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.record_makers import DIALOGUES, TASKS, make_records, record_at


def make(workspace: Workspace, *texts: str) -> None:
    make_records(workspace, [{"atom_task": text} for text in texts])


def found(workspace: Workspace, wanted: str) -> list[int]:
    return list(workspace.records.numbers(Query(text=wanted)))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path_factory.mktemp("texts") / "workspace", create=True)
    make(
        workspace,
        "Compare the prices of three laptops.",  # 1
        "Three prices, compared: a LAPTOP near Zürich costs more.",  # 2
        "Straße und Ärger, naïve café in São Paulo",  # 3
        "请帮我预订一家北京的酒店。",  # 4
        "京都の会議室を予約してください。カタカナ",  # 5
        "ฉันต้องการจองโรงแรมในกรุงเทพ",  # 6
        "서울에서 호텔을 예약해 주세요",  # 7
        'Look: NEAR(a, b) OR c* AND NOT "d" ^e -f col:g + {h}',  # 8
        "Party 🎉 at 100% – e_mail me, 50/50",  # 9
        "Москва: Ёлка и ЙОД",  # 10
        "مرحبا بالعالم",  # 11
    )
    yield workspace
    workspace.close()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("laptop", [1, 2]),
        ("laptops", [1]),
        ("price", [1, 2]),
        ("three prices", [1, 2]),
        ("prices three", [1, 2]),
        ('"three prices"', [2]),
        ('"prices of three" compare', [1]),
        ('"price"', []),
        ('"of thr"', []),
        ("COMPARE", [1, 2]),
        ("prices absent", []),
        ("zurich", [2]),
        ("Zürich", [2]),
        ("zu\u0308rich", [2]),
        ("ZÜRICH", [2]),
        ("strasse", [3]),
        ("STRASSE", [3]),
        ("straß", [3]),
        ("arger", [3]),
        ("naive cafe", [3]),
        ("sao paulo", [3]),
        ("酒店", [4]),
        ("北京的酒店", [4]),
        ("京", [4, 5]),
        ("京都", [5]),
        ("会議室", [5]),
        ("カタ", [5]),
        ("酒店 北京", [4]),
        ("京北", []),
        ("โรงแรม", [6]),
        ("กรุงเทพ", [6]),
        ("호텔", [7]),
        ("예약", [7]),
        ("москва", [10]),
        ("ёлка йод", [10]),
        ("بالعالم", [11]),
    ],
)
def test_words_prefixes_and_phrases_are_found_in_any_script(texts: Workspace, wanted: str, expected: list[int]) -> None:
    assert found(texts, wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("NEAR", [2, 8]),
        ("NEAR(a b)", [8]),
        ("a NEAR/2 b", []),
        ("laptops OR酒店", []),
        ("laptops OR absent", []),
        ("c*", [8, 1, 2, 3]),
        ("*", [8]),
        ("col:g", [8]),
        ("record_texts:laptop", []),
        ("^e", [8, 9]),
        ("^", [8]),
        ("-f", [8]),
        ("- laptops", [1]),
        ("NOT d", [8]),
        ("{h}", [8]),
        ('"', [8]),
        ('""', []),
        ('"laptops', [1]),
        ('laptops"', [1]),
        ('"prices of" "', [1]),
        ("'", []),
        ("; DROP TABLE records; --", []),
        ("🎉", [9]),
        ("100%", [9]),
        ("%", [9]),
        ("_", [9]),
        ("–", [9]),
        ("\\", []),
        ("??", []),
        ("…", []),
        ("\0", []),
        ("laptops \0", [1]),
        ("\ud800", []),
        ("laptops \udfff", [1]),
        ("   ", list(range(1, 12))),
    ],
)
def test_what_search_engines_take_for_operators_is_text_here(
    texts: Workspace, wanted: str, expected: list[int]
) -> None:
    result = found(texts, wanted)
    if wanted == "c*":
        assert set(result) >= {8, 1}
    else:
        assert result == expected


@settings(max_examples=100, deadline=None)
@given(wanted=st.text(max_size=20) | st.text(st.sampled_from("ab\"*^:-+(){}NEAROT'%_ 京é🎉\0"), max_size=20))
def test_no_search_is_an_error(texts: Workspace, wanted: str) -> None:
    assert set(found(texts, wanted)) <= set(range(1, 12))
    assert texts.records.count(Query(text=wanted)) == len(found(texts, wanted))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=15).filter(str.strip))
def test_a_text_is_found_by_itself(workspace: Workspace, text: str) -> None:
    make(workspace, text)
    newest = workspace.records.count(Query())
    (stored,) = record_at(workspace, newest).fields.values()
    assert newest in found(workspace, stored)


def test_very_long_searches_are_answered_soon(texts: Workspace) -> None:
    words = random.Random(1)
    many = " ".join("".join(words.choices(string.ascii_lowercase, k=4)) for _ in range(2_000))
    for wanted in ("a" * 10_000, many, "京" * 10_000, "%" * 10_000, "🎉" * 20_000, '"' * 10_000, "a " * 5_000):
        began = time.process_time()
        assert found(texts, wanted) in ([], [1, 2, 3, 8, 9], [2, 3, 8, 9])
        assert time.process_time() - began < 2.0, wanted[:20]


def test_a_long_text_is_found_by_its_last_word(workspace: Workspace) -> None:
    make(workspace, "filler " * 20_000 + "needle")
    assert found(workspace, "needle") == [1]


def test_turns_of_dialogues_are_searched(workspace: Workspace) -> None:
    turns = [{"role": "user", "value": "Which pears?"}, {"role": "assistant", "value": "Ripe ones."}]
    make_records(workspace, [{"category": "Fruit", "conversation": turns}], generator=DIALOGUES)
    assert found(workspace, "pears ripe fruit") == [1]
    assert found(workspace, "?") == [1]


def test_what_is_found_follows_edits_undo_restore_and_bulk_actions(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "ONE_EDIT", -1.0)
    make(workspace, "Weigh the ripe pears.", "Weigh the apples.")
    record = record_at(workspace, 1)
    workspace.review.edit(record.id, {"atom_task": "Weigh the plums 李子."}, base_revision=1, author="Ada")
    assert (found(workspace, "pears"), found(workspace, "plums"), found(workspace, "李子")) == ([], [1], [1])
    workspace.review.edit(record.id, {"atom_task": "Weigh."}, base_revision=2, author="Ada")
    assert (found(workspace, "plums"), found(workspace, "weigh")) == ([], [1, 2])
    workspace.review.undo_last("Ada")
    assert found(workspace, "plums") == [1]
    workspace.review.undo_last("Ada")
    assert (found(workspace, "pears"), found(workspace, "plums")) == ([1], [])
    workspace.review.restore(record.id, 2, author="Ada")
    assert (found(workspace, "pears"), found(workspace, "plums")) == ([], [1])
    done = workspace.bulk.execute(workspace.bulk.replace([1, 2], Replacement("Weigh", "Wägen"), author="Ada").number)
    assert (found(workspace, "weigh"), found(workspace, "wagen")) == ([], [1, 2])
    workspace.bulk.execute(workspace.bulk.undo(done.number, author="Ada").number)
    assert (found(workspace, "weigh"), found(workspace, "wagen")) == ([1, 2], [])
    workspace.review.decide({record.id: record_at(workspace, 1).revision}, ReviewStatus.DELETED, reviewer="Ada")
    assert found(workspace, "weigh") == [2]


def test_the_index_is_whole_after_texts_of_every_kind_were_written_over(workspace: Workspace) -> None:
    """Were the index told to forget something else than it holds, this check of SQLite's own would find it."""
    values = [
        None,
        True,
        0,
        -0.0,
        1e22,
        10**30,
        "İstanbul ﬁ \0 \ud800",
        ["a", {"b": ["c"]}],
        {"role": "x"},
        "京e\u0301",
    ]
    make_records(workspace, [{"atom_task": "One.", "extra": value} for value in values], generator=TASKS)
    make_records(workspace, [{"atom_task": "Two.", "extra": ("a tuple", 1)}])
    for record in list(workspace.records.stream(Query())):
        changes = {"atom_task": "Changed.", "extra": "gone"}
        workspace.review.edit(record.id, changes, base_revision=1, author="Ada")
    assert len(found(workspace, "changed gone")) == len(values) + 1
    for wanted in ("one", "istanbul", "tuple", "京", "true", "b c", "10"):
        assert found(workspace, wanted) == [], wanted
    with workspace.database.write() as connection:
        connection.exec_driver_sql("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, record_texts, row)")
        words = {row[0]: row[1] for row in connection.exec_driver_sql("SELECT term, doc FROM temp.words")}
        connection.exec_driver_sql("DROP TABLE temp.words")
    assert words == {"changed": len(values) + 1, "gone": len(values) + 1}

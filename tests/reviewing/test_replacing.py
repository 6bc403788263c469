"""Find and replace: texts change as asked, names and roles never, and no pattern gets the better of the program."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields
from dataflow_core.reviewing.replacing import Replacement

TEXTS = st.text(st.sampled_from("abcAB .*+?()[]{}|^$\\/&#-\nßéİ字😀\u0301"), max_size=12) | st.text(max_size=12)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("role"), inner, max_size=3),
    max_leaves=8,
)


def replaced(value: Any, pattern: str, by: str) -> Any:
    if isinstance(value, str):
        return value.replace(pattern, by)
    if isinstance(value, list):
        return [replaced(part, pattern, by) for part in value]
    if isinstance(value, dict):
        return {name: part if name == "role" else replaced(part, pattern, by) for name, part in value.items()}
    return value


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=3), TEXTS.filter(bool), TEXTS)
def test_a_plain_replacement_is_that_of_str_in_every_text_and_leaves_names_and_roles(
    fields: Fields, pattern: str, by: str
) -> None:
    expected = {name: replaced(value, pattern, by) for name, value in fields.items()}
    assert Replacement(pattern, by).apply(fields) == expected


@settings(max_examples=80, deadline=None)
@given(TEXTS.filter(bool), TEXTS)
def test_a_replacement_without_regard_to_case_leaves_nothing_to_find_but_what_it_put_there(
    pattern: str, text: str
) -> None:
    taken_away = Replacement(pattern, "\0", is_case_sensitive=False).apply({"a": text + pattern + text})["a"]
    assert "\0" in taken_away
    assert pattern not in taken_away.split("\0")


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS, st.booleans(), TEXTS)
def test_any_pattern_is_applied_or_refused_with_a_sentence(pattern: str, by: str, is_regex: bool, text: str) -> None:
    try:
        replacement = Replacement(pattern, by, is_regex)
    except UsageError as error:
        sentence = str(error)
    else:
        sentence = replacement.description + "."
        assert isinstance(replacement.apply({"a": text})["a"], str)
        assert Replacement.of(replacement.as_fields()) == replacement
    assert sentence.endswith(".")


def test_groups_are_put_where_they_are_referred_to() -> None:
    fields = {"a": "2024-03-01", "b": "none"}
    by_number = Replacement(r"(\d+)-(\d+)-(\d+)", r"\3.\2.\1", is_regex=True)
    by_name = Replacement(r"(?P<year>\d{4})-(?P<rest>.+)", r"\g<rest> of \g<year>", is_regex=True)
    assert by_number.apply(fields) == {"a": "01.03.2024", "b": "none"}
    assert by_name.apply(fields)["a"] == "03-01 of 2024"
    assert Replacement("(a)|(b)", r"[\2]", is_regex=True).apply({"x": "ab"}) == {"x": "[][b]"}
    assert Replacement("a", r"\1", is_regex=False).apply({"x": "a"}) == {"x": r"\1"}


def test_where_nothing_is_nothing_is_put() -> None:
    for pattern in (r"\b", "(?=a)", r"a*\b"):
        assert Replacement(pattern, "|", is_regex=True).apply({"x": "abc abab."})["x"].replace("|", "") == "abc abab."
    assert Replacement(r"\b", "|", is_regex=True).apply({"x": "abc abab."}) == {"x": "abc abab."}


def test_a_pattern_may_have_flags_and_comments_of_its_own() -> None:
    verbose = Replacement("(?x) (a) [ ] b  # a comment (", r"\1", is_regex=True)
    assert verbose.apply({"x": "a b"}) == {"x": "a"}
    assert Replacement("(?i)one", "two", is_regex=True).apply({"x": "ONE"}) == {"x": "two"}


def test_case_makes_no_difference_where_that_is_asked_for() -> None:
    fields = {"x": "Apple APPLE apple ÄPFEL"}
    assert Replacement("apple", "pear", is_case_sensitive=False).apply(fields) == {"x": "pear pear pear ÄPFEL"}
    assert Replacement("äpfel", "", is_case_sensitive=False).apply(fields) == {"x": "Apple APPLE apple "}
    assert Replacement("apple", "pear").apply(fields) == {"x": "Apple APPLE pear ÄPFEL"}


def test_turns_are_replaced_in_and_their_roles_stay() -> None:
    turns = [{"role": "user", "value": "Ask the user."}, {"role": "assistant", "value": "user"}]
    fields = {"category": "user", "conversation": turns, "role": "user of a column"}
    assert Replacement("user", "person").apply(fields) == {
        "category": "person",
        "conversation": [{"role": "user", "value": "Ask the person."}, {"role": "assistant", "value": "person"}],
        "role": "person of a column",
    }
    only = Replacement("user", "person", field="conversation").apply(fields)
    assert (only["category"], only["conversation"][1]["value"]) == ("user", "person")
    assert Replacement("value", "text").apply(fields) == fields
    assert Replacement("user", "person", field="gone").apply(fields) == fields


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("", "Say what to find"),
        ("(", r"missing \) at position 1"),
        ("[z-a]", "bad character range at position 4"),
        ("a{3,1}", "min repeat greater than max repeat at position 2"),
        ("*a", "nothing to repeat at position 0"),
        (r"\p{Nonsense}", "unknown property at position"),
        ("x*", "matches where nothing is"),
        ("^", "matches where nothing is"),
        ("a{99999999999999999999}", "repeat count too big|too large"),
        ("(" * 3_000 + "a" + ")" * 3_000, "too large"),
    ],
)
def test_a_bad_pattern_is_refused_and_told_where_it_is_bad(pattern: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Replacement(pattern, "", is_regex=True)


@pytest.mark.parametrize(
    ("by", "sentence"),
    [(r"\2", "invalid group reference"), (r"\g<x>", "unknown group"), ("\\", "end of pattern"), (r"\q", "bad escape")],
)
def test_a_replacement_that_refers_to_nothing_is_refused_before_anything_is_done(by: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Replacement("(a)", by, is_regex=True)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("(a|aa)+$", "a" * 70 + "!"), (r"(\w+\s?)*[;]", "word " * 40 + "!"), ("(x+x+)+y", "x" * 40), ("(.*)*z", "b" * 40)],
)
def test_a_pattern_that_would_take_years_is_stopped_with_a_sentence(
    pattern: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflow_core.reviewing.replacing.LONGEST", 0.1)
    began, problem = time.process_time(), ""
    try:
        Replacement(pattern, "", is_regex=True).apply({"a": text})
    except UsageError as error:
        problem = str(error)
    assert not problem or f"takes too long on a text of {len(text)} characters" in problem
    assert time.process_time() - began < 2.0


def test_at_least_one_of_these_patterns_is_stopped_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataflow_core.reviewing.replacing.LONGEST", 0.05)
    with pytest.raises(UsageError, match="takes too long"):
        Replacement("(a|aa)+$", "", is_regex=True).apply({"a": "a" * 70 + "!"})

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dataflow_core.wording import about, about_range, money, money_range
from ui.format import ago, count, duration, duration_range

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 records"), (1, "1 record"), (2, "2 records"), (1234567, "1,234,567 records")]
)
def test_counts_carry_their_noun(number: int, shown: str) -> None:
    assert count(number, "record") == shown


def test_an_unusual_plural_can_be_given() -> None:
    assert count(2, "reply", "replies") == "2 replies"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0.0 s"),
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7510, "2 h 5 min"),
        (86400, "1 d"),
        (100800, "1 d 4 h"),
    ],
)
def test_durations_name_at_most_two_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=2, minutes=59), "2 h ago"),
        (timedelta(hours=30), "yesterday"),
        (timedelta(days=5), "5 days ago"),
    ],
)
def test_a_moment_is_told_by_its_distance(before: timedelta, shown: str) -> None:
    assert ago(NOW - before, NOW) == shown


def test_from_a_month_on_the_date_is_told() -> None:
    assert ago(NOW - timedelta(days=40), NOW) == "2026-10-12"


def test_a_moment_without_a_time_zone_is_utc() -> None:
    assert ago(datetime(2026, 11, 21, 11, 0), NOW) == "1 h ago"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "$0.00"),
        (3.414, "$3.41"),
        (12_300, "$12,300.00"),
        (0.1, "$0.10"),
        (0.0999, "$0.10"),
        (0.034, "$0.034"),
        (0.0012345, "$0.0012"),
        (0.01, "$0.01"),
        (0.0000001, "under $0.000001"),
    ],
)
def test_money_shows_cents_or_two_digits_that_say_something(amount: float, shown: str) -> None:
    assert money(amount) == shown


def test_a_range_of_money_has_one_sign_and_collapses_when_both_ends_print_the_same() -> None:
    assert money_range(2.6, 4.3) == "$2.60–4.30"
    assert money_range(2.601, 2.599) == "$2.60"


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (7, "7"), (999, "1,000"), (340_123, "340,000"), (1_234_567, "1.2 million"), (23_456_789, "23 million")],
)
def test_estimated_counts_have_two_digits(number: int, shown: str) -> None:
    assert about(number) == shown


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (880_000, 1_500_000, "0.9–1.5 million"),
        (290_000, 390_000, "290,000–390,000"),
        (1_190_000, 1_210_000, "1.2 million"),
    ],
)
def test_both_ends_of_an_estimate_are_told_in_the_unit_of_the_higher(low: int, high: int, shown: str) -> None:
    assert about_range(low, high) == shown


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (3, 5, "3–5 s"),
        (200, 320, "3–5 min"),
        (230, 250, "4 min"),
        (20, 110, "up to 2 min"),
        (4000, 6000, "1.1–1.7 h"),
        (200_000, 300_000, "2.3–3.5 d"),
    ],
)
def test_a_range_of_time_is_told_in_one_unit(low: float, high: float, shown: str) -> None:
    assert duration_range(low, high) == shown

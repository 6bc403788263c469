from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ui.format import ago, count, duration

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

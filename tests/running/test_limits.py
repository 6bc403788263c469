"""How much an endpoint is called: the limit that is found out, and the buckets of the limits a minute."""

from __future__ import annotations

import pytest

from dataflow_core.models import Endpoint, Quota
from dataflow_core.running.limits import AdaptiveLimit, Bucket, Pace
from dataflow_core.storage.leases import fair_shares


def answered(limit: AdaptiveLimit, times: int, seconds: float = 1.0, *, is_full: bool = True) -> None:
    for _ in range(times):
        limit.answered("step", seconds, 1_000.0, is_full=is_full)


def test_the_limit_begins_at_the_maximum_and_never_passes_it() -> None:
    limit = AdaptiveLimit(16)
    answered(limit, 1_000)
    assert limit.value == 16.0


def test_throttling_halves_the_limit_once_for_all_calls_that_were_sent_before() -> None:
    limit = AdaptiveLimit(100)
    for _ in range(50):
        limit.throttled(started=1.0, now=2.0)
    assert limit.value == 50.0
    limit.throttled(started=2.5, now=3.0)
    assert limit.value == 25.0


def test_the_limit_never_falls_below_one_call() -> None:
    limit = AdaptiveLimit(4)
    for second in range(20):
        limit.throttled(started=second, now=second)
    assert limit.value == 1.0


def test_answers_raise_the_limit_by_a_twentieth_of_the_maximum_a_round_and_only_while_it_is_in_use() -> None:
    limit = AdaptiveLimit(100)
    limit.throttled(0.0, 0.0)
    answered(limit, 50, is_full=False)
    assert limit.value == 50.0
    answered(limit, 50)
    assert limit.value == pytest.approx(55.0, abs=0.5)


def test_answers_that_become_slow_lower_the_limit() -> None:
    limit = AdaptiveLimit(20)
    answered(limit, 60, 1.0)
    answered(limit, 20, 5.0)
    assert limit.value == 10.0


def test_answers_that_are_slow_from_the_start_or_only_now_and_then_do_not() -> None:
    limit = AdaptiveLimit(20)
    answered(limit, 100, 30.0)
    assert limit.value == 20.0
    for _ in range(50):
        answered(limit, 8, 30.0)
        answered(limit, 1, 300.0)
    assert limit.value == 20.0


def test_a_slow_step_is_not_held_against_a_quick_one() -> None:
    limit = AdaptiveLimit(20)
    for _ in range(200):
        limit.answered("skeleton", 1.0, 0.0, is_full=True)
        limit.answered("answers", 9.0, 0.0, is_full=True)
    assert limit.value == 20.0


def test_milliseconds_are_nobodys_concern() -> None:
    limit = AdaptiveLimit(20)
    answered(limit, 60, 0.005)
    answered(limit, 60, 0.100)
    assert limit.value == 20.0


def test_changes_are_told_once_so_that_several_runs_can_add_theirs_up() -> None:
    limit = AdaptiveLimit(100)
    limit.throttled(0.0, 0.0)
    answered(limit, 10)
    factor, added = limit.take_changes()
    assert factor == 0.5
    assert added == pytest.approx(1.0, abs=0.05)
    assert limit.take_changes() == (1.0, 0.0)


def test_a_bucket_fills_at_its_rate_and_not_beyond_its_brim() -> None:
    bucket = Bucket(capacity=10, rate=2, now=0.0)
    assert bucket.wait(10, 0.0) == 0.0
    bucket.take(10, 0.0)
    assert bucket.wait(1, 0.0) == 0.5
    assert bucket.wait(1, 0.5) == 0.0
    assert bucket.wait(10, 100.0) == 0.0
    bucket.take(10, 100.0)
    assert bucket.wait(2, 100.0) == 1.0


def test_what_is_larger_than_the_bucket_may_be_taken_when_it_is_full_and_is_made_up_for_afterwards() -> None:
    bucket = Bucket(capacity=10, rate=1, now=0.0)
    assert bucket.wait(30, 0.0) == 0.0
    bucket.take(30, 0.0)
    assert bucket.wait(1, 0.0) == 21.0


def endpoint(requests: int | None = None, tokens: int | None = None) -> Endpoint:
    return Endpoint("e", model="m", requests_per_minute=requests, tokens_per_minute=tokens)


def test_without_limits_nothing_waits() -> None:
    pace = Pace(endpoint(), 0.0)
    for _ in range(10_000):
        pace.sent(1_000, 0.0)
    assert pace.wait(1_000, 0.0) == (0.0, "")


def test_requests_a_minute_are_kept_to() -> None:
    pace, sent, now = Pace(endpoint(requests=60), 0.0), 0, 0.0
    while now < 60.0:
        seconds, why = pace.wait(100, now)
        now += seconds
        pace.sent(100, now)
        sent += 1
    assert 60 <= sent <= 63
    assert why == "Keeps to your limit of 60 requests a minute"


def test_tokens_a_minute_count_what_calls_really_took() -> None:
    pace = Pace(endpoint(tokens=6_000), 0.0)
    pace.sent(1_000, 0.0)
    assert pace.wait(100, 0.0)[0] > 0
    pace.corrected(900.0, 0.0)
    assert pace.wait(100, 0.0) == (0.0, "")


def test_a_part_of_a_minutes_limit_is_kept_to_when_runs_share_it() -> None:
    pace = Pace(endpoint(requests=120), 0.0)
    pace.share(0.5, 0.0)
    for _ in range(2):
        pace.sent(1, 0.0)
    assert pace.wait(1, 0.0)[0] == pytest.approx(1.0)


def test_the_servers_own_limit_is_heeded_once_little_is_left_of_it() -> None:
    pace = Pace(endpoint(), 0.0)
    pace.told([Quota("requests", limit=100, remaining=80, reset=12.0)], 0, 0.0, 0.0)
    assert pace.wait(1, 0.0) == (0.0, "")
    pace.told([Quota("requests", limit=100, remaining=0, reset=60.0)], 0, 0.0, 0.0)
    seconds, why = pace.wait(1, 0.0)
    assert seconds == pytest.approx(0.6)
    assert why == "Keeps to the endpoint's own limit of requests"
    pace.told([Quota("requests", limit=100, remaining=90, reset=6.0)], 0, 0.0, 1.0)
    assert pace.wait(1, 1.0) == (0.0, "")


def test_calls_sent_after_the_one_that_brought_the_news_count_against_what_it_said_was_left() -> None:
    pace = Pace(endpoint(), 0.0)
    pace.told([Quota("tokens", limit=1_000, remaining=90, reset=91.0)], 3, 40.0, 0.0)
    assert pace.wait(10, 0.0)[0] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("allowed", "runs", "shares"),
    [
        (16, {"a": (16, 1_000)}, {"a": 16}),
        (16, {"a": (16, 1_000), "b": (16, 1_000)}, {"a": 8, "b": 8}),
        (16, {"a": (16, 1_000), "b": (16, 3)}, {"a": 13, "b": 3}),
        (16, {"a": (4, 1_000), "b": (16, 1_000)}, {"a": 4, "b": 12}),
        (1, {"a": (1, 1_000), "b": (1, 3)}, {"a": 0, "b": 1}),
        (1, {"a": (1, 5), "b": (1, 5)}, {"a": 1, "b": 0}),
        (3, {"a": (9, 100), "b": (9, 100)}, {"a": 2, "b": 1}),
        (5, {"a": (9, 0)}, {"a": 0}),
    ],
)
def test_what_is_allowed_is_shared_fairly_and_whoever_has_least_left_comes_first(
    allowed: int, runs: dict[str, tuple[int, int]], shares: dict[str, int]
) -> None:
    assert fair_shares(allowed, runs) == shares


def test_what_was_found_out_since_the_last_report_is_not_forgotten_when_others_are_heard_of() -> None:
    limit = AdaptiveLimit(100)
    limit.take_changes()
    limit.throttled(0.0, 0.0)
    limit.adopt(80.0, 100)
    assert limit.value == 40.0

"""What a run is said to do now, how long it will take, and what it may use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dataflow_core.models import Budget, Endpoint, Progress, Run, RunState, Traffic, Usage
from dataflow_core.running.estimate import Estimate
from dataflow_core.wording import budget_in_words
from ui.budget import estimate_in_words, share_used, used_in_words
from ui.pace import time_left
from ui.runs.raise_budget import suggested_budget
from ui.runs.traffic import calls_in_words, waiting_in_words
from ui.settings.limits import limits_in_words

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PRICED = Endpoint("Priced", base_url="http://127.0.0.1:9/v1", model="m", input_price=1.0, output_price=2.0)


def a_run(*, budget: Budget = Budget(), started: float = 100.0) -> Run:  # noqa: B008  frozen
    return Run(
        id="run",
        name="run",
        generator="ParaSeqTaskGenerator",
        params={},
        endpoint=PRICED,
        prompt_version="1",
        state=RunState.RUNNING,
        reason="",
        stopped_by="",
        limit=None,
        budget=budget,
        source={},
        created_at=NOW,
        started_at=NOW - timedelta(seconds=started),
        finished_at=None,
    )


def test_time_left_is_a_range_that_the_number_of_recent_records_narrows() -> None:
    few = Progress(pending=240, done=30, recent_ends_per_second=1.0)
    many = Progress(pending=24_000, done=3000, recent_ends_per_second=100.0)
    assert time_left(a_run(), few, NOW) == "3–6 min left"
    assert time_left(a_run(), many, NOW) == "4 min left"


def test_one_or_two_records_tell_only_the_least_time_left() -> None:
    progress = Progress(pending=100, done=2, recent_ends_per_second=2 / 30)
    assert time_left(a_run(), progress, NOW).startswith("at least ")


def test_without_records_or_inputs_left_nothing_is_said_of_the_time() -> None:
    assert time_left(a_run(), Progress(pending=9), NOW) == ""
    assert time_left(a_run(), Progress(done=9, recent_ends_per_second=1.0), NOW) == ""


def test_the_rate_of_a_run_that_has_just_begun_is_as_unsure_as_its_few_records() -> None:
    progress = Progress(pending=80, done=16, recent_ends_per_second=4.0)
    assert time_left(a_run(started=4), progress, NOW) == "14–34 s left"


@pytest.mark.parametrize(
    ("traffic", "left", "sharing", "shown"),
    [
        (Traffic(12, 16), 900, 0, "12 of 16 calls under way"),
        (Traffic(6, 6), 900, 0, "6 of 6 calls under way · the endpoint takes 6 at a time now; your maximum is 16"),
        (Traffic(3, 3), 3, 0, "3 calls under way"),
        (Traffic(1, 1), 1, 0, "1 call under way"),
        (
            Traffic(8, 8),
            900,
            1,
            "8 of 8 calls under way · shares the endpoint with another run; your maximum is 16",
        ),
    ],
)
def test_an_adaptive_limit_below_the_persons_maximum_is_explained(
    traffic: Traffic, left: int, sharing: int, shown: str
) -> None:
    assert calls_in_words(a_run(), traffic, left=left, sharing=sharing) == shown


def test_the_waiting_reason_counts_down() -> None:
    asked = Traffic(0, 6, "The endpoint asks to wait", NOW + timedelta(seconds=11.2))
    assert waiting_in_words(asked, NOW) == "The endpoint asks to wait 12 s"
    limited = Traffic(0, 6, "Keeps to your limit of 60 requests a minute", NOW + timedelta(seconds=2))
    assert waiting_in_words(limited, NOW) == "Keeps to your limit of 60 requests a minute · next call in 2 s"
    assert waiting_in_words(Traffic(1, 6, "Waits for the first answer"), NOW) == "Waits for the first answer"


def test_a_budget_is_as_far_gone_as_the_nearer_of_its_limits() -> None:
    run = a_run(budget=Budget(tokens=1_000_000, money=1.0))
    used = Progress(usage=Usage(300_000, 100_000), unpriced=Usage(300_000, 100_000))
    assert share_used(run, used) == 0.5
    assert used_in_words(run, used) == "$0.50 of $1.00 · 400,000 of 1,000,000 tokens"
    assert budget_in_words(run.budget) == "$1.00 or 1,000,000 tokens"
    assert share_used(a_run(), used) == 0


def test_the_suggested_budget_does_for_the_rest_in_the_limits_that_the_run_has() -> None:
    run = a_run(budget=Budget(money=0.5))
    assert suggested_budget(run, Usage(500_000), Usage(3_333_000)) == Budget(money=3.7)
    assert suggested_budget(run, Usage(500_000), Usage()) == Budget(money=0.75)
    assert suggested_budget(a_run(budget=Budget(tokens=1000)), Usage(990), Usage(12_345)) == Budget(tokens=14_000)


def test_an_estimate_says_tokens_money_and_what_it_rests_on() -> None:
    found = Estimate(3, 500, Usage(1_000_000, 200_000), Usage(800_000, 100_000), Usage(1_200_000, 300_000))
    assert estimate_in_words(found, PRICED) == (
        "About 1.2 million tokens, $1.40",
        "Estimated for all 500 inputs from 3 tried: 0.9–1.5 million tokens, $1.00–1.80.",
    )
    unpriced = replace(PRICED, input_price=None, output_price=None)
    assert estimate_in_words(found, unpriced)[0] == "About 1.2 million tokens"


def test_only_limits_that_are_set_are_told() -> None:
    assert limits_in_words(Endpoint("Local", model="m")) == ""
    limited = Endpoint("Local", timeout=60, requests_per_minute=600, input_price=0.15, output_price=0.6)
    assert (
        limits_in_words(limited)
        == "at most 1 min a call · 600 requests a minute · $0.15 in, $0.60 out a million tokens"
    )

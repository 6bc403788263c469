"""The estimate for a whole run: numbers worked out by hand, and how often the range holds what comes."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from dataflow_core.models import Usage
from dataflow_core.running.estimate import estimate


def test_without_an_input_tried_there_is_no_estimate() -> None:
    assert estimate([], 100) is None


def test_from_one_input_the_rest_may_take_half_or_double() -> None:
    found = estimate([Usage(100, 40)], 11)
    assert found is not None
    assert (found.tried, found.inputs) == (1, 11)
    assert (found.low, found.expected, found.high) == (Usage(600, 240), Usage(1_100, 440), Usage(2_100, 840))


def test_the_range_comes_from_the_spread_of_the_inputs_tried() -> None:
    # Prompts: mean 100, standard deviation 10 of 4; 96 left: 9,600 more, ± 2.353 · 10 · √(96 + 96²/4) = ± 1,152.7.
    # Answers: all alike, so nothing is open.
    found = estimate([Usage(85, 50), Usage(105, 50), Usage(105, 50), Usage(105, 50)], 100)
    assert found is not None
    assert found.expected == Usage(10_000, 5_000)
    assert found.low == Usage(400 + 9_600 - 1_153, 5_000)
    assert found.high == Usage(400 + 9_600 + 1_153, 5_000)


def test_of_two_inputs_far_apart_the_range_does_not_go_below_what_they_took() -> None:
    found = estimate([Usage(10, 10), Usage(1_000, 10)], 10)
    assert found is not None
    assert found.low.prompt_tokens == 1_010


def test_once_all_is_done_the_range_is_what_it_took() -> None:
    found = estimate([Usage(90, 1), Usage(110, 3)], 2)
    assert found is not None
    assert found.low == found.expected == found.high == Usage(200, 4)


def test_many_inputs_take_almost_the_normal_distributions_range() -> None:
    # Standard deviation 10 of 101; Student's for 100 is 1.660: ± 1.660 · 10 · √(899 + 899²/101) = ± 1,566.
    found = estimate([Usage(100)] + [Usage(90), Usage(110)] * 50, 1_000)
    assert found is not None
    assert found.high.prompt_tokens - found.expected.prompt_tokens == pytest.approx(1_566, abs=3)


@pytest.mark.parametrize(
    ("draw", "at_least"),
    [
        (lambda source: source.gauss(500, 100), 0.88),
        (lambda source: source.lognormvariate(6, 0.4), 0.86),  # answers' lengths lean to one side
    ],
)
@pytest.mark.parametrize("tried", [2, 5, 40])
def test_nine_times_in_ten_the_range_holds_what_the_run_takes(
    draw: Callable[[random.Random], float], at_least: float, tried: int
) -> None:
    source = random.Random(20)
    times, held = 1_500, 0
    for _ in range(times):
        run = [Usage(round(max(1.0, draw(source)))) for _ in range(120)]
        found = estimate(run[:tried], len(run))
        assert found is not None
        total = sum(usage.prompt_tokens for usage in run)
        held += found.low.prompt_tokens <= total <= found.high.prompt_tokens
    assert at_least < held / times < 0.92

"""Whether an endpoint answers: when it is closed to all but one call, when the run pauses, and how long one waits."""

from __future__ import annotations

import pytest

from dataflow_core.errors import ConfigurationError, RefusedError, ServingError, TransientError
from dataflow_core.running.health import ASKED, BACK_OFF, Health, wait_before

TROUBLE = TransientError("500")


def test_an_endpoint_is_closed_until_it_has_answered() -> None:
    health = Health(0.0)
    assert not health.is_open
    health.answered(1.0)
    assert health.is_open


def test_calls_in_vain_of_one_input_are_its_own_trouble_and_of_several_the_endpoints() -> None:
    health = Health(0.0)
    health.answered(0.0)
    for second in range(20):
        health.troubled("one", TROUBLE, second, second, allowed=16)
    assert health.is_open
    health.troubled("another", TROUBLE, 20, 20, allowed=16)
    assert not health.is_open


@pytest.mark.parametrize(("allowed", "calls"), [(1, 2), (3, 6), (16, 8), (500, 8)])
def test_with_few_calls_at_a_time_fewer_in_vain_close_it(allowed: int, calls: int) -> None:
    health = Health(0.0)
    health.answered(0.0)
    for number in range(calls):
        assert health.is_open
        health.troubled(f"input {number}", TROUBLE, number, number, allowed=allowed)
    assert not health.is_open


@pytest.mark.parametrize("allowed", [1, 2, 4, 64])
def test_a_run_pauses_when_several_inputs_were_tried_in_vain_and_nothing_was_answered_for_a_minute(
    allowed: int,
) -> None:
    health = Health(0.0)
    health.answered(0.0)
    reasons = [health.troubled(f"{n % 3}", TROUBLE, n * 10, n * 10, allowed=allowed) for n in range(1, 9)]
    assert [bool(reason) for reason in reasons].index(True) <= 7
    assert reasons[4] == ""
    assert "Nothing was lost" in reasons[-1]


def test_calls_that_take_two_minutes_to_fail_pause_the_run_at_the_second_input() -> None:
    health = Health(0.0)
    health.answered(0.0)
    assert not health.troubled("a", TROUBLE, 0, 120, allowed=1)
    assert health.troubled("b", TROUBLE, 120, 240, allowed=1)


def test_an_endpoint_that_never_answered_this_run_gets_five_attempts() -> None:
    health = Health(0.0)
    reasons = [health.troubled("a", TROUBLE, n, n, allowed=16) for n in range(5)]
    assert [bool(reason) for reason in reasons] == [False] * 4 + [True]


def test_one_input_alone_never_pauses_a_run_that_has_been_answered_before() -> None:
    health = Health(0.0, has_history=True)
    assert not any(health.troubled("a", TROUBLE, n * 30, n * 30, allowed=16) for n in range(20))


def test_calls_refused_as_wrong_pause_a_run_only_before_this_execution_was_answered() -> None:
    wrong = ServingError("400")
    health = Health(0.0, has_history=True)
    assert [bool(health.refused(wrong)) for _ in range(3)] == [False, False, True]
    health = Health(0.0)
    health.answered(0.0)
    assert not any(health.refused(wrong) for _ in range(9))
    assert not health.refused(RefusedError("No."))
    assert health.refused(ConfigurationError("The key is wrong.")) == "The key is wrong."


def test_a_wait_that_the_server_asks_for_outlives_an_answer_and_our_own_does_not() -> None:
    health = Health(0.0)
    health.troubled("a", TROUBLE, 0, 0, allowed=4)
    health.answered(0.1)
    assert health.hold_until <= 0.1
    health = Health(0.0)
    health.troubled("a", TransientError("429", retry_after=100.0, is_throttle=True), 0, 0, allowed=4)
    health.answered(0.1)
    assert health.hold_until >= 100.0
    assert health.held_for == ASKED


@pytest.mark.parametrize("asked", [None, 0.0, 0.012])
def test_waits_grow_whatever_little_the_server_asks_for(asked: float | None) -> None:
    for failed, seconds in enumerate(BACK_OFF):
        for _ in range(50):
            assert 0.75 * seconds <= wait_before(failed, TransientError("429", retry_after=asked)) <= 1.25 * seconds


def test_a_server_is_not_called_before_the_time_it_asks_for_nor_by_all_at_once() -> None:
    waits = {wait_before(0, TransientError("429", retry_after=30.0)) for _ in range(50)}
    assert 30.0 <= min(waits) < max(waits) <= 33.0
    assert wait_before(0, TransientError("429", retry_after=10_000.0)) <= 132.0


def test_at_the_end_of_a_run_inputs_fail_by_themselves_unless_nobody_is_there() -> None:
    gone = TransientError("Connection refused.")
    gone.at = "address"
    for health in (Health(0.0, has_history=True), Health(0.0)):
        if not health.has_history:
            health.answered(0.0)
        assert not any(health.troubled(f"{n}", TROUBLE, n * 9, n * 9, allowed=4, is_tail=True) for n in range(30))
        reasons = [health.troubled(f"{n}", gone, n * 9, n * 9, allowed=4, is_tail=True) for n in range(30)]
        assert any(reasons)

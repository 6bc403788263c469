"""How live runs share an endpoint: never more than is allowed, nobody forgotten, and what one finds out all know."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_core.storage import leases
from dataflow_core.storage.database import Database
from dataflow_core.storage.leases import LeaseStore, Report, fair_shares
from dataflow_core.storage.owner import this_process
from dataflow_core.storage.schema import leases as lease_table


@pytest.fixture
def store(tmp_path: Path) -> LeaseStore:
    return LeaseStore(Database(f"sqlite:///{tmp_path / 'w.db'}"))


def report(maximum: int = 16, left: int = 1_000, in_flight: int = 0, **more: float) -> Report:
    return Report(maximum, left, in_flight, **more)  # type: ignore[arg-type]


def test_a_run_alone_gets_all_that_is_allowed_and_no_more_than_it_can_use(store: LeaseStore) -> None:
    assert store.renew("a", "e", report()).granted == 16
    assert store.renew("a", "e", report(left=3)).granted == 3


def test_a_second_run_gets_its_half_only_once_the_first_has_let_go_of_it(store: LeaseStore) -> None:
    store.renew("a", "e", report())
    assert store.renew("b", "e", report()).granted == 0
    assert store.renew("a", "e", report(in_flight=16)).granted == 8
    assert store.renew("b", "e", report()).granted == 0
    assert store.renew("a", "e", report(in_flight=10)).granted == 8
    assert store.renew("b", "e", report()).granted == 6
    store.renew("a", "e", report(in_flight=8))
    share = store.renew("b", "e", report(in_flight=6))
    assert (share.granted, share.part) == (8, 0.5)


def test_runs_on_other_endpoints_are_nobodys_concern(store: LeaseStore) -> None:
    store.renew("a", "e", report())
    assert store.renew("b", "another", report()).granted == 16


def test_where_there_is_room_for_one_the_run_with_least_left_comes_first(store: LeaseStore) -> None:
    assert store.renew("long", "e", report(maximum=1)).granted == 1
    assert store.renew("trial", "e", report(maximum=1, left=3)).granted == 0
    assert store.renew("long", "e", report(maximum=1, in_flight=1)).granted == 0
    assert store.renew("trial", "e", report(maximum=1, left=3)).granted == 0
    store.renew("long", "e", report(maximum=1))
    assert store.renew("trial", "e", report(maximum=1, left=3)).granted == 1
    store.release("trial")
    assert store.renew("long", "e", report(maximum=1)).granted == 1


def test_what_one_run_finds_out_the_others_know(store: LeaseStore) -> None:
    store.renew("a", "e", report())
    assert store.renew("a", "e", report(factor=0.5)).allowed == 8.0
    assert store.renew("b", "e", report(added=1.0)).allowed == 9.0
    until = time.time() + 12
    store.renew("a", "e", report(endpoint_waits_until=until))
    assert store.renew("b", "e", report()).wait_until == until


def test_what_was_found_out_holds_for_the_next_run_and_is_forgotten_after_a_minute_without_calls(
    store: LeaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.renew("a", "e", report(factor=0.25))
    store.release("a")
    assert store.renew("b", "e", report()).granted == 4
    store.release("b")
    later = time.time() + 2 * leases.FORGOTTEN
    monkeypatch.setattr(time, "time", lambda: later)
    assert store.renew("c", "e", report()).granted == 16


def test_a_person_who_changes_the_maximum_is_obeyed(store: LeaseStore) -> None:
    store.renew("a", "e", report(maximum=16))
    assert store.renew("a", "e", report(maximum=40)).granted == 40
    assert store.renew("a", "e", report(maximum=4)).granted == 4


def test_the_lease_of_a_process_that_is_gone_holds_nothing_back(store: LeaseStore) -> None:
    store.renew("gone", "e", report())
    with store._database.write() as connection:
        connection.execute(lease_table.update().values(owner=this_process() | {"started": 1.0}))
    assert store.renew("b", "e", report()).granted == 16
    assert store.traffic("gone") is None


def test_what_a_runs_calls_do_can_be_read_by_others(store: LeaseStore) -> None:
    until = time.time() + 12
    store.renew("a", "e", report(in_flight=7, waiting="The endpoint asks to wait", wait_until=until))  # type: ignore[arg-type]
    traffic = store.traffic("a")
    assert traffic is not None
    assert (traffic.in_flight, traffic.allowed, traffic.waiting) == (7, 16, "The endpoint asks to wait")
    assert traffic.wait_until is not None
    assert traffic.wait_until.timestamp() == pytest.approx(until)
    store.release("a")
    assert store.traffic("a") is None


@given(
    st.integers(1, 40),
    st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(1, 40), st.integers(0, 100)), min_size=1),
)
def test_shares_use_all_that_is_allowed_and_never_more_and_give_nobody_more_than_it_can_use(
    allowed: int, runs: dict[str, tuple[int, int]]
) -> None:
    shares = fair_shares(allowed, runs)
    assert sum(shares.values()) == min(allowed, sum(min(run) for run in runs.values()))
    assert all(0 <= shares[run] <= min(runs[run]) for run in runs)
    hungry = [shares[run] for run in runs if shares[run] < min(runs[run])]
    assert not hungry or all(share <= min(hungry) + 1 for share in shares.values())


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_whatever_the_order_of_reports_the_calls_of_all_runs_never_pass_the_maximum(source: random.Random) -> None:
    store = LeaseStore(Database("sqlite://"))
    granted: dict[str, int] = {}
    in_flight: dict[str, int] = dict.fromkeys("abcd", 0)
    for _ in range(40):
        run = source.choice("abcd")
        if source.random() < 0.1 and not in_flight[run]:
            store.release(run)
            granted.pop(run, None)
            continue
        granted[run] = store.renew(run, "e", report(10, source.randint(1, 20), in_flight[run])).granted
        for other in "abcd":  # each uses what it has been granted, or is still ending calls begun before
            in_flight[other] = source.randint(0, max(granted.get(other, 0), 0)) if other in granted else 0
        assert sum(granted.values()) <= 10
        assert sum(in_flight.values()) <= 10

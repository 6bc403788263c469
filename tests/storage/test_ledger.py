"""The ledger: whatever happens in whatever order, each input is in exactly one state and has at most one record."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dataflow_core.models import Completion, Failure, Input, Prompt, RunState, Stage
from dataflow_core.storage.ledger import Call, Done, Failed, Ledger
from dataflow_core.storage.owner import is_alive, this_process
from dataflow_core.storage.records import Query
from dataflow_core.storage.schema import runs
from dataflow_core.workspace import Workspace
from tests.support import plan_tasks

N = 4


class LedgerMachine(RuleBasedStateMachine):
    folders: pytest.TempPathFactory

    def __init__(self) -> None:
        super().__init__()
        self.workspace = Workspace(self.folders.mktemp("machine"), create=True)
        self.run = plan_tasks(self.workspace, [f"Task {number}." for number in range(N)])
        self.ledger = Ledger(self.workspace.database, self.run.id, self.run.generator)
        self.states = ["pending"] * N
        #: As they were when some execution read them: an input may end after it was cancelled or retried.
        self.items: dict[int, Input] = {}

    @rule(after=st.integers(-1, N), count=st.integers(1, N))
    def read_ahead(self, after: int, count: int) -> None:
        items = self.ledger.pending(after=after, count=count)
        expected = [number for number in range(after + 1, N) if self.states[number] == "pending"]
        assert [item.position for item in items] == expected[:count]
        self.items |= {item.position: item for item in items}

    @rule(number=st.integers(0, N - 1))
    def finish(self, number: int) -> None:
        if number in self.items:
            self.ledger.write([Done(self.items[number], {"atom_task": f"Task {number}.", "parallel_task": "p"})])
            self._leave_pending(number, "done")

    @rule(number=st.integers(0, N - 1), stage=st.sampled_from(Stage))
    def fail(self, number: int, stage: Stage) -> None:
        if number in self.items:
            item = self.items[number]
            self.ledger.write([Failed(item, Failure(item.id, stage, "Because.", raw_text="\ud800raw\0"))])
            self._leave_pending(number, "failed")

    @rule(number=st.integers(0, N - 1), valid=st.booleans())
    def answer(self, number: int, valid: bool) -> None:
        if number in self.items:
            completion = Completion(("t\ud800",), "m")
            self.ledger.write([Call(self.items[number], "step", Prompt("v/1"), "hash", completion, valid)])
            logged = self.ledger.logged([self.items[number]])
            assert not valid or logged[self.items[number].id]["step"][0] == "hash"

    @rule()
    def retry(self) -> None:
        assert self.workspace.runs.retry_failed(self.run.id) == self.states.count("failed")
        self.states = ["pending" if state == "failed" else state for state in self.states]
        self.items = {}

    @rule()
    def cancel(self) -> None:
        self.workspace.runs.ask(self.run.id, "cancel")
        self.states = ["failed" if state == "pending" else state for state in self.states]

    def _leave_pending(self, number: int, state: str) -> None:
        if self.states[number] == "pending":
            self.states[number] = state

    @invariant()
    def every_input_is_in_exactly_one_state(self) -> None:
        progress = self.workspace.runs.progress(self.run.id)
        counted = {state: getattr(progress, state) for state in ("pending", "done", "failed")}
        assert counted == {state: self.states.count(state) for state in counted}
        assert progress.total == N
        records = [record.input_id for record in self.workspace.records.stream(Query())]
        assert len(records) == len(set(records)) == counted["done"]
        failures = self.workspace.runs.failures(self.run.id)
        assert [failure.position for failure in failures] == [n for n in range(N) if self.states[n] == "failed"]
        assert all(failure.reason for failure in failures)

    def teardown(self) -> None:
        self.workspace.close()


def test_no_sequence_of_events_loses_or_doubles_an_input(tmp_path_factory: pytest.TempPathFactory) -> None:
    LedgerMachine.folders = tmp_path_factory
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_process_is_known_by_its_start_and_its_heartbeat_not_by_its_number_alone() -> None:
    mine, now = this_process(), time.time()
    assert is_alive(mine, now)
    assert is_alive(mine, now - 600)  # slept with its machine
    assert not is_alive(mine | {"started": mine["started"] - 100}, now)
    assert not is_alive(mine | {"pid": _unused_pid()}, now)
    assert not is_alive(None, now)
    elsewhere = mine | {"host": "another machine", "pid": _unused_pid()}
    assert is_alive(elsewhere, now)
    assert not is_alive(elsewhere, now - 600)


def _unused_pid() -> int:
    return int(max(psutil.pids())) + 12_345


def test_a_run_asked_to_start_whose_process_never_came_shows_as_interrupted(workspace: Workspace) -> None:
    run = plan_tasks(workspace, ["One."])
    workspace.runs.enqueue(run.id, limit=None)
    assert workspace.runs.get(run.id).state is RunState.QUEUED
    with workspace.database.write() as connection:
        connection.execute(runs.update().values(heartbeat_at=time.time() - 120))
    assert workspace.runs.get(run.id).state is RunState.INTERRUPTED
    assert workspace.runs.live() == []


@pytest.mark.parametrize("shorten", [str.lower, lambda run_id: run_id[-6:]])
def test_a_run_is_found_by_the_end_of_its_id(workspace: Workspace, shorten: Callable[[str], str]) -> None:
    run = plan_tasks(workspace, ["One."])
    assert workspace.runs.get(shorten(run.id)).id == run.id


def test_more_inputs_than_a_chunk_holds_keep_their_order(workspace: Workspace) -> None:
    run = plan_tasks(workspace, [f"Task {number}." for number in range(12_000)])
    assert workspace.runs.progress(run.id).pending == 12_000
    ledger = Ledger(workspace.database, run.id, run.generator)
    assert [item.position for item in ledger.pending(after=11_997, count=200)] == [11_998, 11_999]
    assert ledger.pending(after=-1, count=5, below=3)[-1].position == 2

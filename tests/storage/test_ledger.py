"""The ledger: whatever happens in whatever order, each input is in exactly one state and has at most one record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import psutil
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from dataflow_core.errors import UsageError
from dataflow_core.models import (
    Completion,
    Failure,
    Input,
    Prompt,
    ReviewStatus,
    Run,
    RunState,
    Sampling,
    Stage,
    StepUsage,
    Usage,
)
from dataflow_core.storage.ledger import Call, Done, Event, Failed, Ledger
from dataflow_core.storage.owner import is_alive, this_process
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import calls, inputs, runs
from dataflow_core.workspace import Workspace
from tests.support import plan_tasks

N = 4
WRITTEN = {"atom_task": "By hand.", "parallel_task": "p", "subsequent_task": "s", "composition_task": "c"}
NUMBERS = st.integers(0, N - 1)


class LedgerMachine(RuleBasedStateMachine):
    """A run's own process, people, and a process that was taken for dead and still writes: all at once."""

    folders: pytest.TempPathFactory

    def __init__(self) -> None:
        super().__init__()
        self.workspace = Workspace(self.folders.mktemp("machine"), create=True)
        self.run = plan_tasks(self.workspace, [f"Task {number}." for number in range(N)])
        self.ledger = Ledger(self.workspace.database, self.run.id, self.run.generator)
        self.ids = [item.id for item in self.ledger.pending(after=-1, count=N)]
        self.states = ["pending"] * N
        self.attempts = [0] * N
        self.by_hand: set[int] = set()
        #: As they were when some execution read them: an input may end after it was cancelled or retried.
        self.items: dict[int, Input] = {}

    @rule(after=st.integers(-1, N), count=st.integers(1, N), below=st.none() | st.integers(0, N))
    def read_ahead(self, after: int, count: int, below: int | None) -> None:
        items = self.ledger.pending(after=after, count=count, below=below)
        end = N if below is None else below
        expected = [number for number in range(after + 1, end) if self.states[number] == "pending"]
        assert [item.position for item in items] == expected[:count]
        self.items |= {item.position: item for item in items}

    @rule(happened=st.lists(st.tuples(NUMBERS, st.sampled_from(["done", "failed", "answered"])), max_size=8))
    def write(self, happened: list[tuple[int, str]]) -> None:
        known = [(self.items[number], what) for number, what in happened if number in self.items]
        self.ledger.write([_event(item, what) for item, what in known])
        for item, what in known:
            number = item.position
            is_current = self.states[number] == "pending" and item.attempt == self.attempts[number]
            if is_current and what != "answered":
                self.states[number] = what

    @rule(number=NUMBERS, valid=st.booleans())
    def answer(self, number: int, valid: bool) -> None:
        if number in self.items:
            completion = Completion(("t\ud800",), "m")
            self.ledger.write([Call(self.items[number], "step", Prompt("v/1"), "hash", completion, valid)])
            logged = self.ledger.logged([self.items[number]])
            assert not valid or logged[self.items[number].id]["step"][0] == "hash"

    @rule(stage=st.none() | st.sampled_from([Stage.PARSE, Stage.CANCELLED]), chosen=st.none() | st.sets(NUMBERS))
    def retry(self, stage: Stage | None, chosen: set[int] | None) -> None:
        stages = {failure.position: failure.stage for failure in self.workspace.runs.failures(self.run.id)}
        again = [
            number
            for number in range(N)
            if self.states[number] == "failed"
            and (stage is None or stages[number] is stage)
            and (chosen is None or number in chosen)
        ]
        ids = None if chosen is None else [self.ids[number] for number in chosen]
        assert self.workspace.runs.retry_failed(self.run.id, stage=stage, input_ids=ids) == len(again)
        for number in again:
            self.states[number] = "pending"
            self.attempts[number] += 1

    @rule(number=NUMBERS)
    def write_by_hand(self, number: int) -> None:
        if self.states[number] == "failed":
            record = self.workspace.review.write_for_failed(self.ids[number], WRITTEN, author="Ada")
            assert (record.input_id, record.status) == (self.ids[number], ReviewStatus.ACCEPTED)
            self.states[number] = "done"
            self.by_hand.add(number)
        else:
            with pytest.raises(UsageError, match="no longer failed"):
                self.workspace.review.write_for_failed(self.ids[number], WRITTEN, author="Ada")

    @rule()
    def cancel(self) -> None:
        self.workspace.runs.ask(self.run.id, "cancel")
        self.states = ["failed" if state == "pending" else state for state in self.states]

    @invariant()
    def every_input_is_in_exactly_one_state(self) -> None:
        progress = self.workspace.runs.progress(self.run.id)
        counted = {state: getattr(progress, state) for state in ("pending", "done", "failed")}
        assert counted == {state: self.states.count(state) for state in counted}
        assert progress.total == N
        with self.workspace.database.read() as connection:
            stored = connection.execute(select(inputs.c.id, inputs.c.state).order_by(inputs.c.position))
            assert [tuple(row) for row in stored] == list(zip(self.ids, self.states, strict=True))

    @invariant()
    def what_is_done_has_one_record_and_what_failed_has_a_reason(self) -> None:
        records = list(self.workspace.records.stream(Query()))
        done = [number for number in range(N) if self.states[number] == "done"]
        assert [record.input_id for record in records] == [self.ids[number] for number in done]
        written = [n for n, record in zip(done, records, strict=True) if record.fields == WRITTEN]
        assert set(written) == self.by_hand
        failures = self.workspace.runs.failures(self.run.id)
        assert [failure.position for failure in failures] == [n for n in range(N) if self.states[n] == "failed"]
        assert all(failure.reason for failure in failures)
        assert sum(self.workspace.runs.failures_by_stage(self.run.id).values()) == len(failures)

    def teardown(self) -> None:
        self.workspace.close()


def _event(item: Input, what: str) -> Event:
    if what == "done":
        return Done(item, {"atom_task": f"Task {item.position}.", "parallel_task": "p"})
    if what == "failed":
        return Failed(item, Failure(item.id, Stage.PARSE, "Because.", raw_text="\ud800raw\0"))
    return Call(item, "step", Prompt("v/1"), "hash", Completion(("t\ud800",), "m"), is_valid=True)


def test_no_sequence_of_events_loses_or_doubles_an_input(tmp_path_factory: pytest.TempPathFactory) -> None:
    LedgerMachine.folders = tmp_path_factory
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_of_two_ends_of_one_input_the_first_counts(workspace: Workspace) -> None:
    run, ledger, (item, *_) = _planned(workspace)
    failed = Failed(item, Failure(item.id, Stage.PARSE, "Because.", calls=2))
    ledger.write([failed, Done(item, {"atom_task": "One."}), failed])
    progress = workspace.runs.progress(run.id)
    assert (progress.failed, progress.done) == (1, 0)
    (failure,) = workspace.runs.failures(run.id)
    assert (failure.reason, failure.calls) == ("Because.", 2)


def test_the_end_of_an_attempt_that_was_given_up_does_not_end_the_next(workspace: Workspace) -> None:
    run, ledger, (item, *_) = _planned(workspace)
    workspace.runs.ask(run.id, "cancel")
    workspace.runs.retry_failed(run.id)
    ledger.write([Failed(item, Failure(item.id, Stage.SERVING, "No answer."))])
    assert workspace.runs.progress(run.id).pending == 3
    assert workspace.runs.failures(run.id) == []


def test_groups_larger_than_a_statement_takes_are_stored_whole(workspace: Workspace) -> None:
    run, ledger, items = _planned(workspace, [f"Task {number}." for number in range(1_300)])
    prompt = Prompt("v/1", sampling=Sampling(temperature=0.5, extra={"min_p": 0.1}))
    answered = [Call(item, "relations", prompt, "hash", Completion((f"{item.position}",), "m"), True) for item in items]
    ledger.write([*answered, *(Done(item, item.fields) for item in items[:700])])
    ledger.write([Failed(item, Failure(item.id, Stage.PARSE, "Because.")) for item in items[700:]])
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.failed, progress.calls) == (700, 600, 1_300)
    logged = ledger.logged(items)
    assert [logged[item.id]["relations"][1].texts for item in items] == [(f"{item.position}",) for item in items]
    with workspace.database.read() as connection:
        assert connection.scalar(select(calls.c.sampling).limit(1)) == {
            "temperature": 0.5,
            "choices": 1,
            "extra": {"min_p": 0.1},
        }


def test_what_an_endpoint_claims_to_have_used_stays_within_its_column(workspace: Workspace) -> None:
    run, ledger, (item, *_) = _planned(workspace)
    boastful = Completion(("t\0",), "m\ud800", finish_reason="stop\0", usage=Usage(10**30, -5))
    ledger.write([Call(item, "relations", Prompt("v/1"), "hash", boastful, True)])
    assert workspace.runs.progress(run.id).usage == Usage(2**31 - 1, 0)
    assert ledger.logged([item])[item.id]["relations"][1].texts == ("t\ufffd",)
    assert workspace.runs.models(run.id) == {"m\ufffd": 1}


def test_the_usage_of_a_step_tells_its_calls_their_sum_and_their_largest(workspace: Workspace) -> None:
    _, ledger, (one, two, _) = _planned(workspace)
    ledger.write(
        [
            _call(one, "skeleton", Usage(10, 5)),
            _call(one, "answers", Usage(100, 50)),
            _call(two, "skeleton", Usage(8, 20)),
        ]
    )
    assert ledger.usage_by_step() == {
        "skeleton": StepUsage(2, Usage(18, 25), Usage(10, 20)),
        "answers": StepUsage(1, Usage(100, 50), Usage(100, 50)),
    }


def test_a_record_says_what_was_mended_in_its_answers(workspace: Workspace) -> None:
    run, ledger, (one, two, three) = _planned(workspace)
    ledger.write(
        [
            Done(one, {"atom_task": "One."}, ("a code fence", "a trailing comma")),
            Done(two, {"atom_task": "Two."}),
            Done(three, {"atom_task": "Three."}, ("a code fence",)),
        ]
    )
    assert [record.repairs for record in workspace.records.stream(Query())] == [
        ("a code fence", "a trailing comma"),
        (),
        ("a code fence",),
    ]
    assert workspace.runs.repairs(run.id) == {"a code fence": 2, "a trailing comma": 1}


def test_what_a_database_cannot_hold_is_replaced_wherever_it_stands(workspace: Workspace) -> None:
    _, ledger, (one, *_) = _planned(workspace)
    ledger.write([Done(one, {"\ud800": ["a\0b", {"c\udfff": "Straße\0"}], "n": 1})])
    (record,) = workspace.records.stream(Query(text="strasse"))
    assert record.fields == {"\ufffd": ["a\ufffdb", {"c\ufffd": "Straße\ufffd"}], "n": 1}
    assert workspace.records.history(record.id)[0].fields == record.fields


def _planned(
    workspace: Workspace, tasks: Sequence[str] = ("One.", "Two.", "Three.")
) -> tuple[Run, Ledger, list[Input]]:
    run = plan_tasks(workspace, tasks)
    ledger = Ledger(workspace.database, run.id, run.generator)
    return run, ledger, ledger.pending(after=-1, count=len(tasks))


def _call(item: Input, step: str, usage: Usage) -> Call:
    return Call(item, step, Prompt("v/1"), "hash", Completion(("t",), "m", usage=usage), is_valid=True)


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

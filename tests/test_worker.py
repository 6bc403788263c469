"""The worker: a real process that takes rewriting runs up as they come, and may be killed at any time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow_core.models import EMBEDDED, Endpoint, ProposalState, Record, Run, RunState
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.owner import is_alive
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import runs, workers
from dataflow_core.worker import Worker
from dataflow_core.workspace import Workspace
from tests.processes import wait_until
from tests.scripted_endpoint import Reply, Request, ScriptedEndpoint, delayed, para_seq_replies, refusal
from tests.support import ENDPOINT, answer_relations, execute, plan_tasks, relations


@pytest.fixture
def records(workspace: Workspace) -> Iterator[list[Record]]:
    execute(workspace, plan_tasks(workspace, [f"Task {number}." for number in range(30)]), answer_relations)
    yield list(workspace.records.stream(Query()))
    for pid in pids(workspace).values():
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not pids(workspace))


def pids(workspace: Workspace) -> dict[str, int]:
    """The worker processes that are alive, by name."""
    with workspace.database.read() as connection:
        rows = connection.execute(workers.select()).mappings().all()
    return {row["name"]: row["owner"]["pid"] for row in rows if is_alive(row["owner"], row["seen_at"])}


def model(endpoint: ScriptedEndpoint, *, workers_: int = 4, name: str = "scripted") -> Endpoint:
    return Endpoint(name, base_url=endpoint.url, model="m", max_workers=workers_)


def plan(workspace: Workspace, records: list[Record], endpoint: Endpoint, *, takes_over: bool = False) -> Run:
    ids = [record.id for record in records]
    return workspace.rewriting.plan(ids, "Shorter!", endpoint=endpoint, author="Ada", takes_over=takes_over)


def is_finished(workspace: Workspace, run: Run) -> bool:
    return workspace.runs.get(run.id).state is RunState.FINISHED


def executed_by(workspace: Workspace) -> set[int]:
    with workspace.database.read() as connection:
        owners = connection.execute(runs.select().where(runs.c.kind == "rewrite")).mappings().all()
    return {row["owner"]["pid"] for row in owners if row["owner"]}


def test_one_warm_process_takes_up_one_after_another_and_several_side_by_side(
    workspace: Workspace, records: list[Record]
) -> None:
    with ScriptedEndpoint(delayed(para_seq_replies, 0.3)) as endpoint:
        first = plan(workspace, records[:1], model(endpoint), takes_over=True)
        workspace.start(first.id)
        wait_until(lambda: is_finished(workspace, first))
        found = workspace.records.get(records[0].id)
        assert found is not None
        assert (found.revision, found.fields["atom_task"]) == (2, records[0].fields["atom_task"])
        (pid,) = pids(workspace).values()
        several = [plan(workspace, [record], model(endpoint)) for record in records[1:5]]
        for run in several:
            workspace.start(run.id)
        wait_until(lambda: len(executed_by(workspace)) == 1)
        assert executed_by(workspace) == {pid}
        wait_until(lambda: all(is_finished(workspace, run) for run in several))
        assert list(pids(workspace).values()) == [pid]
        assert all(workspace.proposals.count(run.id)[ProposalState.OPEN] == 1 for run in several)
        assert len(endpoint.chats) == 5
        assert not any((workspace.folder / f"reserve-{run.id}").exists() for run in several)


def test_a_killed_worker_costs_no_answer_and_the_next_one_takes_its_runs_up(
    workspace: Workspace, records: list[Record]
) -> None:
    with ScriptedEndpoint(delayed(para_seq_replies, 0.1)) as endpoint:
        run = plan(workspace, records, model(endpoint, workers_=2))
        workspace.start(run.id)
        wait_until(lambda: workspace.runs.progress(run.id).done >= 6)
        (pid,) = pids(workspace).values()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: workspace.runs.get(run.id).state is RunState.INTERRUPTED)
        other = plan(workspace, records[:1], model(endpoint))
        workspace.start(other.id)
        wait_until(lambda: is_finished(workspace, run) and is_finished(workspace, other))
        assert pid not in pids(workspace).values()
        in_flight, answered_in_200_ms = 2, 2 * 2
        assert len(endpoint.chats) <= 31 + in_flight + answered_in_200_ms
    numbers = workspace.proposals.numbers(run.id)
    assert sorted(one.record for one in workspace.proposals.page(numbers)) == sorted(one.number for one in records)


def start_worker(workspace: Workspace, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dataflow_core", "worker", "--workspace", str(workspace.folder), "--quiet"]
    return subprocess.Popen([*command, *options], cwd=Path(__file__).parents[1])


def test_it_ends_when_nobody_asks_and_there_is_only_one(workspace: Workspace, records: list[Record]) -> None:
    first = start_worker(workspace)
    wait_until(lambda: pids(workspace))
    second = start_worker(workspace)
    assert second.wait(30) == 0
    assert list(pids(workspace).values()) == [first.pid]
    first.terminate()
    assert first.wait(30) == 0
    assert start_worker(workspace, "--idle", "0.5").wait(30) == 0
    assert pids(workspace) == {}
    assert not (workspace.folder / "reserve-worker").exists()
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        run = plan(workspace, records[:1], model(endpoint))
        workspace.start(run.id)
        wait_until(lambda: is_finished(workspace, run))


def test_it_ends_when_its_workspace_is_deleted(workspace: Workspace, records: list[Record]) -> None:
    process = start_worker(workspace)
    wait_until(lambda: pids(workspace))
    (workspace.folder / "workspace.db").rename(workspace.folder / "elsewhere.db")
    assert process.wait(30) == 0
    (workspace.folder / "elsewhere.db").rename(workspace.folder / "workspace.db")


def test_asked_to_end_it_leaves_its_runs_to_be_gone_on_with(workspace: Workspace, records: list[Record]) -> None:
    with ScriptedEndpoint(delayed(para_seq_replies, 0.1)) as endpoint:
        run = plan(workspace, records, model(endpoint, workers_=1))
        workspace.start(run.id)
        wait_until(lambda: workspace.runs.progress(run.id).done >= 2)
        (pid,) = pids(workspace).values()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: workspace.runs.get(run.id).state is RunState.PAUSED)
        wait_until(lambda: pids(workspace) == {})
    assert "Traceback" not in (workspace.folder / "logs" / "worker.log").read_text()


def test_a_pasted_key_goes_to_its_own_address_alone_and_into_no_file(
    workspace: Workspace, records: list[Record]
) -> None:
    def wants_a_key(request: Request) -> Reply:
        return para_seq_replies(request)

    secret, better = "sk-pasted-0123456789abcdef", "sk-pasted-fedcba9876543210"
    with ScriptedEndpoint(wants_a_key) as mine, ScriptedEndpoint(para_seq_replies) as other:
        for number, (endpoint, key) in enumerate([(mine, secret), (other, None), (mine, better)]):
            run = plan(workspace, [records[number]], model(endpoint))
            workspace.start(run.id, key=lambda _: key)
            wait_until(lambda: is_finished(workspace, run))  # noqa: B023
        assert [call.headers["authorization"] for call in mine.chats] == [f"Bearer {secret}", f"Bearer {better}"]
        assert all(secret not in str(call.headers) for call in other.calls)
    assert len(pids(workspace)) == 3
    for path in workspace.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert secret.encode() not in content, path
            assert better.encode() not in content, path


def test_a_refused_key_stops_that_run_alone(workspace: Workspace, records: list[Record]) -> None:
    with ScriptedEndpoint(lambda _: refusal(401, "Wrong key.")) as closed, ScriptedEndpoint(para_seq_replies) as open_:
        bad = plan(workspace, records[:1], model(closed, name="closed"))
        good = plan(workspace, records[:1], model(open_, name="open"))
        workspace.start(bad.id)
        workspace.start(good.id)
        wait_until(lambda: workspace.runs.get(bad.id).state is RunState.PAUSED and is_finished(workspace, good))
    assert workspace.runs.get(bad.id).stopped_by == "problem"


def run_here(workspace: Workspace, opened: list[ScriptedServing]) -> list[str]:
    """Have a worker in this process do what there is to do; returns what it said. `opened` are served in turn."""
    said: list[str] = []
    waiting = iter(opened)
    workspace.open_serving = lambda endpoint, key=None: next(waiting)  # type: ignore[method-assign]
    asyncio.run(Worker(workspace, idle=0.1, say=said.append).run())
    return said


def test_the_embedded_model_stays_loaded_from_run_to_run(workspace: Workspace, records: list[Record]) -> None:
    several = [plan(workspace, [record], EMBEDDED) for record in records[:3]]
    for run in several:
        workspace.runs.enqueue(run.id, limit=None)
    reply = "write a list of three museums in Rome and their prices."
    serving = ScriptedServing(lambda _: reply, recipe="small", max_workers=1)
    assert run_here(workspace, [serving]) == []
    assert all(is_finished(workspace, run) for run in several)
    assert serving.is_closed
    assert pids(workspace) == {}


def test_a_program_error_in_one_run_stops_no_other(workspace: Workspace, records: list[Record]) -> None:
    bad, good = (plan(workspace, [record], ENDPOINT) for record in records[:2])
    for run in (bad, good):
        workspace.runs.enqueue(run.id, limit=None)
    said = run_here(workspace, [ScriptedServing([]), ScriptedServing([relations("x")])])
    assert "LookupError" in said[0]
    assert (workspace.runs.get(bad.id).stopped_by, is_finished(workspace, good)) == ("problem", True)


def test_runs_of_a_worker_that_had_another_key_are_left_alone(workspace: Workspace, records: list[Record]) -> None:
    run = plan(workspace, records[:1], ENDPOINT)
    workspace.workers.assign(run.id, "http://127.0.0.1:9/v1 0123456789ab")
    workspace.runs.enqueue(run.id, limit=None)
    assert workspace.workers.waiting("") == []
    assert workspace.workers.waiting("http://127.0.0.1:8/v1 0123456789ab") == []
    assert workspace.workers.waiting("http://127.0.0.1:9/v1 0123456789ab") == [run.id]
    assert workspace.workers.waiting("http://127.0.0.1:9/v1 ba9876543210") == [run.id]  # the other one is not there
    assert workspace.workers.must_start("http://127.0.0.1:9/v1 0123456789ab")
    assert not workspace.workers.must_start("http://127.0.0.1:9/v1 0123456789ab")
    assert workspace.workers.waiting("http://127.0.0.1:9/v1 ba9876543210") == []


def test_a_worker_does_not_end_while_something_is_asked_for(workspace: Workspace, records: list[Record]) -> None:
    assert workspace.workers.claim("")
    assert workspace.workers.beat("")
    run = plan(workspace, records[:1], ENDPOINT)
    workspace.runs.enqueue(run.id, limit=None)
    workspace.workers.assign(run.id, "")
    assert not workspace.workers.retire("")
    workspace.runs.ask(run.id, "cancel")
    workspace.runs.claim(run.id)
    assert workspace.workers.retire("")
    assert not workspace.workers.beat("")

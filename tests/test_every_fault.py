"""Runs against an endpoint that does everything wrong, in processes that are killed: the accounts stay exact."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from dataflow_core.models import Endpoint, Run, RunState, Stage
from dataflow_core.serving.openai_compatible import OpenAIServing
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import calls, inputs
from dataflow_core.workspace import Workspace
from tests.faults import FAULTS, Fault, FaultyScript
from tests.processes import pid_of, wait_until
from tests.scripted_endpoint import Reply, Request, Script, ScriptedEndpoint, valid_replies
from tests.support import INTENTS, Clock, execute, plan_tasks

INPUTS, AT_A_TIME, KILLS = 2_000, 100, 3
DURABLE = 0.2  # seconds within which an answer that has arrived is stored


def counted(workspace: Workspace, run: Run) -> dict[str, int]:
    with workspace.database.read() as connection:
        query = select(inputs.c.state, func.count()).where(inputs.c.run_id == run.id).group_by(inputs.c.state)
        return {row[0]: row[1] for row in connection.execute(query)}


def test_a_run_among_all_faults_that_is_killed_three_times_loses_nothing_and_repeats_no_answered_call(
    workspace: Workspace,
) -> None:
    script, source = FaultyScript(0.2), random.Random(7)
    not_durable, answered_by_then = 0, list[tuple[int, set[str]]]()
    with ScriptedEndpoint(script) as endpoint:
        model = Endpoint("faulty", base_url=endpoint.url, model="m", max_workers=AT_A_TIME, timeout=2.0)
        run = plan_tasks(workspace, [f"Do thing {number}." for number in range(INPUTS)], endpoint=model)
        for kill in range(KILLS):
            threshold = source.randint(INPUTS * kill // 4, INPUTS * (kill + 1) // 4)
            started = time.monotonic()
            workspace.start(run.id)
            wait_until(lambda: workspace.runs.progress(run.id).done >= threshold, 120.0)  # noqa: B023
            os.kill(pid_of(workspace, run), signal.SIGKILL)
            killed = time.monotonic()
            time.sleep(0.05)  # for the server to notice the connections that are gone
            not_durable += endpoint.under_way(killed, since=started)
            not_durable += endpoint.answered_between(killed - DURABLE, killed)
            wait_until(lambda: workspace.runs.get(run.id).state is RunState.INTERRUPTED)
            assert sum(counted(workspace, run).values()) == INPUTS
            answered_by_then.append((len(endpoint.chats), answered_tasks(workspace, run)))
        workspace.start(run.id)
        wait_until(lambda: not workspace.runs.get(run.id).state.is_live, 180.0)
    assert workspace.runs.get(run.id).state is RunState.FINISHED, workspace.runs.get(run.id).reason
    check_every_input_once(workspace, run)
    check_each_answer_at_most_once(workspace, run)
    for count, answered in answered_by_then:
        assert not answered & {asked_task(call.body) for call in endpoint.chats[count:]}
    with workspace.database.read() as connection:
        logged = connection.scalar(select(func.count()).where(calls.c.run_id == run.id)) or 0
    assert len(endpoint.chats) <= logged + script.no_answers + not_durable
    progress = workspace.runs.progress(run.id)
    assert progress.done >= 0.99 * INPUTS, workspace.runs.failures_by_stage(run.id)
    assert len(script.made) >= len(FAULTS) - 4  # the rare ones may not have had their turn


def answered_tasks(workspace: Workspace, run: Run) -> set[str]:
    """Those with a usable answer on file."""
    answered = select(inputs.c.fields).where(inputs.c.id.in_(select(calls.c.input_id).where(calls.c.is_valid)))
    with workspace.database.read() as connection:
        return {fields["atom_task"] for fields in connection.scalars(answered.where(inputs.c.run_id == run.id))}


def asked_task(request: Request) -> str:
    asked = [message["content"] for message in request["messages"] if message["content"].startswith("Atomic task:")]
    return str(asked[-1]).split("\n")[1]


def check_every_input_once(workspace: Workspace, run: Run) -> None:
    failed = [failure.fields["line"] for failure in workspace.runs.failures(run.id, limit=None)]
    made = [record.fields["line"] for record in workspace.records.stream(Query(runs=(run.id,)))]
    assert sorted(failed + made) == list(range(INPUTS))


def check_each_answer_at_most_once(workspace: Workspace, run: Run) -> None:
    """The endpoint has numbered its answers."""
    with workspace.database.read() as connection:
        models = list(connection.scalars(select(calls.c.model).where(calls.c.run_id == run.id)))
        valid = select(func.count()).where(calls.c.run_id == run.id, calls.c.is_valid).group_by(calls.c.input_id)
        assert set(connection.scalars(valid)) == {1}
    times = Counter(model for model in models if model.startswith("scripted-"))
    assert set(times.values()) == {1}


class FastClock(Clock):
    """Fifty seconds pass in one."""

    def __call__(self) -> float:
        return time.monotonic() * 50

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 50)


def spoiling(fault: Fault, times: int) -> Script:
    """Spoils so many of the answers to the second task, and none of those to the first."""
    left = times

    def script(request: Request) -> Reply:
        nonlocal left
        reply = valid_replies(request)
        if not left or not any("1" in message["content"] for message in request["messages"] if is_asked(message)):
            return reply
        left -= 1
        return fault.spoil(reply)

    return script


def is_asked(message: dict[str, str]) -> bool:
    return message["role"] == "user" and ("thing" in message["content"] or "topic-1" in message["content"])


def execute_two(workspace: Workspace, fault: Fault, times: int) -> tuple[Run, int]:
    """One input that is answered well and one whose answers are spoilt so often; returns the calls it took."""
    with ScriptedEndpoint(spoiling(fault, times)) as scripted:
        endpoint = Endpoint("faulty", base_url=scripted.url, model="m", max_workers=1, timeout=0.4)
        if "turns" in fault.name:
            topics = [replace(INTENTS[0], topics=("topic-0", "topic-1"))]
            run = workspace.plan_dialogues(topics, endpoint=endpoint, num_dialogs_per_intent=2, num_turns_per_dialog=4)
        else:
            run = plan_tasks(workspace, ["Do thing 0.", "Do thing 1."], endpoint=endpoint)
        serving = OpenAIServing(endpoint, "")
        assert execute(workspace, run, serving, clock=FastClock()).state is RunState.FINISHED
        return run, len(scripted.chats)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_that_passes_costs_one_call_more_at_most_and_no_input_but_a_refused_one(
    workspace: Workspace, fault: Fault
) -> None:
    run, n_calls = execute_two(workspace, fault, 1)
    if fault.kind == "refused":
        assert workspace.runs.failures_by_stage(run.id) == {Stage.REFUSED: 1}
    else:
        assert workspace.runs.progress(run.id).done == 2
    n_needed = 4 if "turns" in fault.name else 2
    assert n_calls == n_needed + (fault.kind in ("no answer", "unusable"))
    mended = [record.repairs for record in workspace.records.stream(Query(runs=(run.id,))) if record.repairs]
    assert len(mended) == (fault.kind == "mended")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_that_does_not_pass_has_a_named_outcome(workspace: Workspace, fault: Fault) -> None:
    run, n_calls = execute_two(workspace, fault, 1_000)
    progress = workspace.runs.progress(run.id)
    if fault.kind == "mended":
        assert (progress.done, n_calls) == (2, 2)
        return
    assert (progress.done, progress.failed) == (1, 1)
    (failure,) = workspace.runs.failures(run.id)
    truncated = fault.name in ("cut at the limit", "enormous")
    stages = {"no answer": Stage.SERVING, "unusable": Stage.TRUNCATED if truncated else Stage.PARSE}
    assert failure.stage is stages.get(fault.kind, Stage.REFUSED)
    assert failure.calls == {"no answer": 5, "unusable": 2, "refused": 1}[fault.kind]
    assert failure.reason.endswith((".", "?", "!", "…", "”", '"'))
    if fault.kind == "unusable" and fault.name not in ("content null", "empty content"):
        assert failure.raw_text


def closed_port(_: ScriptedEndpoint) -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (closed_port, "connection refused"),
        (lambda _: "http://no-such-host.invalid/v1", "is not known"),
        (lambda endpoint: endpoint.url.replace("http:", "https:"), "does not speak https"),
    ],
    ids=["connection refused", "DNS failure", "TLS failure"],
)
def test_an_address_where_nobody_answers_pauses_the_run_and_costs_no_input(
    workspace: Workspace, address: Callable[[ScriptedEndpoint], str], sentence: str
) -> None:
    with ScriptedEndpoint(valid_replies) as scripted:
        endpoint = Endpoint("nobody", base_url=address(scripted), model="m", timeout=5.0)
        run = plan_tasks(workspace, ["Do thing 0.", "Do thing 1.", "Do thing 2."], endpoint=endpoint)
        outcome = execute(workspace, run, OpenAIServing(endpoint, ""), clock=FastClock())
    assert (outcome.state, outcome.stopped_by) == (RunState.PAUSED, "problem")
    assert sentence in outcome.reason
    assert workspace.runs.progress(run.id).pending == 3

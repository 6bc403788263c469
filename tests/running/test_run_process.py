"""Runs in processes of their own: they outlive whoever started them, and kill -9 loses nothing that was answered."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from dataflow_core.errors import RunIsLiveError
from dataflow_core.models import Endpoint, ReviewStatus, Run, RunState
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.processes import pid_of, wait_until
from tests.scripted_endpoint import ScriptedEndpoint, chat_replies, delayed, para_seq_replies
from tests.support import INTENTS, plan_tasks

N = 60


def plan(workspace: Workspace, endpoint: ScriptedEndpoint, workers: int = 4) -> Run:
    tasks = [f"Do thing {number}." for number in range(N)]
    model = Endpoint("scripted", base_url=endpoint.url, model="m", max_workers=workers)
    return plan_tasks(workspace, tasks, endpoint=model)


def test_a_killed_run_shows_as_interrupted_and_resumes_with_every_input_accounted_for(workspace: Workspace) -> None:
    with ScriptedEndpoint(delayed(para_seq_replies, 0.05)) as endpoint:
        run = plan(workspace, endpoint)
        in_flight = 0
        for threshold in (5, 25):
            workspace.start(run.id)
            wait_until(lambda: workspace.runs.progress(run.id).done >= threshold)  # noqa: B023
            os.kill(pid_of(workspace, run), signal.SIGKILL)
            in_flight += run.endpoint.max_workers
            wait_until(lambda: workspace.runs.get(run.id).state is RunState.INTERRUPTED)
            assert workspace.runs.progress(run.id).total == N
        workspace.start(run.id)
        wait_until(lambda: workspace.runs.get(run.id).state is RunState.FINISHED)
        answered_in_200_ms = 2 * 4 * (0.2 / 0.05)
        assert len(endpoint.calls) <= N + in_flight + answered_in_200_ms
    records = list(workspace.records.stream(Query(runs=(run.id,))))
    assert sorted(record.fields["line"] for record in records) == list(range(N))
    assert workspace.runs.progress(run.id).done == N


def test_a_run_goes_on_when_the_process_that_started_it_is_gone_and_stops_within_two_seconds_when_asked(
    workspace: Workspace,
) -> None:
    with ScriptedEndpoint(delayed(para_seq_replies, 0.2)) as endpoint:
        run = plan(workspace, endpoint, workers=2)
        workspace.start(run.id)
        wait_until(lambda: pid_of(workspace, run))
        process = psutil.Process(pid_of(workspace, run))
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
        with pytest.raises(RunIsLiveError):
            workspace.start(run.id)
        wait_until(lambda: workspace.runs.progress(run.id).done >= 2)
        workspace.runs.ask(run.id, "pause")
        asked = time.monotonic()
        wait_until(lambda: workspace.runs.get(run.id).state is RunState.PAUSED)
        assert time.monotonic() - asked < 4.0  # 2 s and a machine that is busy with other tests
        assert workspace.runs.get(run.id).reason == "Paused."


def test_a_pasted_key_reaches_the_endpoint_and_no_file(workspace: Workspace) -> None:
    secret = "sk-pasted-0123456789abcdef"
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        run = plan(workspace, endpoint)
        workspace.start(run.id, key=lambda _: secret)
        wait_until(lambda: workspace.runs.get(run.id).state is RunState.FINISHED)
        assert {call.headers["authorization"] for call in endpoint.calls} == {f"Bearer {secret}"}
    workspace.close()
    for path in workspace.folder.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


def test_sigterm_pauses_a_run_and_keeps_its_place(workspace: Workspace) -> None:
    with ScriptedEndpoint(delayed(para_seq_replies, 0.1)) as endpoint:
        run = plan(workspace, endpoint, workers=2)
        workspace.start(run.id)
        wait_until(lambda: workspace.runs.progress(run.id).done >= 2)
        os.kill(pid_of(workspace, run), signal.SIGTERM)
        wait_until(lambda: workspace.runs.get(run.id).state is RunState.PAUSED)
    assert "Resume" in workspace.runs.get(run.id).reason
    log = Path(workspace.folder / "logs" / f"{run.id}.log").read_text()
    assert "Traceback" not in log


def test_a_run_killed_in_either_of_its_two_stages_goes_on_there_and_asks_for_no_questions_twice(
    workspace: Workspace,
) -> None:
    def status() -> tuple[int, int]:
        progress = workspace.runs.progress(run.id)
        assert progress.pending + progress.waiting + progress.done == progress.total == N
        return progress.waiting, progress.done

    def kill_when(condition: Callable[[], bool]) -> None:
        workspace.start(run.id)
        wait_until(condition)
        os.kill(pid_of(workspace, run), signal.SIGKILL)
        wait_until(lambda: workspace.runs.get(run.id).state is RunState.INTERRUPTED)
        workspace.start(run.id)
        wait_until(lambda: workspace.runs.get(run.id).state is RunState.FINISHED)

    with ScriptedEndpoint(delayed(chat_replies, 0.05)) as endpoint:
        model = Endpoint("scripted", base_url=endpoint.url, model="m", max_workers=4)
        run = workspace.plan_dialogues(
            INTENTS, endpoint=model, num_dialogs_per_intent=N // 2, num_turns_per_dialog=4, review_skeletons=True
        )
        kill_when(lambda: status()[0] >= 10)
        assert status() == (N, 0)
        seen = {record.id: record.revision for record in workspace.records.stream(Query())}
        workspace.review.decide(seen, ReviewStatus.ACCEPTED, reviewer="Ada")
        calls = len(endpoint.calls)
        assert workspace.answer_accepted(run.id) == N
        kill_when(lambda: status()[1] >= 10)
        assert status() == (0, N)
        answered_in_200_ms = 4 * (0.2 / 0.05)
        assert len(endpoint.calls) - calls <= N + 4 + answered_in_200_ms
    made = list(workspace.records.stream(Query()))
    assert len(made) == N
    assert {len(record.fields["conversation"]) for record in made} == {4}

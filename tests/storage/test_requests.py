"""Which record a rewriting run was asked for, and until when that is told."""

from __future__ import annotations

import pytest

from dataflow_core.models import Record, RunState
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, answer_relations, execute, plan_tasks


@pytest.fixture
def record(workspace: Workspace) -> Record:
    execute(workspace, plan_tasks(workspace, ["One.", "Two."]), answer_relations)
    return next(workspace.records.stream(Query()))


def asked(workspace: Workspace, record: Record) -> str:
    run = workspace.rewriting.plan([record.id], "Shorter.", endpoint=ENDPOINT, author="Ada")
    return run.id


def test_a_records_requests_come_newest_first_until_they_are_put_away(workspace: Workspace, record: Record) -> None:
    first, second = asked(workspace, record), asked(workspace, record)
    assert [run.id for run in workspace.requests.of(record.number)] == [second, first]
    assert workspace.requests.of(record.number + 1) == []
    workspace.requests.put_away(second)
    assert [run.id for run in workspace.requests.of(record.number)] == [first]


def test_only_what_is_being_written_is_under_way(workspace: Workspace, record: Record) -> None:
    run_id = asked(workspace, record)
    assert workspace.requests.under_way() == {}
    workspace.runs.enqueue(run_id, limit=None)
    assert workspace.requests.under_way() == {run_id: record.number}
    workspace.runs.claim(run_id)
    workspace.runs.release(run_id, RunState.CANCELLED)
    assert workspace.requests.under_way() == {}

"""Rows of the database as the library's nouns."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sqlalchemy import RowMapping

from dataflow_core.models import (
    Action,
    ActionState,
    Budget,
    Comment,
    Decision,
    Endpoint,
    Failure,
    Proposal,
    ProposalState,
    Record,
    ReviewStatus,
    Revision,
    RevisionKind,
    Run,
    RunKind,
    RunState,
    Stage,
)
from dataflow_core.storage.owner import is_alive

#: A run asked to start has this many seconds until its process must have taken it up.
START_UP = 60.0
#: And an action that a process was started for.
ACTION_START_UP = 20.0


def run_of(row: RowMapping) -> Run:
    return Run(
        id=row["id"],
        name=row["name"],
        generator=row["generator"],
        params=row["params"],
        endpoint=Endpoint(**(row["endpoint"] | ({"max_workers": row["workers"]} if row["workers"] else {}))),
        prompt_version=row["prompt_version"],
        state=_state(row),
        reason=row["reason"],
        stopped_by=row["stopped_by"],
        limit=row["take_up"],
        budget=Budget(row["token_budget"], row["money_budget"]),
        source=row["source"],
        created_at=_time(row["created_at"]),
        started_at=_time(row["started_at"]) if row["started_at"] else None,
        finished_at=_time(row["finished_at"]) if row["finished_at"] else None,
        kind=RunKind(row["kind"]),
    )


def failure_of(row: RowMapping) -> Failure:
    return Failure(
        input_id=row["input_id"],
        stage=Stage(row["stage"]),
        reason=row["reason"],
        raw_text=row["raw_text"],
        attempts=row["attempt"] + 1,
        calls=row["calls"],
        position=row["position"],
        fields=row["fields"],
        at=_time(row["at"]),
    )


def record_of(row: RowMapping) -> Record:
    return Record(
        id=row["id"],
        number=row["number"],
        run_id=row["run_id"],
        input_id=row["input_id"],
        generator=row["generator"],
        fields=row["fields"],
        status=ReviewStatus(row["status"]),
        reason=row["reason"],
        reviewer=row["reviewer"],
        repairs=tuple(row["repairs"]),
        revision=row["revision"],
        is_edited=row["is_edited"],
        model=row["model"],
        created_at=_time(row["created_at"]),
        updated_at=_time(row["updated_at"]),
        stage=row["stage"],
    )


def revision_of(row: RowMapping) -> Revision:
    return Revision(
        number=row["number"],
        kind=RevisionKind(row["kind"]),
        fields=row["fields"],
        author=row["author"],
        reason=row["reason"],
        at=_time(row["at"]),
    )


def decision_of(row: RowMapping) -> Decision:
    return Decision(row["revision"], ReviewStatus(row["status"]), row["reason"], row["reviewer"], _time(row["at"]))


def comment_of(row: RowMapping) -> Comment:
    return Comment(row["author"], row["text"], _time(row["at"]))


def proposal_of(row: RowMapping) -> Proposal:
    state = ProposalState(row["state"])
    if state is ProposalState.OPEN and row["before"] != row["present"]:
        state = ProposalState.OUTDATED
    return Proposal(
        number=row["number"],
        run_id=row["run_id"],
        input_id=row["input_id"],
        record=row["record"],
        base_revision=row["base_revision"],
        before=row["before"],
        fields=row["fields"],
        note=row["note"],
        author=row["author"],
        model=row["model"],
        state=state,
        at=_time(row["at"]),
        decided_at=_time(row["decided_at"]) if row["decided_at"] else None,
    )


def action_of(row: RowMapping) -> Action:
    state = ActionState(row["state"])
    return Action(
        number=row["number"],
        kind=row["kind"],
        author=row["author"],
        record=row["record"],
        params=row["params"],
        total=row["total"],
        done=row["done"],
        touched=row["touched"],
        state=state,
        is_interrupted=state is ActionState.RUNNING and not _is_under_way(row),
        undone_by=row["undone_by"],
        at=_time(row["at"]),
    )


def _is_under_way(action: RowMapping) -> bool:
    if action["owner"] is None:  # a process is about to take it up
        return bool(time.time() - action["at"] < ACTION_START_UP)
    return is_alive(action["owner"], action["at"])


def _state(row: RowMapping) -> RunState:
    state = RunState(row["state"])
    if state is RunState.RUNNING and not is_alive(row["owner"], row["heartbeat_at"]):
        return RunState.INTERRUPTED
    if state is RunState.QUEUED:
        is_dead = row["owner"] is not None and not is_alive(row["owner"], row["heartbeat_at"])
        return RunState.INTERRUPTED if is_dead or time.time() - row["heartbeat_at"] > START_UP else state
    return state


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

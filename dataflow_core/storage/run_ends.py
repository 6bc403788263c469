"""How a run ends: what never had its turn becomes failures."""

from __future__ import annotations

import time

from sqlalchemy import Connection, func, insert, literal, select, update

from dataflow_core.models import InputState, RunState, Stage, StoppedBy
from dataflow_core.storage.schema import calls, failures, inputs, runs

NEVER_ENDED = {
    Stage.CANCELLED: "The run was cancelled before this input's turn. Retry it to have it generated.",
    Stage.BUDGET: "The run's budget was used up before this input's turn, and the run was ended there. "
    "Raise the budget, then retry it to have it generated.",
}
_NEVER_ANSWERED = (
    "The run was ended while this input waited for a review of its questions. Retry it to go on with them."
)


def has_unended(connection: Connection, run_id: str) -> bool:
    """After a retry, or with inputs that wait for a review, also a run that had ended has."""
    unended = inputs.c.state.in_([InputState.PENDING, InputState.WAITING])
    return connection.scalar(select(inputs.c.id).where(inputs.c.run_id == run_id, unended).limit(1)) is not None


def end_run(connection: Connection, run_id: str, state: RunState, reason: str, stopped_by: StoppedBy) -> None:
    if state is RunState.CANCELLED:
        stood_still_by = connection.scalar(select(runs.c.stopped_by).where(runs.c.id == run_id))
        stage = Stage.BUDGET if stood_still_by == "budget" else Stage.CANCELLED
        _fail_all(connection, run_id, InputState.PENDING, stage, NEVER_ENDED[stage])
        _fail_all(connection, run_id, InputState.WAITING, Stage.CANCELLED, _NEVER_ANSWERED)
    ended = {"state": state, "reason": reason, "stopped_by": stopped_by, "finished_at": time.time()}
    connection.execute(update(runs).where(runs.c.id == run_id).values(**ended, request=None, owner=None))


def _fail_all(connection: Connection, run_id: str, state: InputState, stage: Stage, reason: str) -> None:
    in_state = (inputs.c.run_id == run_id) & (inputs.c.state == state)
    made = select(func.count()).where(calls.c.input_id == inputs.c.id, calls.c.attempt == inputs.c.attempt)
    columns = ["run_id", "input_id", "attempt", "stage", "reason", "raw_text", "calls", "at"]
    values = select(
        inputs.c.run_id,
        inputs.c.id,
        inputs.c.attempt,
        literal(stage.value),
        literal(reason),
        literal(""),
        made.scalar_subquery(),
        literal(time.time()),
    ).where(in_state)
    connection.execute(insert(failures).from_select(columns, values))
    connection.execute(update(inputs).where(in_state).values(state=InputState.FAILED))

"""Runs as the app, the command line and a run's own process see them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, func, insert, literal, select, update
from ulid import ULID

from dataflow_core.errors import RunIsLiveError, UsageError, WorkspaceError
from dataflow_core.models import (
    Endpoint,
    Failure,
    Fields,
    InputState,
    Progress,
    Run,
    RunState,
    SourceLine,
    Stage,
    StoppedBy,
    Usage,
)
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.owner import is_alive, this_process
from dataflow_core.storage.rows import failure_of, run_of
from dataflow_core.storage.schema import calls, failures, inputs, records, runs, source_lines

RECENT = 30.0
_CHUNK = 5_000

Request = Literal["pause", "cancel"]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a new run is made of. `skipped` are lines of the source that did not become inputs."""

    name: str
    generator: str
    params: Fields
    endpoint: Endpoint
    prompt_version: str
    inputs: Iterable[Fields]
    source: Fields
    skipped: Sequence[SourceLine] = ()


class RunStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, plan: RunPlan) -> Run:
        """Store the run with all its inputs, or nothing. Raises `UsageError` when there are none."""
        run_id, now = str(ULID()), time.time()
        with self._database.write() as connection:
            connection.execute(
                insert(runs).values(
                    id=run_id,
                    name=plan.name,
                    generator=plan.generator,
                    params=plan.params,
                    endpoint=asdict(plan.endpoint),
                    prompt_version=plan.prompt_version,
                    state=RunState.PAUSED,
                    reason="Not started yet.",
                    source=plan.source,
                    created_at=now,
                )
            )
            if not _insert_inputs(connection, run_id, plan.inputs):
                raise UsageError("There is nothing to run: not one input is left.")
            skipped = [asdict(line) | {"run_id": run_id, "text": storable(line.text)} for line in plan.skipped]
            for start in range(0, len(skipped), _CHUNK):
                connection.execute(insert(source_lines), skipped[start : start + _CHUNK])
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        """The run with this id, or with the only id that ends so. Raises `UsageError` where there is none."""
        with self._database.read() as connection:
            found = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
            if found is None and len(run_id) >= 4:
                ending = select(runs).where(runs.c.id.endswith(run_id.upper(), autoescape=True)).limit(2)
                candidates = connection.execute(ending).mappings().all()
                found = candidates[0] if len(candidates) == 1 else None
        if found is None:
            raise UsageError(f"There is no run {run_id} in this workspace. List them with the command `runs`.")
        return run_of(found)

    def all(self, limit: int | None = None) -> list[Run]:
        """Newest first."""
        with self._database.read() as connection:
            return [
                run_of(row)
                for row in connection.execute(select(runs).order_by(runs.c.id.desc()).limit(limit)).mappings()
            ]

    def live(self) -> list[Run]:
        stored = select(runs).where(runs.c.state.in_([RunState.QUEUED, RunState.RUNNING])).order_by(runs.c.id)
        with self._database.read() as connection:
            found = [run_of(row) for row in connection.execute(stored).mappings()]
        return [run for run in found if run.state.is_live]

    def progress(self, run_id: str) -> Progress:
        by_state = select(inputs.c.state, func.count()).where(inputs.c.run_id == run_id).group_by(inputs.c.state)
        tokens = select(
            func.count(),
            func.coalesce(func.sum(calls.c.prompt_tokens), 0),
            func.coalesce(func.sum(calls.c.completion_tokens), 0),
        ).where(calls.c.run_id == run_id)
        now = time.time()
        with self._database.read() as connection:
            counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_state)}
            n_calls, prompt_tokens, completion_tokens = connection.execute(tokens).one()
            started = connection.scalar(select(runs.c.started_at).where(runs.c.id == run_id)) or now
            since = max(started, now - RECENT)
            recent = select(func.count()).where(records.c.run_id == run_id, records.c.created_at >= since)
            n_recent = connection.scalar(recent) or 0
        return Progress(
            **{state.value: counts.get(state, 0) for state in InputState},
            calls=n_calls,
            usage=Usage(prompt_tokens, completion_tokens),
            recent_per_second=n_recent / max(now - since, 0.5),
        )

    def count_inputs(self) -> dict[InputState, int]:
        """How the inputs of all runs stand."""
        query = select(inputs.c.state, func.count()).group_by(inputs.c.state)
        with self._database.read() as connection:
            counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
        return {state: counts.get(state, 0) for state in InputState}

    def failures(
        self, run_id: str, *, stage: Stage | None = None, offset: int = 0, limit: int | None = 100
    ) -> list[Failure]:
        """The failures that stand now, in the order of the inputs; a failure since made good is not among them."""
        query = (
            select(failures, inputs.c.position, inputs.c.fields)
            .join(inputs, (inputs.c.id == failures.c.input_id) & (inputs.c.attempt == failures.c.attempt))
            .where(inputs.c.run_id == run_id, inputs.c.state == InputState.FAILED)
            .order_by(inputs.c.position)
            .offset(offset)
            .limit(limit)
        )
        if stage is not None:
            query = query.where(failures.c.stage == stage)
        with self._database.read() as connection:
            return [failure_of(row) for row in connection.execute(query).mappings()]

    def failures_by_stage(self, run_id: str) -> dict[Stage, int]:
        query = (
            select(failures.c.stage, func.count())
            .join(inputs, (inputs.c.id == failures.c.input_id) & (inputs.c.attempt == failures.c.attempt))
            .where(inputs.c.run_id == run_id, inputs.c.state == InputState.FAILED)
            .group_by(failures.c.stage)
        )
        with self._database.read() as connection:
            return {Stage(stage): count for stage, count in connection.execute(query)}

    def source_lines(self, run_id: str, *, limit: int | None = 1_000) -> list[SourceLine]:
        query = select(source_lines).where(source_lines.c.run_id == run_id).order_by(source_lines.c.line).limit(limit)
        with self._database.read() as connection:
            return [
                SourceLine(row["line"], row["kind"], row["reason"], row["text"])
                for row in connection.execute(query).mappings()
            ]

    def retry_failed(self, run_id: str, *, stage: Stage | None = None) -> int:
        """Make failed inputs pending again, a further attempt each, and return how many. The failures stay on file.

        Raises `RunIsLiveError` while the run is being executed.
        """
        if self.get(run_id).state.is_live:
            raise RunIsLiveError("The run is still going on. Retry its failures when it has ended or is paused.")
        failed = [failure.input_id for failure in self.failures(run_id, stage=stage, limit=None)]
        with self._database.write() as connection:
            for start in range(0, len(failed), 500):
                connection.execute(
                    update(inputs)
                    .where(inputs.c.id.in_(failed[start : start + 500]), inputs.c.state == InputState.FAILED)
                    .values(state=InputState.PENDING, attempt=inputs.c.attempt + 1)
                )
        return len(failed)

    def enqueue(self, run_id: str, *, limit: int | None, endpoint: Endpoint | None = None) -> None:
        """Say that a process is about to take the run up. Raises `RunIsLiveError` if one has it already."""
        with self._database.write() as connection:
            if run_of(_row(connection, run_id)).state.is_live:
                raise RunIsLiveError("This run is being executed already. Follow it on the Runs page.")
            values: dict[str, Any] = {
                "state": RunState.QUEUED,
                "reason": "",
                "stopped_by": "",
                "take_up": limit,
                "request": None,
                "owner": None,
                "heartbeat_at": time.time(),
            }
            if endpoint is not None:
                values["endpoint"] = asdict(endpoint)
            connection.execute(update(runs).where(runs.c.id == run_id).values(values))

    def claim(self, run_id: str) -> Run:
        """Make this process the run's owner. Raises `RunIsLiveError` while another process is."""
        with self._database.write() as connection:
            row = _row(connection, run_id)
            if row["owner"] is not None and is_alive(row["owner"], row["heartbeat_at"]):
                raise RunIsLiveError(f"Run {run_id} is being executed by process {row['owner']['pid']} already.")
            now = time.time()
            is_asked_anew = (
                row["state"] != RunState.QUEUED
            )  # what was asked of an execution before is not meant for this
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id)
                .values(
                    state=RunState.RUNNING,
                    reason="",
                    stopped_by="",
                    request=None if is_asked_anew else row["request"],
                    owner=this_process(),
                    heartbeat_at=now,
                    started_at=now,
                    finished_at=None,
                )
            )
        return self.get(run_id)

    def beat(self, run_id: str) -> Request | None:
        """Show that this process is alive; returns what a person has asked of it since.

        Raises `RunIsLiveError` when another process has become the run's owner.
        """
        with self._database.write() as connection:
            if _row(connection, run_id)["owner"] != this_process():
                raise RunIsLiveError("Another process has taken this run over.")
            connection.execute(update(runs).where(runs.c.id == run_id).values(heartbeat_at=time.time()))
            asked: Request | None = connection.scalar(select(runs.c.request).where(runs.c.id == run_id))
        return asked

    def release(self, run_id: str, state: RunState, reason: str = "", stopped_by: StoppedBy = "") -> None:
        """End this process's ownership. A cancelled run's pending inputs become failures of that stage."""
        with self._database.write() as connection:
            if _row(connection, run_id)["owner"] == this_process():
                _end(connection, run_id, state, reason, stopped_by)

    def ask(self, run_id: str, request: Request) -> None:
        """Ask for a pause or for the end. A run without a live process obeys at once."""
        with self._database.write() as connection:
            if run_of(_row(connection, run_id)).state.is_live:
                connection.execute(update(runs).where(runs.c.id == run_id).values(request=request))
            elif request == "cancel":
                _end(connection, run_id, RunState.CANCELLED, "Cancelled.", "person")
            else:
                _end(connection, run_id, RunState.PAUSED, "Paused.", "person")


def _end(connection: Connection, run_id: str, state: RunState, reason: str, stopped_by: StoppedBy) -> None:
    if state is RunState.CANCELLED:
        _fail_pending(connection, run_id)
    ended = {"state": state, "reason": reason, "stopped_by": stopped_by, "finished_at": time.time()}
    connection.execute(update(runs).where(runs.c.id == run_id).values(**ended, request=None, owner=None))


def _insert_inputs(connection: Connection, run_id: str, plan: Iterable[Fields]) -> int:
    count = 0
    chunk: list[Fields] = []
    for count, fields in enumerate(plan, start=1):
        chunk.append(
            {
                "id": str(ULID()),
                "run_id": run_id,
                "position": count - 1,
                "fields": fields,
                "state": InputState.PENDING,
                "attempt": 0,
            }
        )
        if len(chunk) == _CHUNK:
            connection.execute(insert(inputs), chunk)
            chunk = []
    if chunk:
        connection.execute(insert(inputs), chunk)
    return count


def _fail_pending(connection: Connection, run_id: str) -> None:
    pending = (inputs.c.run_id == run_id) & (inputs.c.state == InputState.PENDING)
    columns = ["run_id", "input_id", "attempt", "stage", "reason", "raw_text", "at"]
    values = select(
        inputs.c.run_id,
        inputs.c.id,
        inputs.c.attempt,
        literal(Stage.CANCELLED.value),
        literal("The run was cancelled before this input's turn. Retry it to have it generated."),
        literal(""),
        literal(time.time()),
    ).where(pending)
    connection.execute(insert(failures).from_select(columns, values))
    connection.execute(update(inputs).where(pending).values(state=InputState.FAILED))


def _row(connection: Connection, run_id: str) -> RowMapping:
    row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
    if row is None:
        raise WorkspaceError(f"There is no run {run_id} in this workspace.")
    return row

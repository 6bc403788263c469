"""Runs as the app, the command line and a run's own process see them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, exists, select, update
from ulid import ULID

from dataflow_core.errors import RunIsLiveError, UsageError, WorkspaceError
from dataflow_core.models import (
    Budget,
    Endpoint,
    Fields,
    InputState,
    Run,
    RunKind,
    RunState,
    Stage,
    StoppedBy,
    Usage,
)
from dataflow_core.storage.new_runs import RunPlan, insert_run
from dataflow_core.storage.owner import is_alive, this_process
from dataflow_core.storage.progress import ProgressReader
from dataflow_core.storage.rows import run_of
from dataflow_core.storage.run_ends import NEVER_ENDED, end_run, has_unended
from dataflow_core.storage.schema import calls, failures, inputs, runs
from dataflow_core.storage.stage_gate import queue_accepted

_MOST_IDS = 500  # in one statement
Request = Literal["pause", "cancel"]


@dataclass(frozen=True, slots=True)
class Orders:
    """What people want of a run that is being executed: an end, calls at a time, a budget."""

    request: Request | None
    max_workers: int
    budget: Budget


class RunStore(ProgressReader):
    """Runs and their inputs, with what has become of them."""

    def create(self, plan: RunPlan) -> Run:
        """Store the run with all its inputs, or nothing. Raises `UsageError` when there are none."""
        run_id = str(ULID())
        with self._database.write() as connection:
            insert_run(connection, run_id, plan)
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

    def all(self, limit: int | None = None, *, kind: RunKind = RunKind.GENERATE) -> list[Run]:
        """Newest first."""
        query = select(runs).where(runs.c.kind == kind).order_by(runs.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [run_of(row) for row in connection.execute(query).mappings()]

    def with_records(self, limit: int | None = None) -> list[Run]:
        """Those that records are of, newest first: that made them, or brought them from a file."""
        of_records = runs.c.kind.in_([RunKind.GENERATE, RunKind.IMPORT])
        query = select(runs).where(of_records).order_by(runs.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [run_of(row) for row in connection.execute(query).mappings()]

    def live(self, *, kinds: Sequence[RunKind] = (RunKind.GENERATE,)) -> list[Run]:
        is_live = runs.c.kind.in_(kinds) & runs.c.state.in_([RunState.QUEUED, RunState.RUNNING])
        stored = select(runs).where(is_live).order_by(runs.c.id)
        with self._database.read() as connection:
            found = [run_of(row) for row in connection.execute(stored).mappings()]
        return [run for run in found if run.state.is_live]

    def retry_failed(self, run_id: str, *, stage: Stage | None = None, input_ids: Sequence[str] | None = None) -> int:
        """Make failed inputs pending again, a further attempt each, and return how many. The failures stay on file.

        What was cancelled, or had no budget left, was never at its end: it goes on with what has been answered.
        `stage` and `input_ids` restrict which. Raises `RunIsLiveError` while the run is being executed.
        """
        stands = (failures.c.input_id == inputs.c.id) & (failures.c.attempt == inputs.c.attempt)
        failed = (inputs.c.run_id == run_id) & (inputs.c.state == InputState.FAILED)
        if stage is not None:
            failed &= exists().where(stands, failures.c.stage == stage)
        chosen = [failed]
        if input_ids is not None:
            chunks = range(0, len(input_ids), _MOST_IDS)
            chosen = [failed & inputs.c.id.in_(input_ids[start : start + _MOST_IDS]) for start in chunks]
        again = {"state": InputState.PENDING, "attempt": inputs.c.attempt + 1}
        with self._database.write() as connection:
            run = run_of(_row(connection, run_id))
            _check_makes_records(run)
            if run.state.is_live:
                raise RunIsLiveError("The run is still going on. Retry its failures when it has ended or is paused.")
            for which in chosen:
                never_ended = select(inputs.c.id).where(
                    which, exists().where(stands, failures.c.stage.in_(NEVER_ENDED))
                )
                answered = (calls.c.run_id == run_id) & calls.c.input_id.in_(never_ended)
                now = select(inputs.c.attempt).where(inputs.c.id == calls.c.input_id).scalar_subquery()
                carried = update(calls).where(answered, calls.c.attempt == now).values(attempt=calls.c.attempt + 1)
                connection.execute(carried)
            return sum(connection.execute(update(inputs).where(which).values(again)).rowcount for which in chosen)

    def answer_accepted(self, run_id: str) -> int:
        """Make the inputs that wait pending whose skeletons were accepted; returns how many.

        The others go on waiting. Raises `RunIsLiveError` while the run is being executed.
        """
        with self._database.write() as connection:
            if run_of(_row(connection, run_id)).state.is_live:
                raise RunIsLiveError(
                    "The run is still going on. Accepted questions get their answers when it has ended or is paused."
                )
            return queue_accepted(connection, run_id)

    def add_to_source(self, run_id: str, more: Fields) -> None:
        """Note more about where the run's inputs came from."""
        with self._database.write() as connection:
            source = _row(connection, run_id)["source"] | more
            connection.execute(update(runs).where(runs.c.id == run_id).values(source=source))

    def set_workers(self, run_id: str, workers: int) -> None:
        """Change the most calls at a time of this run, whatever its endpoint allows; a live run takes it up at once."""
        if workers < 1:
            raise UsageError(f"A run needs at least 1 call at a time; {workers} was given.")
        with self._database.write() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(workers=workers))

    def change_endpoint(self, run_id: str, endpoint: Endpoint, *, prompt_version: str) -> None:
        """Have the run go on with this endpoint, whatever its model. Raises `RunIsLiveError` while it is executed."""
        with self._database.write() as connection:
            if run_of(_row(connection, run_id)).state.is_live:
                raise RunIsLiveError("The run is still going on. Change its model when it has ended or is paused.")
            changed = {"endpoint": asdict(endpoint), "workers": None, "prompt_version": prompt_version}
            connection.execute(update(runs).where(runs.c.id == run_id).values(changed))

    def set_budget(self, run_id: str, budget: Budget) -> None:
        """Change what the run may use in all; one that is being executed takes it up within a second or two."""
        values = _budget_values(budget)
        with self._database.write() as connection:
            _row(connection, run_id)
            connection.execute(update(runs).where(runs.c.id == run_id).values(values))

    def enqueue(
        self,
        run_id: str,
        *,
        limit: int | None,
        endpoint: Endpoint | None = None,
        budget: Budget | None = None,
        is_here: bool = False,
    ) -> None:
        """Say that a process is about to take the run up. Raises `RunIsLiveError` if one has it already.

        `is_here`: it is this one, so that the run counts as interrupted as soon as this process is dead.

        Without an endpoint or a budget it goes on with those that it has. Raises `UsageError` for a budget in money
        at an endpoint without prices.
        """
        changed = {} if budget is None else _budget_values(budget)
        with self._database.write() as connection:
            run = run_of(_row(connection, run_id))
            _check_makes_records(run)
            if run.state.is_live:
                raise RunIsLiveError("This run is being executed already. Follow it on the Runs page.")
            _check_price(run.budget if budget is None else budget, endpoint or run.endpoint)
            values: dict[str, Any] = changed | {
                "state": RunState.QUEUED,
                "reason": "",
                "stopped_by": "",
                "take_up": limit,
                "request": None,
                "owner": this_process() if is_here else None,
                "heartbeat_at": time.time(),
            }
            if endpoint is not None:
                values["endpoint"] = asdict(endpoint)
            connection.execute(update(runs).where(runs.c.id == run_id).values(values))

    def claim(self, run_id: str) -> Run:
        """Make this process the run's owner. Raises `RunIsLiveError` while another process is."""
        with self._database.write() as connection:
            row = _row(connection, run_id)
            _check_makes_records(run_of(row))
            is_ours_to_begin = row["state"] == RunState.QUEUED and row["owner"] == this_process()
            if not is_ours_to_begin and is_alive(row["owner"], row["heartbeat_at"]):
                raise RunIsLiveError(f"Run {run_id} is being executed by process {row['owner']['pid']} already.")
            now = time.time()
            # What was asked of an execution before is not meant for this one.
            is_asked_anew = row["state"] != RunState.QUEUED
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

    def beat(self, run_id: str) -> Orders:
        """Show that this process is alive; returns what people want of it by now.

        Raises `RunIsLiveError` when another process has become the run's owner.
        """
        with self._database.write() as connection:
            row = _row(connection, run_id)
            if row["owner"] != this_process():
                raise RunIsLiveError("Another process has taken this run over.")
            connection.execute(update(runs).where(runs.c.id == run_id).values(heartbeat_at=time.time()))
        run = run_of(row)
        return Orders(row["request"], run.endpoint.max_workers, run.budget)

    def release(self, run_id: str, state: RunState, reason: str = "", stopped_by: StoppedBy = "") -> None:
        """End this process's ownership. A cancelled run's pending and waiting inputs become failures."""
        with self._database.write() as connection:
            if _row(connection, run_id)["owner"] == this_process():
                end_run(connection, run_id, state, reason, stopped_by)

    def ask(self, run_id: str, request: Request) -> None:
        """Ask for a pause or for the end. A run without a live process obeys at once; one that has ended stays so."""
        with self._database.write() as connection:
            run = run_of(_row(connection, run_id))
            _check_makes_records(run)
            state = run.state
            if state.is_live:
                connection.execute(update(runs).where(runs.c.id == run_id).values(request=request))
            elif request == "cancel":
                if state not in (RunState.FINISHED, RunState.CANCELLED) or has_unended(connection, run_id):
                    end_run(connection, run_id, RunState.CANCELLED, "Cancelled.", "person")
            elif state is RunState.INTERRUPTED:
                end_run(connection, run_id, RunState.PAUSED, "Paused.", "person")


def _check_makes_records(run: Run) -> None:
    """Raises `UsageError` for an import, of which there is nothing to be executed."""
    if run.kind is RunKind.IMPORT:
        raise UsageError(f"{run.name} was imported, so there is nothing to be run. Review its records, or export them.")


def _budget_values(budget: Budget) -> dict[str, Any]:
    """As columns. Raises `UsageError` unless each limit is a number over 0, or none."""
    if budget.tokens is not None and budget.tokens < 1:
        raise UsageError(f"A budget is at least 1 token; {budget.tokens} was given. Leave it out for no limit.")
    if budget.money is not None and not (math.isfinite(budget.money) and budget.money > 0):
        raise UsageError(f"A budget of money is more than 0; {budget.money:g} was given. Leave it out for no limit.")
    return {"token_budget": budget.tokens, "money_budget": budget.money}


def _check_price(budget: Budget, endpoint: Endpoint) -> None:
    if budget.money is not None and endpoint.cost(Usage()) is None:
        raise UsageError(
            f"The run has a budget in money, but the prices of {endpoint.model} are not known. Enter them with the "
            "endpoint's settings, or set another budget."
        )


def _row(connection: Connection, run_id: str) -> RowMapping:
    row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
    if row is None:
        raise WorkspaceError(f"There is no run {run_id} in this workspace.")
    return row

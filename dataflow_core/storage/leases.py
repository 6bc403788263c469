"""How the live runs on an endpoint share what it takes: one maximum, one limit found out, one time to wait for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select

from dataflow_core.models import Traffic
from dataflow_core.storage.database import Database
from dataflow_core.storage.owner import is_alive, this_process
from dataflow_core.storage.schema import leases, throttles

#: What an endpoint was found to take is forgotten when no run has called it for so many seconds.
FORGOTTEN = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a run tells of its calls. Times are seconds since the epoch.

    `factor` and `added` are how it has changed the limit found out since its last report.
    """

    maximum: int
    left_over: int  # inputs that it still has to take to their end
    in_flight: int
    factor: float = 1.0
    added: float = 0.0
    waiting: str = ""
    wait_until: float = 0.0
    endpoint_waits_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Share:
    """What a run may do until it reports again.

    `granted` calls at a time out of the `allowed` ones of all runs, whose `maximum` is the person's; `part` of the
    limits a minute.
    """

    granted: int
    allowed: float
    maximum: int
    part: float
    wait_until: float


class LeaseStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def renew(self, run_id: str, endpoint: str, report: Report) -> Share:
        """Report, and learn the run's share. The shares of all runs never add up to more than is allowed.

        A run gets more only once others have let go of it, and those with the least left to do come first.
        """
        now = time.time()
        with self._database.write() as connection:
            others = _others(connection, run_id, endpoint)
            maximum = max([report.maximum, *(other["maximum"] for other in others)])
            allowed, wait_until = _found_out(connection, endpoint, report, maximum, now)
            fair = fair_shares(
                int(allowed),
                {run_id: (report.maximum, report.left_over)}
                | {other["run_id"]: (other["maximum"], other["left_over"]) for other in others},
            )
            held = sum(max(other["granted"], other["in_flight"]) for other in others)
            granted = max(0, min(fair[run_id], int(allowed) - held))
            _store(connection, run_id, endpoint, report, granted, now)
        in_use = granted + sum(other["granted"] for other in others)
        return Share(granted, allowed, maximum, granted / in_use if in_use else 1.0, wait_until)

    def release(self, run_id: str) -> None:
        with self._database.write() as connection:
            row = connection.execute(select(leases).where(leases.c.run_id == run_id)).mappings().first()
            if row is not None and row["owner"] == this_process():
                connection.execute(delete(leases).where(leases.c.run_id == run_id))

    def traffic(self, run_id: str) -> Traffic | None:
        """What the run's calls do, as it last said; None for a run that is not being executed."""
        with self._database.read() as connection:
            row = connection.execute(select(leases).where(leases.c.run_id == run_id)).mappings().first()
        if row is None or not is_alive(row["owner"], row["seen_at"]):
            return None
        until = datetime.fromtimestamp(row["wait_until"], UTC) if row["wait_until"] > time.time() else None
        return Traffic(row["in_flight"], row["granted"], row["waiting"], until)


def fair_shares(allowed: int, runs: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """Share `allowed` out among runs, each given by its maximum and by how many inputs it has left.

    Max-min fairness: nobody gets more than it can use, and what it leaves is shared among the rest. Where it does
    not come out even, or not even for one each, those with the least left come first, the older before the newer.
    """
    shares: dict[str, int] = {}
    free = allowed
    in_order = sorted(runs, key=lambda run: (min(runs[run]), runs[run][1], run))
    for number, run in enumerate(in_order):
        even = -(-free // (len(in_order) - number))  # rounded up: the first ones get what does not come out even
        shares[run] = min(*runs[run], even)
        free -= shares[run]
    return shares


def _others(connection: Connection, run_id: str, endpoint: str) -> Sequence[RowMapping]:
    """The leases of the other runs on the endpoint; those of processes that are gone are taken away."""
    query = select(leases).where(leases.c.endpoint == endpoint, leases.c.run_id != run_id)
    rows = connection.execute(query).mappings().all()
    gone = [row["run_id"] for row in rows if not is_alive(row["owner"], row["seen_at"])]
    if gone:
        connection.execute(delete(leases).where(leases.c.run_id.in_(gone)))
    return [row for row in rows if row["run_id"] not in gone]


def _found_out(connection: Connection, endpoint: str, report: Report, maximum: int, now: float) -> tuple[float, float]:
    """Bring what is known of the endpoint up to date: the calls at a time that it takes, and when it may be called."""
    row = connection.execute(select(throttles).where(throttles.c.endpoint == endpoint)).mappings().first()
    allowed, wait_until, before = float(maximum), 0.0, maximum
    if row is not None and now - row["changed_at"] <= FORGOTTEN:
        allowed, wait_until, before = row["allowed"], row["wait_until"], row["maximum"]
    if allowed >= before:  # nothing but the person's maximum stood in the way
        allowed = float(maximum)
    allowed = max(1.0, min(allowed * report.factor + report.added, float(maximum)))
    wait_until = max(wait_until, report.endpoint_waits_until)
    connection.execute(delete(throttles).where(throttles.c.endpoint == endpoint))
    connection.execute(
        insert(throttles).values(
            endpoint=endpoint, allowed=allowed, maximum=maximum, wait_until=wait_until, changed_at=now
        )
    )
    return allowed, wait_until


def _store(connection: Connection, run_id: str, endpoint: str, report: Report, granted: int, now: float) -> None:
    connection.execute(delete(leases).where(leases.c.run_id == run_id))
    connection.execute(
        insert(leases).values(
            run_id=run_id,
            endpoint=endpoint,
            owner=this_process(),
            seen_at=now,
            maximum=report.maximum,
            left_over=report.left_over,
            granted=granted,
            in_flight=report.in_flight,
            waiting=report.waiting,
            wait_until=report.wait_until,
        )
    )

"""The gate between a dialogue's two stages: a skeleton waits for a person, and only an accepted one is answered.

An input waits as long as its record is a skeleton that nobody has accepted and queued; each move is one transaction.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from dataflow_core.models import SKELETON, Digest, Fields, InputState, Record, ReviewStatus, RevisionKind
from dataflow_core.storage import writing
from dataflow_core.storage.database import storable
from dataflow_core.storage.records import find, page
from dataflow_core.storage.schema import IS_SKELETON, decisions, inputs, records, revisions

#: Said with the decision by which an answered record has to be judged anew.
ANSWERED = "Its answers were written"


def queue_accepted(connection: Connection, run_id: str) -> int:
    """Make the waiting inputs whose skeletons are accepted pending again; returns how many."""
    accepted = select(records.c.input_id).where(
        IS_SKELETON, records.c.run_id == run_id, records.c.status == ReviewStatus.ACCEPTED.value
    )
    waiting = (inputs.c.run_id == run_id) & (inputs.c.state == InputState.WAITING.value)
    queued = update(inputs).where(waiting, inputs.c.id.in_(accepted)).values(state=InputState.PENDING.value)
    return connection.execute(queued).rowcount


def waiting_by_status(connection: Connection, run_id: str) -> dict[ReviewStatus, int]:
    """How the skeletons of the inputs that wait were judged."""
    waiting = select(inputs.c.id).where(inputs.c.run_id == run_id, inputs.c.state == InputState.WAITING.value)
    # Counted here: to group them, the database would rather read all of the run's records in order of their status.
    query = select(records.c.status).where(IS_SKELETON, records.c.run_id == run_id, records.c.input_id.in_(waiting))
    return {ReviewStatus(status): count for status, count in Counter(connection.scalars(query)).items()}


def skeletons_of(connection: Connection, run_id: str, input_ids: Sequence[str]) -> dict[str, Record]:
    """The records of those inputs that have come to the end of their first stage and no further, by input id."""
    wanted = select(records.c.number).where(
        IS_SKELETON, records.c.run_id == run_id, records.c.input_id.in_(list(input_ids))
    )
    found = page(connection, list(connection.scalars(wanted)))
    return {record.input_id: record for record in found if record.input_id is not None}


def may_answer(connection: Connection, seen: Record) -> bool:
    """Whether the skeleton is still accepted, and says what it said when its answers were asked for."""
    now = find(connection, records.c.number == seen.number)
    return now is not None and is_accepted(now) and now.revision == seen.revision


def is_accepted(record: Record) -> bool:
    return record.stage == SKELETON and record.status is ReviewStatus.ACCEPTED


def was_completed_after(connection: Connection, record: Record, revision: int) -> bool:
    """Whether the record was a skeleton at that revision, and is a whole one by now."""
    answered = select(revisions.c.number).where(
        revisions.c.record == record.number,
        revisions.c.number > max(revision, 1),
        revisions.c.kind.in_([RevisionKind.ANSWERED.value, RevisionKind.WRITTEN.value]),
    )
    return connection.scalar(answered.limit(1)) is not None


def complete(
    connection: Connection,
    skeleton: Record,
    fields: Fields,
    *,
    kind: RevisionKind,
    author: str,
    digest: Digest,
    model: str = "",
    repairs: Sequence[str] = (),
) -> None:
    """Make the skeleton a whole record: one to be judged anew, or accepted where a person has written it.

    With a decision, so that the history tells what became of the one on the skeleton, and nobody can undo that.
    """
    is_written = kind is RevisionKind.WRITTEN
    status = ReviewStatus.ACCEPTED if is_written else ReviewStatus.UNREVIEWED
    writing.revise(connection, skeleton, fields, kind=kind, author=author, digest=digest, action=None)
    made = insert(decisions).values(
        record=skeleton.number,
        revision=skeleton.revision + 1,
        status=status.value,
        reason="" if is_written else ANSWERED,
        reviewer=author,
        at=time.time(),
        status_before=skeleton.status.value,
        reason_before=skeleton.reason,
        reviewer_before=skeleton.reviewer,
    )
    number: int = connection.execute(made.returning(decisions.c.number)).scalar_one()
    changed: Fields = {"stage": "", "status": status.value, "reason": "", "decision": number}
    changed |= {"reviewer": author if is_written else "", "model": storable(model) or skeleton.model}
    changed |= {"repairs": list(dict.fromkeys((*skeleton.repairs, *repairs)))}
    connection.execute(update(records).where(records.c.number == skeleton.number).values(changed))

"""Which records are meant, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.sql.selectable import Select

from dataflow_core.models import SKELETON, RecordStage, ReviewStatus
from dataflow_core.storage import fulltext
from dataflow_core.storage.planning import unindexed
from dataflow_core.storage.schema import IS_OPEN, IS_SKELETON, findings, proposals, record_tags, records

Sort = Literal[
    "oldest", "newest", "recently changed", "longest", "shortest", "status", "model", "intent", "reviewer", "reason",
    "first text", "second text", "third text", "fourth text",
]  # fmt: skip
#: The orders that an index has, by name.
_ORDERS: dict[str, tuple[Any, ...]] = {
    "oldest": (records.c.run_id.nulls_last(), records.c.position, records.c.number),  # a run's in its inputs' order
    "by change": (records.c.updated_at, records.c.number),
    "by length": (records.c.length, records.c.number),
}
#: Sorts by such an order, and whether the greatest comes first.
BY_INDEX: dict[str, tuple[str, bool]] = {
    "recently changed": ("by change", True),
    "longest": ("by length", True),
    "shortest": ("by length", False),
}
#: Sorts by what few values are shared by many records; of equal ones the number decides.
BY_FACET = {
    "status": "statuses",
    "model": "models",
    "intent": "intents",
    "reviewer": "reviewers",
    "reason": "reasons",
}
#: Sorts by how the texts begin that a reviewer judges.
PLACES = {"first text": 0, "second text": 1, "third text": 2, "fourth text": 3}
#: The filter for records that say the same as another one. It is no finding of a record: it changes with the others.
DUPLICATE = "same-as-another"
#: The filter for records with an open proposal of any rewriting run.
ANY_PROPOSAL = "any"


@dataclass(frozen=True, slots=True)
class Query:
    """Which records, in which order. An empty tuple or text does not restrict.

    Deleted records are left out unless `statuses` asks for them. `findings` are names of checks, or `DUPLICATE`.
    `proposals` asks for records with an open proposal: `ANY_PROPOSAL`, or one of the rewriting run with this id.
    """

    runs: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    statuses: tuple[ReviewStatus, ...] = ()
    text: str = ""
    sort: Sort = "oldest"
    models: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    is_edited: bool | None = None
    stages: tuple[RecordStage, ...] = ()
    proposals: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether it restricts to nothing; the order aside."""
        return self == Query(sort=self.sort)


def of_all(order: str) -> Select[Any]:
    """The numbers of all records in this order."""
    return select(records.c.number).order_by(*_ORDERS[order])


def matches(query: Query) -> ColumnElement[bool]:
    conditions = [_has_status(query)]
    if query.runs:
        conditions.append(records.c.run_id.in_(query.runs))
    for column, wanted in (
        (records.c.generator, query.generators),
        (records.c.model, query.models),
        (records.c.intent, query.intents),
        (records.c.reviewer, query.reviewers),
        (records.c.reason, query.reasons),
    ):
        if wanted:
            conditions.append(unindexed(column).in_(wanted))
    if query.tags:
        tagged = select(record_tags.c.record).where(record_tags.c.tag.in_(query.tags))
        conditions.append(records.c.number.in_(tagged))
    if query.findings:
        conditions.append(_has_finding(query.findings))
    if len(set(query.stages)) == 1:
        # By their numbers, which are few: every other index still answers the rest by itself.
        skeletons = select(records.c.number).where(IS_SKELETON)
        is_skeleton = records.c.number.in_(skeletons)
        conditions.append(is_skeleton if SKELETON in query.stages else ~is_skeleton)
    if query.is_edited is not None:
        conditions.append(unindexed(records.c.is_edited).is_(query.is_edited))
    if query.proposals:
        waiting = select(proposals.c.record).where(IS_OPEN)
        if query.proposals != ANY_PROPOSAL:
            waiting = waiting.where(proposals.c.run_id == query.proposals)
        conditions.append(records.c.number.in_(waiting))
    if query.text.strip():
        conditions.append(fulltext.matching(query.text))
    return and_(*conditions)


def is_duplicate() -> ColumnElement[bool]:
    """Whether another record, deleted ones aside, says the same."""
    # First over the index of fingerprints alone, for the status of each would have to be fetched from the record.
    shared = select(records.c.fingerprint).where(records.c.fingerprint.is_not(None))
    shared = shared.group_by(records.c.fingerprint).having(func.count() > 1)
    present = records.c.status != ReviewStatus.DELETED.value
    still_shared = select(records.c.fingerprint).where(records.c.fingerprint.in_(shared), present)
    still_shared = still_shared.group_by(records.c.fingerprint).having(func.count() > 1)
    return records.c.number.in_(select(records.c.number).where(records.c.fingerprint.in_(still_shared)))


def _has_status(query: Query) -> ColumnElement[bool]:
    chosen = query.statuses or [status for status in ReviewStatus if status is not ReviewStatus.DELETED]
    if len(set(chosen)) == len(ReviewStatus):
        return true()
    return unindexed(records.c.status).in_([status.value for status in chosen])


def _has_finding(wanted: tuple[str, ...]) -> ColumnElement[bool]:
    checks = [check for check in wanted if check != DUPLICATE]
    found = records.c.number.in_(select(findings.c.record).where(findings.c.check.in_(checks)))
    if DUPLICATE not in wanted:
        return found
    return found | is_duplicate() if checks else is_duplicate()

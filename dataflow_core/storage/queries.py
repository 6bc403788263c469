"""Which records are meant, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, and_, exists, func, select, true
from sqlalchemy.sql.selectable import Select

from dataflow_core.models import SKELETON, RecordStage, ReviewStatus
from dataflow_core.storage import fulltext
from dataflow_core.storage.planning import unindexed
from dataflow_core.storage.schema import IS_OPEN, IS_SKELETON, findings, proposals, record_tags, records, sort_keys

Sort = Literal[
    "oldest", "newest", "recently changed", "longest", "shortest", "status", "model", "intent", "reviewer", "reason",
    "first text", "second text", "third text", "fourth text",
]  # fmt: skip
_IN_ORDER = (records.c.run_id.nulls_last(), records.c.position, records.c.number)  # a run's in its inputs' order
_ORDER: dict[str, tuple[Any, ...]] = {
    "oldest": _IN_ORDER,
    "newest": (records.c.number.desc(),),
}
#: By one column, and whether the greatest comes first; of equal ones the number decides, in the same direction.
_BY_COLUMN: dict[str, tuple[Column[Any], bool]] = {
    "recently changed": (records.c.updated_at, True),
    "longest": (records.c.length, True),
    "shortest": (records.c.length, False),
    "status": (records.c.status, False),
    "model": (records.c.model, False),
    "intent": (records.c.intent, False),
    "reviewer": (records.c.reviewer, False),
    "reason": (records.c.reason, False),
}
#: Sorts by how the texts begin that a reviewer judges.
_PLACES = {"first text": 0, "second text": 1, "third text": 2, "fourth text": 3}
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


def numbers_of(query: Query) -> Select[int]:
    """The numbers of the matching records, in order; with a sort by a text, of those that have such a text."""
    if (place := _PLACES.get(query.sort)) is not None:
        number = sort_keys.c.record.label("number")
        ordered = select(number).where(sort_keys.c.place == place, _is_match(query))
        return ordered.order_by(sort_keys.c.key, sort_keys.c.record)
    return select(records.c.number).where(matches(query)).order_by(*_order(query))


def numbers_without_text(query: Query) -> Select[int] | None:
    """Those that `numbers_of` a sort by a text leaves out; they come before."""
    if (place := _PLACES.get(query.sort)) is None:
        return None
    has_text = exists().where(sort_keys.c.record == records.c.number, sort_keys.c.place == place)
    return select(records.c.number).where(matches(query), ~has_text).order_by(records.c.number)


def _order(query: Query) -> tuple[Any, ...]:
    if query.sort not in _BY_COLUMN:
        return _ORDER[query.sort]
    column, is_falling = _BY_COLUMN[query.sort]
    by: Any = column if replace(query, statuses=()).is_everything else unindexed(column)
    return (by.desc(), records.c.number.desc()) if is_falling else (by, records.c.number)


def _is_match(query: Query) -> ColumnElement[bool]:
    """Whether a sort key is one of a matching record."""
    if query.is_everything:
        deleted = select(records.c.number).where(records.c.status == ReviewStatus.DELETED.value)
        return sort_keys.c.record.not_in(deleted)
    return sort_keys.c.record.in_(select(records.c.number).where(matches(query)))


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

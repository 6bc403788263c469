"""Which records are meant, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.sql.selectable import Select

from dataflow_core.models import SKELETON, RecordStage, ReviewStatus
from dataflow_core.storage import fulltext
from dataflow_core.storage.schema import IS_SKELETON, findings, record_tags, records, sort_keys

Sort = Literal[
    "oldest", "newest", "recently changed", "longest", "shortest", "status", "model", "intent", "reviewer", "reason",
    "first text", "second text", "third text", "fourth text",
]  # fmt: skip
_IN_ORDER = (records.c.run_id.nulls_last(), records.c.position, records.c.number)  # a run's in its inputs' order
_ORDER: dict[str, tuple[Any, ...]] = {
    "oldest": _IN_ORDER,
    "newest": (records.c.number.desc(),),
    "recently changed": (records.c.updated_at.desc(), records.c.number.desc()),
    "longest": (records.c.length.desc(), records.c.number.desc()),
    "shortest": (records.c.length, records.c.number),
    "status": (records.c.status, records.c.number),
    "model": (records.c.model, records.c.number),
    "intent": (records.c.intent, records.c.number),
    "reviewer": (records.c.reviewer, records.c.number),
    "reason": (records.c.reason, records.c.number),
}
#: Sorts by how the texts begin that a reviewer judges.
_PLACES = {"first text": 0, "second text": 1, "third text": 2, "fourth text": 3}
#: The filter for records that say the same as another one. It is no finding of a record: it changes with the others.
DUPLICATE = "same-as-another"


@dataclass(frozen=True, slots=True)
class Query:
    """Which records, in which order. An empty tuple or text does not restrict.

    Deleted records are left out unless `statuses` asks for them. `findings` are names of checks, or `DUPLICATE`.
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

    @property
    def is_everything(self) -> bool:
        """Whether it restricts to nothing; the order aside."""
        return self == Query(sort=self.sort)


def numbers_of(query: Query) -> Select[int]:
    """The numbers of the matching records, in order."""
    if query.sort not in _PLACES:
        return select(records.c.number).where(matches(query)).order_by(*_ORDER[query.sort])
    joined = select(records.c.number).join(sort_keys, sort_keys.c.record == records.c.number, isouter=True)
    is_place = (sort_keys.c.place == _PLACES[query.sort]) | sort_keys.c.place.is_(None)
    return joined.where(is_place, matches(query)).order_by(sort_keys.c.key, records.c.number)


def matches(query: Query) -> ColumnElement[bool]:
    conditions = [_has_status(query)]
    for column, wanted in (
        (records.c.run_id, query.runs),
        (records.c.generator, query.generators),
        (records.c.model, query.models),
        (records.c.intent, query.intents),
        (records.c.reviewer, query.reviewers),
        (records.c.reason, query.reasons),
    ):
        if wanted:
            conditions.append(column.in_(wanted))
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
        conditions.append(records.c.is_edited.is_(query.is_edited))
    if query.text.strip():
        conditions.append(fulltext.matching(query.text))
    return and_(*conditions)


def is_duplicate() -> ColumnElement[bool]:
    """Whether another record, deleted ones aside, says the same."""
    present = records.c.status != ReviewStatus.DELETED.value
    shared = select(records.c.fingerprint).where(records.c.fingerprint.is_not(None), present)
    shared = shared.group_by(records.c.fingerprint).having(func.count() > 1)
    return records.c.fingerprint.in_(shared)


def _has_status(query: Query) -> ColumnElement[bool]:
    if query.statuses:
        return records.c.status.in_([status.value for status in query.statuses])
    # Spelt as the others, and not as "all but deleted": an index by status then answers it.
    return records.c.status.in_([status.value for status in ReviewStatus if status is not ReviewStatus.DELETED])


def _has_finding(wanted: tuple[str, ...]) -> ColumnElement[bool]:
    checks = [check for check in wanted if check != DUPLICATE]
    found = records.c.number.in_(select(findings.c.record).where(findings.c.check.in_(checks)))
    if DUPLICATE not in wanted:
        return found
    return found | is_duplicate() if checks else is_duplicate()

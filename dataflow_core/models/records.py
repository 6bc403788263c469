"""Records, what the checks and people say about them, and their versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

#: One record's or input's content: JSON values by field name, in column order.
Fields = dict[str, Any]
#: How far a record is made: "skeleton", a dialogue that has only the user's turns, for a review before it is answered.
RecordStage = Literal["", "skeleton"]
SKELETON: RecordStage = "skeleton"


class ReviewStatus(StrEnum):
    """What a person has decided of a record."""

    UNREVIEWED = "unreviewed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FLAGGED = "flagged"
    DELETED = "deleted"  # out of sight, and of every export; its history is kept


#: What goes on where nobody says otherwise: all that no person has turned down.
NOT_TURNED_DOWN = (ReviewStatus.UNREVIEWED, ReviewStatus.ACCEPTED, ReviewStatus.FLAGGED)


class RevisionKind(StrEnum):
    """How a revision of a record came to be."""

    GENERATED = "generated"
    EDITED = "edited"
    WRITTEN = "written"  # added by hand
    IMPORTED = "imported"  # read from a file
    RESTORED = "restored"
    REGENERATED = "regenerated"  # by a model, for a record that there was
    ANSWERED = "answered"  # by a model, for a skeleton that a person has accepted


@dataclass(frozen=True, slots=True)
class Finding:
    """What an automatic check noticed about a record. `field` is "" where it is about the whole record."""

    check: str  # a short name that never changes: "parallel-repeats-task"
    field: str
    message: str  # a sentence for the reviewer


@dataclass(frozen=True, slots=True)
class Digest:
    """What is worked out from a record's content, to find, to judge and to sort it by.

    `version` is that of the checks which found the `findings`. `keys` are the texts that a reviewer judges, in their
    order. `fingerprint` is equal for records that say the same.
    """

    version: int
    findings: tuple[Finding, ...] = ()
    fingerprint: int | None = None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One example at its present revision. `number` orders records by their making and is what pages of ids hold."""

    id: str
    number: int
    run_id: str | None
    input_id: str | None
    generator: str
    fields: Fields
    status: ReviewStatus
    reason: str  # given with the decision
    reviewer: str  # who decided last
    repairs: tuple[str, ...]  # what had to be mended in the answers it was made from: "a code fence", …
    revision: int
    is_edited: bool
    model: str  # that made it; "" where a person did
    created_at: datetime
    updated_at: datetime
    stage: RecordStage = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of a record, from 1. Revisions are only ever added."""

    number: int
    kind: RevisionKind
    fields: Fields
    author: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided about a record, and about which of its revisions."""

    revision: int
    status: ReviewStatus
    reason: str
    reviewer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Comment:
    author: str
    text: str
    at: datetime

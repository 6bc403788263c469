"""What people do at one go, and what models propose to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dataflow_core.models.records import Fields


class ProposalState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    OUTDATED = "outdated"  # never stored: open, but the record says something else by now than what it is based on


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a model would have a record say instead: `fields` in place of `before`, which are those of `base_revision`.

    `record` is the record's number; `author` asked for it, with the `note`.
    """

    number: int
    run_id: str
    input_id: str
    record: int
    base_revision: int
    before: Fields
    fields: Fields
    note: str
    author: str
    model: str
    state: ProposalState
    at: datetime
    decided_at: datetime | None


class ActionState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Action:
    """What a person did at one go, on one record or on many. It is undone as one.

    `done` counts the records it has been through, `touched` those that it changed: the others were so already, or had
    been changed by somebody since they were listed. `undone_by` is the number of the action that undid it.
    """

    number: int
    kind: str
    author: str
    record: int | None  # the number of the one record that it is about
    params: Fields
    total: int
    done: int
    touched: int
    state: ActionState
    is_interrupted: bool  # its process has gone in the midst of it
    undone_by: int | None
    at: datetime

"""Runs: what goes in, where it stands, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from dataflow_core.models.calls import Endpoint, Usage
from dataflow_core.models.prompts import Example
from dataflow_core.models.records import Fields

#: "limit": it has tried as many inputs as it was to; "budget": it may not spend more; "problem": something a person
#: has to see to.
StoppedBy = Literal["", "person", "limit", "budget", "problem"]


class InputState(StrEnum):
    """Where an input stands. Each input of a run is in exactly one of these at every instant."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    WAITING = "waiting"  # for a person's review between two stages


class RunKind(StrEnum):
    """What comes of a run's inputs."""

    GENERATE = "generate"  # records
    REWRITE = "rewrite"  # other texts for records that there are, as proposals; not listed among the runs
    IMPORT = "import"  # records that a file held: no inputs, no calls, finished from the beginning


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"  # never stored: running on paper, its process gone

    @property
    def is_live(self) -> bool:
        return self in (RunState.QUEUED, RunState.RUNNING)


class Stage(StrEnum):
    """What an input failed at."""

    INPUT = "input"  # the input itself cannot be used (an empty task)
    SERVING = "serving"  # the line or the server, after its retries
    PARSE = "parse"  # an answer that could not be used, after being asked again
    TRUNCATED = "truncated"
    REFUSED = "refused"
    CODE = "code"  # the code of a generator of one's own
    BUDGET = "budget"  # the run was ended where its budget was used up, before the input's turn
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Input:
    """What one record is made from. `id` is permanent; `position` is its place in the run, from 0.

    `examples` are records to be shown to the model with it, the most similar one last.
    """

    id: str
    position: int
    fields: Fields
    attempt: int = 0
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that has no record: why, and what the model said if it said anything.

    `attempts` counts how often the input was taken up, `calls` the calls made for it in the last of them.
    """

    input_id: str
    stage: Stage
    reason: str
    raw_text: str = ""
    attempts: int = 1
    calls: int = 0
    position: int = 0
    fields: Fields = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of an uploaded file that did not become an input: skipped on purpose or unreadable."""

    line: int
    kind: Literal["blank", "duplicate", "unreadable"]
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a run may use in all, trials and repeated calls included; None is no limit."""

    tokens: int | None = None
    money: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One resumable execution. `state` already tells an interrupted run from a running one."""

    id: str
    name: str
    generator: str
    params: Fields
    endpoint: Endpoint
    prompt_version: str
    state: RunState
    reason: str  # why it is paused, in a sentence; "" otherwise
    stopped_by: StoppedBy  # what made it stand still; "" while it goes on, or is done
    limit: int | None  # take up only so many inputs; None for all
    budget: Budget
    source: Fields  # where the inputs came from: file name, encoding, line counts
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    kind: RunKind = RunKind.GENERATE

    @property
    def reviews_skeletons(self) -> bool:
        """Whether it stops after its skeletons: only those that a person accepts get their answers."""
        return bool(self.params.get("review_skeletons"))

    def target(self, progress: Progress) -> int:
        """How many of its inputs it is to take up."""
        return progress.total if self.limit is None else min(self.limit, progress.total)

    def cost(self, progress: Progress, endpoint: Endpoint | None = None) -> float | None:
        """The money it has cost; what was called without a price is reckoned at that of `endpoint`, or of its own."""
        rest = (endpoint or self.endpoint).cost(progress.unpriced)
        return rest if progress.cost is None else progress.cost + (rest or 0.0)


@dataclass(frozen=True, slots=True)
class Progress:
    """A run's counters, read from the database: `pending + done + failed + waiting == total`."""

    pending: int = 0
    done: int = 0
    failed: int = 0
    waiting: int = 0
    calls: int = 0
    usage: Usage = Usage()
    cost: float | None = None  # of the calls that were made with a price, at the prices of then
    unpriced: Usage = Usage()  # of the others
    recent_per_second: float = 0.0  # records over the last 30 s
    recent_ends_per_second: float = 0.0  # inputs that ended one way or the other over the last 30 s

    @property
    def total(self) -> int:
        return self.pending + self.ended

    @property
    def ended(self) -> int:
        return self.done + self.failed + self.waiting


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the calls of a run that is being executed do at the moment.

    `allowed` is how many it may make at a time: what the endpoint has turned out to take, shared among the live runs
    on it, and never more than the person's maximum. `waiting` says in a sentence why calls wait, "" when none does;
    `wait_until` is when they go on, where that is known.
    """

    in_flight: int
    allowed: int
    waiting: str = ""
    wait_until: datetime | None = None

"""The nouns of Dataflow Studio, as plain frozen values. Imports nothing of ours.

An *input* is what a record is made from; a *run* turns inputs into *records* with a *generator*;
every input ends as a record or as a *failure*; a record has *revisions* and a person's *review*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

#: One record's or input's content: JSON values by field name, in column order.
Fields = dict[str, Any]
#: "limit": it has tried as many inputs as it was to; "budget": it may not spend more; "problem": something a person
#: has to see to.
StoppedBy = Literal["", "person", "limit", "budget", "problem"]
#: Which recipe a generator follows: one structured call for "capable" models; few-shot prompts,
#: one field a call and a filter over candidates for "small" ones.
Recipe = Literal["capable", "small"]
#: How far a record is made: "skeleton", a dialogue that has only the user's turns, for a review before it is answered.
RecordStage = Literal["", "skeleton"]
SKELETON: RecordStage = "skeleton"


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
    BUDGET = "budget"  # the run was ended where its budget was used up, before the input's turn
    CANCELLED = "cancelled"


class ReviewStatus(StrEnum):
    UNREVIEWED = "unreviewed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FLAGGED = "flagged"
    DELETED = "deleted"  # out of sight, and of every export; its history is kept


class RevisionKind(StrEnum):
    """How a revision of a record came to be."""

    GENERATED = "generated"
    EDITED = "edited"
    WRITTEN = "written"  # added by hand
    RESTORED = "restored"
    REGENERATED = "regenerated"  # by a model, for a record that there was
    ANSWERED = "answered"  # by a model, for a skeleton that a person has accepted


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a completion is drawn. None leaves a setting to the endpoint.

    `choices` asks for that many alternative completions of one prompt. `extra` holds what only some
    servers know (`min_p`, `dry_multiplier`, …) and is sent as it is.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    choices: int = 1
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to a model for one call.

    Either a conversation in `messages` (a last message by the assistant is a beginning the model is
    to continue), or `text`, which a serving that offers raw completion continues as it stands.
    `version` names the prompt text it was made from, for a record's provenance.
    """

    version: str
    messages: tuple[Message, ...] = ()
    text: str | None = None
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens - other.prompt_tokens, self.completion_tokens - other.completion_tokens)


@dataclass(frozen=True, slots=True)
class StepUsage:
    """What the answered calls of one step of a run took: all together, and the most that one of them did."""

    calls: int = 0
    total: Usage = Usage()
    most: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Quota:
    """What a server says is left of a rate limit of its own: a bucket that is whole again in `reset` seconds."""

    of: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model returned for one prompt, raw: one text a choice asked for.

    `finish_reason` is that of the first choice, in the words of the OpenAI API: "stop", "length"
    (cut off at the token limit), "content_filter". `quotas` is what the server said of its rate limits meanwhile.
    """

    texts: tuple[str, ...]
    model: str
    finish_reason: str = "stop"
    usage: Usage = Usage()
    seconds: float = 0.0
    quotas: tuple[Quota, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A way to reach a model, as a user configures it. Holds the name of a key's variable, never a key.

    `base_url` "" means the address that the openai package itself would use. `max_workers` is the most calls at a
    time, `timeout` the most seconds that one may take in all. The limits a minute hold for all runs together; None
    is no limit. Prices are for a million tokens, None where they are not known.
    """

    name: str
    kind: Literal["openai", "embedded"] = "openai"
    base_url: str = ""
    model: str = ""
    key_env: str = ""
    max_workers: int = 16
    timeout: float = 120.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    input_price: float | None = None
    output_price: float | None = None

    @property
    def recipe(self) -> Recipe:
        return "small" if self.kind == "embedded" else "capable"

    def cost(self, usage: Usage) -> float | None:
        """The money that so many tokens cost; None without a price."""
        if self.input_price is None and self.output_price is None:
            return None
        millions = usage.prompt_tokens * (self.input_price or 0) + usage.completion_tokens * (self.output_price or 0)
        return millions / 1_000_000


#: One input at a time: more in hand push one another out of the small model's cache, and all become slower.
EMBEDDED = Endpoint(name="Embedded model", kind="embedded", model="smollm2-135m-instruct", max_workers=1)


@dataclass(frozen=True, slots=True)
class Flow:
    """A named sequence of steps that shapes a dialogue's skeleton."""

    name: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Intent:
    """What the users of a dialogue want, with the flows their conversations take and what they are about."""

    name: str
    description: str
    flows: tuple[Flow, ...]
    topics: tuple[str, ...]
    builtin: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """What one record is made from. `id` is permanent; `position` is its place in the run, from 0."""

    id: str
    position: int
    fields: Fields
    attempt: int = 0


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

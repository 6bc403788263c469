"""What is to be exported, and how: all that decides what is in the files, so that they can be made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from dataflow_core.exporters.base import FieldChoice, Severity
from dataflow_core.exporting.plan_fields import fields_of, plan_of
from dataflow_core.models import Fields, ReviewStatus
from dataflow_core.storage.queries import Query

Compression = Literal["", "gz", "zst"]
Stratum = Literal["", "intent", "run"]


@dataclass(frozen=True, slots=True)
class Splits:
    """Shares of train, validation and test, which are divided by their sum; 0 for none of it.

    Where there is but one it takes all, and files are named by it unless it is train.

    The same seed parts the same records alike. Records that are nearly the same (`similarity`, 0 to 1), or were made
    from the same input, are never parted; `stratify` keeps the shares within each intent, or each run.
    """

    train: float = 1.0
    validation: float = 0.0
    test: float = 0.0
    seed: int = 0
    stratify: Stratum = ""
    similarity: float = 0.8

    @property
    def shares(self) -> dict[str, float]:
        """The shares by name of those that there are, summing to 1."""
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        total = sum(given.values())
        return {name: share / total for name, share in given.items() if share > 0}


@dataclass(frozen=True, slots=True)
class TokenLimit:
    """The most tokens that the target takes of an example; 0 for no limit.

    `tokenizer` is a name that tiktoken knows, or the path of a Hugging Face tokenizer.json.
    """

    most: int = 0
    tokenizer: str = "cl100k_base"


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """`fields` are chosen by generator. `leave_out` are the severities of problems whose records are not written.

    `provenance` says whether formats that have room for it tell where a record came from, `has_mark` whether CSV begins
    with a byte order mark, without which Excel takes UTF-8 for something else.
    """

    query: Query = field(default_factory=lambda: Query(statuses=(ReviewStatus.ACCEPTED,)))
    format: str = "dataflow"
    compression: Compression = ""
    fields: dict[str, FieldChoice] = field(default_factory=dict)
    splits: Splits = Splits()
    limit: TokenLimit = TokenLimit()
    leave_out: tuple[Severity, ...] = (Severity.REFUSED, Severity.DROPPED)
    provenance: bool = True
    has_mark: bool = True

    def as_fields(self) -> Fields:
        """The plan as JSON values, for a manifest."""
        return fields_of(self)

    @classmethod
    def of(cls, fields: dict[str, Any]) -> ExportPlan:
        """The plan that `as_fields` wrote. Raises `UsageError`, saying which setting is none."""
        return plan_of(fields)


#: Concerns of one rule that are listed.
MOST_CONCERNS = 100


class Stage(NamedTuple):
    """How far an export, or the look before one, has come: "checking", "splitting" or "writing"."""

    what: Literal["checking", "splitting", "writing"]
    done: int  # records
    total: int


#: Called now and then, in the thread that exports.
Told = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Concern:
    """A record that the target would not take as it is."""

    number: int
    record: str  # its id
    generator: str
    rule: str
    severity: Severity
    message: str


#: Called with each concern, in the order of the records.
OnConcern = Callable[[Concern], None]


@dataclass(frozen=True, slots=True)
class Preflight:
    """What would become of the records.

    `used` counts the records that will be in the files by generator and split; "" is the split where all are for
    training. With those that are `left_out` they are all that were `found`. `concerns` are the first `MOST_CONCERNS` of
    each rule; `by_rule` counts them all, whether they lead to a record's being left out or not, and
    `workspace.exports.write_problems` writes them. `refusals` are sentences on whole files: too few examples. `notes`
    are sentences on what else is worth knowing, such as shares that groups of like records do not allow. `tokens` are
    the least, the median and the most of an example; None where none were counted.
    """

    found: int
    used: dict[str, dict[str, int]]
    concerns: tuple[Concern, ...]
    by_rule: dict[str, int]
    refusals: tuple[str, ...] = ()
    tokens: tuple[int, int, int] | None = None
    left_out: int = 0
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many records will be in the files."""
        return sum(sum(splits.values()) for splits in self.used.values())


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that was written, `bytes` long. `kind` is "data", "left out" or "about" (card,
    snippets, dataset_info, manifest).
    """

    path: Path
    kind: str
    generator: str = ""
    split: str = ""
    records: int = 0
    bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class WrittenExport:
    """An export as it was written, with its manifest beside the files, or in the one zip.

    `preflight` is what the look at the same state of the same records brought. `removed` are files of an earlier
    export to the same path that are no part of this one.
    """

    name: str
    folder: Path
    files: tuple[ExportFile, ...]
    plan: ExportPlan
    left_out: int = 0
    bundle: Path | None = None
    preflight: Preflight | None = None
    removed: tuple[Path, ...] = ()

"""What a generator is: pure logic that turns one input into one record's fields through a callback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from dataflow_core.models import Completion, Fields, Input, Prompt, Recipe

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Reading(Generic[T_co]):
    """What was read from a completion, and what had to be mended for it: "a code fence", "trailing commas", …"""

    value: T_co
    repairs: tuple[str, ...] = ()


class Answer(Protocol[T_co]):
    """How a completion is read: the JSON schema it is asked to follow, and the reading of what came back."""

    @property
    def schema(self) -> dict[str, Any] | None: ...

    def read(self, completion: Completion) -> Reading[T_co]:
        """Return the answer. Raises `AnswerError` or `TruncatedError`, whose message a model could act on."""
        ...


class Ask(Protocol):
    """The callback a generator is handed. The caller behind it owns limits, retries, the call log and cancellation.

    `step` names the call within its record ("skeleton", "answers"); a record's steps have different
    names, for an answered step is never paid twice.
    """

    async def __call__(self, prompt: Prompt, *, answer: Answer[T], step: str) -> T: ...


class Generator(Protocol):
    """Implemented by each file of this folder."""

    name: ClassVar[str]  # the documented class name; what runs and records are stored under
    label: ClassVar[str]  # what a person calls its records: "tasks", "dialogues"

    @property
    def prompt_version(self) -> str: ...

    @property
    def output_keys(self) -> tuple[str, ...]:
        """The fields that it writes, in the order in which a record shows them."""
        ...

    async def generate(self, item: Input, ask: Ask) -> Fields:
        """Return the whole record's fields. Raises what `ask` raises, and `UsageError` for an unusable input."""
        ...

    def blank(self, item: Input, answered: Mapping[str, Completion]) -> Fields:
        """The record for a person to write: empty texts, but for what can be read from answers by step."""
        ...


@runtime_checkable
class TwoStages(Protocol):
    """A generator that can stop half-way: `generate` is `answer` after `skeleton`, and a person may come between."""

    async def skeleton(self, item: Input, ask: Ask) -> Fields:
        """Return the record's fields as far as the first stage brings them."""
        ...

    async def answer(self, item: Input, skeleton: Fields, ask: Ask) -> Fields:
        """Return the whole record's fields, made from a skeleton as it was reviewed.

        Raises `UsageError` for one that cannot be answered.
        """
        ...

    def unanswered(self, skeleton: Fields) -> Fields:
        """The whole record for a person to write, with empty answers."""
        ...


def recipe_of(serving: object) -> Recipe:
    """The recipe that a serving asks for; "capable" for one that does not say."""
    return "small" if getattr(serving, "recipe", "capable") == "small" else "capable"


def seed_for(seed: int, item: Input) -> int:
    """Another seed for each attempt at an input, or a retry would fail in the same words."""
    return seed + 1_000_003 * item.attempt

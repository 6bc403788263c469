"""What a person should know of records that can be imported, and that a trainer may refuse nevertheless."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from dataflow_core.exporters.pairs import ANSWERS, why_no_pair
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.models import Fields

#: Numbers of entries that a sentence lists.
_LISTED = 10
_NEITHER = "It has no “chosen” and “rejected”."


@dataclass(slots=True)
class _Entries:
    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        self.count += 1
        if len(self.first) < _LISTED:
            self.first.append(number)


class Noticing:
    """Looks at each record of an import, and counts.

    `unanswered` are dialogues that end with a user's turn, `doubled` those in which one side has two turns running.
    `pairs` are preference pairs.
    """

    def __init__(self, kind: str) -> None:
        self.unanswered = self.doubled = self.pairs = 0
        self._no_pairs: dict[str, _Entries] = {}  # by the reason
        self._neither = _Entries()
        looks = {ConsistentChatGenerator.name: self._dialogue, CustomGenerator.name: self._pair}
        self.see = looks.get(kind, _nothing)

    @property
    def not_pairs(self) -> int:
        """Records that are no preference pairs, in a file of such."""
        return sum(entries.count for entries in self._reasons().values())

    def sentences(self, unit: str, units: str) -> Iterator[str]:
        """What was noticed, with counts; `unit` and `units` are what the file's entries are called."""
        if self.unanswered:
            yield f"{_dialogues(self.unanswered)} with a turn of the user's, which nobody answers."
        if self.doubled:
            has = "1 dialogue has" if self.doubled == 1 else f"{self.doubled:,} dialogues have"
            yield f"{has} two turns of one side running, which most trainers refuse."
        for reason, entries in self._reasons().items():
            said = (
                f"1 {unit} is no preference pair"
                if entries.count == 1
                else (f"{entries.count:,} {units} are no preference pairs")
            )
            yield f"{said} and cannot be exported as such: {_listed(entries, unit, units)}. {reason}"

    def _reasons(self) -> dict[str, _Entries]:
        is_of_pairs = self._neither.count and self.pairs > self._neither.count
        return self._no_pairs | ({_NEITHER: self._neither} if is_of_pairs else {})

    def _dialogue(self, number: int, fields: Fields) -> None:
        roles = [turn["role"] for turn in fields["conversation"]]
        if roles == _EXCHANGE * (len(roles) // 2):  # mostly
            return
        self.unanswered += roles[-1] == "user"
        self.doubled += any(one == following for one, following in pairwise(roles))

    def _pair(self, number: int, fields: Fields) -> None:
        if not all(name in fields for name in ANSWERS):
            self._neither.add(number)
        elif reason := why_no_pair(fields):
            self._no_pairs.setdefault(reason, _Entries()).add(number)
        else:
            self.pairs += 1


_EXCHANGE = ["user", "assistant"]


def _nothing(number: int, fields: Fields) -> None:
    pass


def _dialogues(count: int) -> str:
    return "1 dialogue ends" if count == 1 else f"{count:,} dialogues end"


def _listed(entries: _Entries, unit: str, units: str) -> str:
    numbers = ", ".join(map(str, entries.first))
    more = entries.count - len(entries.first)
    named = f"{unit if entries.count == 1 else units} {numbers}"
    return f"{named} and {more:,} more" if more else named

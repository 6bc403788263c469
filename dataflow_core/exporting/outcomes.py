"""Counting what becomes of records, for a look before an export."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dataflow_core.exporters.base import Exporter
from dataflow_core.exporting.judging import Judged
from dataflow_core.exporting.names import file_in_words
from dataflow_core.exporting.plan import MOST_CONCERNS, Concern, OnConcern, Preflight


class Outcomes:
    """`on_concern` is told of every concern; of each rule the first `MOST_CONCERNS` are kept."""

    def __init__(self, exporter: Exporter, splits: Iterable[str], on_concern: OnConcern | None = None) -> None:
        self._on_concern = on_concern
        self._exporter = exporter
        self._splits = tuple(splits)
        self.used: Counter[tuple[str, str]] = Counter()  # by generator and split
        self.found = self.left_out = 0
        self._concerns: list[Concern] = []
        self._by_rule: Counter[str] = Counter()
        self._tokens = array("I")

    def add(self, judged: Sequence[Judged]) -> None:
        """Those that are used are counted by `use`, once it is known in which split they are."""
        self.found += len(judged)
        self.left_out += sum(one.row is None for one in judged)
        self._tokens.extend(one.tokens for one in judged if one.tokens and one.row is not None)
        for one in judged:
            if one.problems:
                self._add_problems(one)

    def use(self, generator: str, split: str, count: int) -> None:
        self.used[generator, split] += count

    def preflight(self, notes: Iterable[str] = ()) -> Preflight:
        used: dict[str, dict[str, int]] = {}
        for generator, _ in self.used:
            used[generator] = {split: self.used[generator, split] for split in self._splits}
        return Preflight(
            found=self.found,
            used=used,
            concerns=tuple(self._concerns),
            by_rule=dict(self._by_rule.most_common()),
            refusals=self._refusals(used),
            tokens=self._lengths(),
            left_out=self.left_out,
            notes=tuple(notes),
        )

    def _add_problems(self, one: Judged) -> None:
        for concern in _concerns(one):
            self._by_rule[concern.rule] += 1
            if self._by_rule[concern.rule] <= MOST_CONCERNS:
                self._concerns.append(concern)
            if self._on_concern is not None:
                self._on_concern(concern)

    def _lengths(self) -> tuple[int, int, int] | None:
        if not self._tokens:
            return None
        return min(self._tokens), int(statistics.median_low(self._tokens)), max(self._tokens)

    def _refusals(self, used: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
        fewest, target = self._exporter.fewest, self._exporter.fewest_for
        return tuple(
            f"{target} takes files of at least {fewest} examples, and {file_in_words(generator, split)} has {count}."
            for generator, splits in used.items()
            for split, count in splits.items()
            if 0 < count < fewest
        )


def _concerns(one: Judged) -> Iterator[Concern]:
    """One a rule: the first thing that breaks it."""
    content = one.content
    for rule, problem in {problem.rule: problem for problem in reversed(one.problems)}.items():
        yield Concern(content.number, content.id, content.generator, rule, problem.severity, problem.message)

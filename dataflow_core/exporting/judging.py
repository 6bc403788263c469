"""What becomes of each record: its row, what the target would not take of it, and whether it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dataflow_core.exporters import exporter_named
from dataflow_core.exporters.base import Content, FieldChoice, Problem, Severity, UnfitError
from dataflow_core.exporting.plan import ExportPlan
from dataflow_core.exporting.reading import Chunk
from dataflow_core.exporting.tokens import counter
from dataflow_core.models import Fields

UNANSWERED = Problem("unanswered", Severity.DROPPED, "Its questions have no answers yet.")
_NO_CHOICE = FieldChoice()
UNFIT, TOO_LONG = "unfit", "too-long"


class Judged(NamedTuple):
    """`row` is None where the record is left out. `tokens` is 0 where they were not counted."""

    content: Content
    row: Fields | None
    problems: list[Problem]
    tokens: int = 0


class Judge:
    """By a plan. Raises `UsageError` for a format or a tokenizer that is not there."""

    def __init__(self, plan: ExportPlan) -> None:
        self._exporter = exporter_named(plan.format)
        self._choices = plan.fields
        self._leave_out = frozenset(plan.leave_out)
        self._limit = plan.limit
        self._count = counter(plan.limit) if plan.limit.most else None

    def rows(self, chunk: Chunk) -> Iterator[Fields]:
        """The rows of records that are known to be written."""
        row, choices = self._exporter.row, self._choices
        return (row(content, choices.get(content.generator, _NO_CHOICE)) for content in chunk.contents)

    def judge(self, chunk: Chunk) -> list[Judged]:
        judged = list(map(self._judged, chunk.contents))
        for place in chunk.skeletons():
            judged[place] = Judged(chunk.contents[place], None, [UNANSWERED])
        if self._count is not None:
            judged = self._counted(judged)
        return [one if not one.problems or self._is_written(one) else one._replace(row=None) for one in judged]

    def _judged(self, content: Content) -> Judged:
        choice = self._choices.get(content.generator, _NO_CHOICE)
        try:
            row = self._exporter.row(content, choice)
        except UnfitError as error:
            return Judged(content, None, [Problem(UNFIT, Severity.REFUSED, str(error))])
        return Judged(content, row, self._exporter.problems(row) + self._exporter.notes(content, choice))

    def _is_written(self, one: Judged) -> bool:
        return not any(problem.severity in self._leave_out for problem in one.problems)

    def _counted(self, judged: list[Judged]) -> list[Judged]:
        assert self._count is not None  # noqa: S101  else this is not called
        texts = [self._exporter.texts(one.row) if one.row is not None else [] for one in judged]
        lengths = iter(self._count([text for some in texts for text in some]))
        totals = [sum(next(lengths) for _ in some) for some in texts]
        return [self._limited(one, total) for one, total in zip(judged, totals, strict=True)]

    def _limited(self, one: Judged, tokens: int) -> Judged:
        most = self._limit.most
        if one.row is None or tokens <= most:
            return one._replace(tokens=tokens)
        message = f"It has {tokens:,} tokens, and the trainer takes {most:,}: the rest is cut off."
        return one._replace(tokens=tokens, problems=[*one.problems, Problem(TOO_LONG, Severity.CUT, message)])

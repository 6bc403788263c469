"""What has become of runs' inputs and calls: how many, how fast, at what cost, and what failed. Only reads."""

from __future__ import annotations

import json
import time
from collections.abc import Generator

from sqlalchemy import Select, Text, cast, func, select, union_all

from dataflow_core.models import (
    Example,
    Failure,
    Fields,
    InputState,
    Progress,
    ReviewStatus,
    RevisionKind,
    RunKind,
    SourceLine,
    Stage,
    Usage,
)
from dataflow_core.storage.database import Database
from dataflow_core.storage.examples import examples_of
from dataflow_core.storage.rows import failure_of
from dataflow_core.storage.schema import (
    REPAIRED,
    calls,
    failures,
    inputs,
    proposals,
    records,
    revisions,
    runs,
    source_lines,
)
from dataflow_core.storage.stage_gate import waiting_by_status

RECENT = 30.0
_PAGE = 5_000
_STANDING = (inputs.c.id == failures.c.input_id) & (inputs.c.attempt == failures.c.attempt)


class ProgressReader:
    """Every figure is counted anew from the database, out of indexes: a run of 100,000 inputs is asked each second."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def progress(self, run_id: str) -> Progress:
        by_state = select(inputs.c.state, func.count()).where(inputs.c.run_id == run_id).group_by(inputs.c.state)
        tokens = select(
            func.count(),
            func.coalesce(func.sum(calls.c.prompt_tokens), 0),
            func.coalesce(func.sum(calls.c.completion_tokens), 0),
            func.sum(calls.c.cost),
            func.coalesce(func.sum(calls.c.prompt_tokens).filter(calls.c.cost.is_(None)), 0),
            func.coalesce(func.sum(calls.c.completion_tokens).filter(calls.c.cost.is_(None)), 0),
        ).where(calls.c.run_id == run_id)
        now = time.time()
        with self._database.read() as connection:
            counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_state)}
            n_calls, *used, cost, unpriced_prompt, unpriced_completion = connection.execute(tokens).one()
            run = connection.execute(select(runs.c.started_at, runs.c.params).where(runs.c.id == run_id)).first()
            since = max((run.started_at if run else None) or now, now - RECENT)
            recent = select(func.count()).where(records.c.run_id == run_id, records.c.created_at >= since)
            n_recent = connection.scalar(recent) or 0
            recent = select(func.count()).where(proposals.c.run_id == run_id, proposals.c.at >= since)
            n_recent += connection.scalar(recent) or 0  # a run has either
            if run and run.params.get("review_skeletons"):
                n_recent += connection.scalar(_recently_answered(run_id, since)) or 0
            recent = select(func.count()).where(failures.c.run_id == run_id, failures.c.at >= since)
            n_failed = connection.scalar(recent) or 0
        seconds = max(now - since, 0.5)
        pending, done, failed, waiting = (counts.get(state, 0) for state in InputState)
        return Progress(
            pending,
            done,
            failed,
            waiting,
            calls=n_calls,
            usage=Usage(*used),
            cost=cost,
            unpriced=Usage(unpriced_prompt, unpriced_completion),
            recent_per_second=n_recent / seconds,
            recent_ends_per_second=(n_recent + n_failed) / seconds,
        )

    def inputs(self, run_id: str) -> Generator[Fields]:
        """What each input of the run holds, in their order; a chunk in memory at a time."""
        for fields, _ in self.inputs_with_examples(run_id):
            yield fields

    def inputs_with_examples(self, run_id: str) -> Generator[tuple[Fields, tuple[Example, ...]]]:
        """The same, each with the records that are shown to the model with it."""
        query = select(inputs.c.fields, inputs.c.examples).where(inputs.c.run_id == run_id).order_by(inputs.c.position)
        with self._database.read() as connection:
            for page in connection.execution_options(yield_per=_PAGE).execute(query).partitions():
                shown = examples_of(connection, [digest for row in page for digest in row.examples or ()])
                for row in page:
                    yield row.fields, tuple(shown[digest] for digest in row.examples or () if digest in shown)

    def waiting_by_status(self, run_id: str) -> dict[ReviewStatus, int]:
        """How the questions of the inputs that wait for a review of them have been judged."""
        with self._database.read() as connection:
            return waiting_by_status(connection, run_id)

    def has_answers(self, run_id: str) -> bool:
        """Whether any of its calls was answered."""
        with self._database.read() as connection:
            return connection.scalar(select(calls.c.number).where(calls.c.run_id == run_id).limit(1)) is not None

    def count_inputs(self) -> dict[InputState, int]:
        """How the inputs of all runs that make records stand."""
        generating = select(runs.c.id).where(runs.c.kind == RunKind.GENERATE)
        query = select(inputs.c.state, func.count()).where(inputs.c.run_id.in_(generating)).group_by(inputs.c.state)
        with self._database.read() as connection:
            counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
        return {state: counts.get(state, 0) for state in InputState}

    def usage_per_input(self, run_id: str, *, most: int = 500) -> list[Usage]:
        """What each of the first inputs that have ended took, in all its calls.

        An input whose end came without an answered call (it was cancelled before its turn) tells nothing and is
        not among them.
        """
        ended = [
            select(
                select(inputs.c.id, inputs.c.position)
                .where(inputs.c.run_id == run_id, inputs.c.state == state.value)
                .order_by(inputs.c.position)
                .limit(most)
                .subquery()
            )
            for state in (InputState.DONE, InputState.FAILED, InputState.WAITING)
        ]
        first = union_all(*ended).subquery()
        first = select(first.c.id, first.c.position).order_by(first.c.position).limit(most).subquery()
        query = (
            select(func.sum(calls.c.prompt_tokens), func.sum(calls.c.completion_tokens))
            .select_from(first.join(calls, calls.c.input_id == first.c.id))
            .group_by(first.c.position)
            .order_by(first.c.position)
        )
        with self._database.read() as connection:
            return [Usage(*row) for row in connection.execute(query)]

    def repairs(self, run_id: str) -> dict[str, int]:
        """How many of the run's records had what mended in their answers; the most frequent first."""
        mended = cast(records.c.repairs, Text)
        query = select(mended, func.count()).where(records.c.run_id == run_id, REPAIRED).group_by(mended)
        counts: dict[str, int] = {}
        with self._database.read() as connection:
            for repairs, count in connection.execute(query):
                for repair in set(json.loads(repairs)):
                    counts[repair] = counts.get(repair, 0) + count
        return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))

    def models(self, run_id: str) -> dict[str, int]:
        """How many of the run's calls each model answered; the busiest first."""
        query = select(calls.c.model, func.count()).where(calls.c.run_id == run_id).group_by(calls.c.model)
        with self._database.read() as connection:
            counts = {row[0]: row[1] for row in connection.execute(query)}
        return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))

    def failures(
        self, run_id: str, *, stage: Stage | None = None, offset: int = 0, limit: int | None = 100
    ) -> list[Failure]:
        """The failures that stand now, in the order of the inputs; a failure since made good is not among them."""
        query = (
            select(failures, inputs.c.position, inputs.c.fields)
            .join(inputs, _STANDING)
            .where(inputs.c.run_id == run_id, inputs.c.state == InputState.FAILED)
            .order_by(inputs.c.position)
            .offset(offset)
            .limit(limit)
        )
        if stage is not None:
            query = query.where(failures.c.stage == stage)
        with self._database.read() as connection:
            return [failure_of(row) for row in connection.execute(query).mappings()]

    def failures_by_stage(self, run_id: str) -> dict[Stage, int]:
        query = (
            select(failures.c.stage, func.count())
            .join(inputs, _STANDING)
            .where(inputs.c.run_id == run_id, inputs.c.state == InputState.FAILED)
            .group_by(failures.c.stage)
        )
        with self._database.read() as connection:
            return {Stage(stage): count for stage, count in connection.execute(query)}

    def source_lines(self, run_id: str, *, limit: int | None = 1_000, shown: int | None = None) -> list[SourceLine]:
        """In the order of the file; of each text the first `shown` characters, or all."""
        text = source_lines.c.text if shown is None else func.substr(source_lines.c.text, 1, shown).label("text")
        columns = (source_lines.c.line, source_lines.c.kind, source_lines.c.reason, text)
        query = select(*columns).where(source_lines.c.run_id == run_id).order_by(source_lines.c.line).limit(limit)
        with self._database.read() as connection:
            return [SourceLine(*row) for row in connection.execute(query)]


def _recently_answered(run_id: str, since: float) -> Select[int]:
    """How many records that were there before have got their answers."""
    is_present = (revisions.c.record == records.c.number) & (revisions.c.number == records.c.revision)
    return (
        select(func.count())
        .select_from(records.join(revisions, is_present))
        .where(
            records.c.run_id == run_id,
            records.c.updated_at >= since,
            revisions.c.kind == RevisionKind.ANSWERED.value,
            revisions.c.at >= since,
        )
    )

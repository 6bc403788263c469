"""What a run's own process reads and writes: inputs still to do, the call log, and how each input ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Text, cast, func, insert, select, update
from ulid import ULID

from dataflow_core.models import (
    Completion,
    Digest,
    Failure,
    Fields,
    Input,
    InputState,
    Prompt,
    Record,
    RecordStage,
    ReviewStatus,
    RevisionKind,
    Sampling,
    StepUsage,
    Usage,
)
from dataflow_core.storage import stage_gate
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.digests import UNCHECKED
from dataflow_core.storage.examples import examples_of
from dataflow_core.storage.schema import calls, failures, inputs
from dataflow_core.storage.writing import NewRecord, add_records

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One answered call of a model. Only one that `is_valid` is ever used again."""

    item: Input
    step: str
    prompt: Prompt
    prompt_hash: str
    completion: Completion
    is_valid: bool
    cost: float | None = None  # None without a price


@dataclass(frozen=True, slots=True)
class Done:
    """An input became a record, made by `model`. `repairs` says what had to be mended in the answers for it.

    At the `stage` of a skeleton it waits for a review; with a `skeleton` that is the record which the fields complete.
    """

    item: Input
    fields: Fields
    repairs: tuple[str, ...] = ()
    model: str = ""
    digest: Digest = UNCHECKED
    stage: RecordStage = ""
    skeleton: Record | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    item: Input
    failure: Failure


@dataclass(frozen=True, slots=True)
class Unaccepted:
    """The input's skeleton is not accepted any more: it waits for a review again."""

    item: Input


End = Done | Failed | Unaccepted
Event = Call | End
#: Valid completions by step name, each with the hash of the prompt that it answers.
Logged = dict[str, tuple[str, Completion]]


_LARGEST = 2**31 - 1  # what an integer column holds; an endpoint may say anything
_CHUNK = 500
_LOGGED: tuple[Column[Any], ...] = (
    calls.c.input_id,
    calls.c.attempt,
    calls.c.step,
    calls.c.prompt_hash,
    calls.c.texts,
    calls.c.model,
    calls.c.finish_reason,
    calls.c.prompt_tokens,
    calls.c.completion_tokens,
    calls.c.seconds,
)
#: Read as text: almost all inputs have none, and 100,000 of them are read.
_EXAMPLES = cast(inputs.c.examples, Text)
_SAMPLING = tuple(Sampling.__dataclass_fields__)


class Ledger:
    """The inputs and calls of one run. Only the run's owner writes here."""

    def __init__(self, database: Database, run_id: str, generator: str) -> None:
        self._database = database
        self._run_id = run_id
        self._generator = generator

    def pending(self, *, after: int, count: int, below: int | None = None) -> list[Input]:
        """Up to `count` inputs still to do at positions over `after` (-1 for all) and under `below`, in order."""
        query = (
            select(inputs.c.id, inputs.c.position, inputs.c.fields, inputs.c.attempt, _EXAMPLES)
            .where(
                inputs.c.run_id == self._run_id,
                inputs.c.state == InputState.PENDING.value,
                inputs.c.position > after,
            )
            .order_by(inputs.c.position)
            .limit(count)
        )
        if below is not None:
            query = query.where(inputs.c.position < below)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            shown = [json.loads(row[4]) if row[4] else () for row in rows]
            if not any(shown):
                return [Input(item, position, fields, attempt) for item, position, fields, attempt, _ in rows]
            known = examples_of(connection, [digest for digests in shown for digest in digests])
        return [
            Input(item, position, fields, attempt, tuple(known[digest] for digest in digests if digest in known))
            for (item, position, fields, attempt, _), digests in zip(rows, shown, strict=True)
        ]

    def logged(self, items: Sequence[Input]) -> dict[str, Logged]:
        """What has been answered already for these inputs' present attempts, by input id."""
        attempts = {item.id: item.attempt for item in items}
        found: dict[str, Logged] = {}
        with self._database.read() as connection:
            for ids in _chunks(list(attempts)):
                query = select(*_LOGGED).where(calls.c.input_id.in_(ids), calls.c.is_valid.is_(True))
                for row in connection.execute(query.order_by(calls.c.number)):
                    input_id, attempt, step, identity, texts, model, finish_reason, sent, got, seconds = row
                    if attempt == attempts[input_id]:
                        completion = Completion(tuple(texts), model, finish_reason, Usage(sent, got), seconds)
                        found.setdefault(input_id, {})[step] = (identity, completion)
        return found

    def skeletons(self, items: Sequence[Input]) -> dict[str, Record]:
        """The records of those inputs that have come to the end of their first stage and no further, by input id."""
        found: dict[str, Record] = {}
        with self._database.read() as connection:
            for ids in _chunks([item.id for item in items]):
                found |= stage_gate.skeletons_of(connection, self._run_id, ids)
        return found

    def usage_by_step(self) -> dict[str, StepUsage]:
        """What this run's calls have taken so far, by the step they were made for."""
        prompt, completion = calls.c.prompt_tokens, calls.c.completion_tokens
        totals = (func.count(), func.sum(prompt), func.sum(completion), func.max(prompt), func.max(completion))
        query = select(calls.c.step, *totals).where(calls.c.run_id == self._run_id).group_by(calls.c.step)
        with self._database.read() as connection:
            return {
                row[0]: StepUsage(row[1], Usage(row[2], row[3]), Usage(row[4], row[5]))
                for row in connection.execute(query)
            }

    def write(self, events: Iterable[Event]) -> None:
        """Store the events in one transaction.

        An input ends once: a second end, or one of an input that was cancelled or retried meanwhile, is passed over.
        """
        now = time.time()
        answered: list[Fields] = []
        ends: dict[str, End] = {}
        for event in events:
            if isinstance(event, Call):
                answered.append(self._call(event, now))
            else:
                ends.setdefault(event.item.id, event)
        with self._database.write() as connection:
            if answered:
                connection.execute(insert(calls), answered)
            standing = _still_pending(connection, ends)
            done = [end for end in standing if isinstance(end, Done)]
            self._store_done(connection, [end for end in done if end.skeleton is None], now)
            self._store_answers(connection, [end for end in done if end.skeleton is not None])
            self._store_failed(connection, [end for end in standing if isinstance(end, Failed)], now)
            unaccepted = [end for end in standing if isinstance(end, Unaccepted)]
            _leave_pending(connection, unaccepted, InputState.WAITING)

    def _call(self, call: Call, now: float) -> Fields:
        prompt, completion = call.prompt, call.completion
        return {
            "run_id": self._run_id,
            "input_id": call.item.id,
            "attempt": call.item.attempt,
            "step": call.step,
            "is_valid": call.is_valid,
            "prompt_hash": call.prompt_hash,
            "prompt_version": prompt.version,
            "sampling": _settings(prompt.sampling),
            "model": storable(completion.model),
            "texts": [storable(text) for text in completion.texts],
            "finish_reason": storable(completion.finish_reason),
            "cost": call.cost,
            "prompt_tokens": _within_column(completion.usage.prompt_tokens),
            "completion_tokens": _within_column(completion.usage.completion_tokens),
            "seconds": completion.seconds,
            "at": now,
        }

    def _store_done(self, connection: Connection, done: Sequence[Done], now: float) -> None:
        _leave_pending(connection, [end for end in done if not end.stage], InputState.DONE)
        _leave_pending(connection, [end for end in done if end.stage], InputState.WAITING)
        self._store_made(connection, done, now)

    def _store_made(self, connection: Connection, done: Sequence[Done], now: float) -> None:
        """Store what came of the inputs: records. A ledger of runs of another kind stores something else."""
        made = [
            NewRecord(
                str(ULID()),
                end.fields,
                self._run_id,
                end.item.id,
                end.item.position,
                end.repairs,
                end.model,
                end.digest,
                end.stage,
            )
            for end in done
        ]
        add_records(
            connection,
            made,
            generator=self._generator,
            kind=RevisionKind.GENERATED,
            author=self._generator,
            status=ReviewStatus.UNREVIEWED,
            now=now,
        )

    def _store_answers(self, connection: Connection, answered: Sequence[Done]) -> None:
        """Nothing is written over a skeleton that was changed, or not accepted any more, while it was answered."""
        for end in answered:
            if end.skeleton is None or not stage_gate.may_answer(connection, end.skeleton):
                _leave_pending(connection, [end], InputState.WAITING)
                continue
            _leave_pending(connection, [end], InputState.DONE)
            stage_gate.complete(
                connection,
                end.skeleton,
                end.fields,
                kind=RevisionKind.ANSWERED,
                author=self._generator,
                digest=end.digest,
                model=end.model,
                repairs=end.repairs,
            )

    def _store_failed(self, connection: Connection, failed: Sequence[Failed], now: float) -> None:
        if not failed:
            return
        _leave_pending(connection, failed, InputState.FAILED)
        rows = [
            {
                "run_id": self._run_id,
                "input_id": end.item.id,
                "attempt": end.item.attempt,
                "stage": end.failure.stage.value,
                "reason": storable(end.failure.reason),
                "raw_text": storable(end.failure.raw_text),
                "calls": _within_column(end.failure.calls),
                "at": now,
            }
            for end in failed
        ]
        connection.execute(insert(failures), rows)


def _still_pending(connection: Connection, ends: Mapping[str, End]) -> list[End]:
    """Those ends whose inputs are still pending, in the attempt that has ended."""
    attempts: dict[str, int] = {}
    for ids in _chunks(list(ends)):
        pending = select(inputs.c.id, inputs.c.attempt).where(
            inputs.c.id.in_(ids), inputs.c.state == InputState.PENDING.value
        )
        attempts.update((row[0], row[1]) for row in connection.execute(pending))
    return [end for input_id, end in ends.items() if attempts.get(input_id) == end.item.attempt]


def _leave_pending(connection: Connection, ends: Sequence[End], state: InputState) -> None:
    for ids in _chunks([end.item.id for end in ends]):
        connection.execute(update(inputs).where(inputs.c.id.in_(ids)).values(state=state.value))


def _settings(sampling: Sampling) -> Fields:
    """Those that say something: the rest was left to the endpoint."""
    settings = ((name, getattr(sampling, name)) for name in _SAMPLING)
    return {name: value for name, value in settings if value not in (None, (), {})}


def _within_column(count: int) -> int:
    return max(0, min(count, _LARGEST))


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))

"""What a run's own process reads and writes: inputs still to do, the call log, and how each input ended."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update
from ulid import ULID

from dataflow_core.models import (
    Completion,
    Failure,
    Fields,
    Input,
    InputState,
    Prompt,
    ReviewStatus,
    RevisionKind,
    Usage,
)
from dataflow_core.storage.database import Database, storable
from dataflow_core.storage.records import new_record
from dataflow_core.storage.schema import calls, failures, inputs


@dataclass(frozen=True, slots=True)
class Call:
    """One answered call of a model. Only one that `is_valid` is ever used again."""

    item: Input
    step: str
    prompt: Prompt
    prompt_hash: str
    completion: Completion
    is_valid: bool


@dataclass(frozen=True, slots=True)
class Done:
    """An input became a record."""

    item: Input
    fields: Fields


@dataclass(frozen=True, slots=True)
class Failed:
    item: Input
    failure: Failure


Event = Call | Done | Failed
_MOST_TOKENS = 2**31 - 1  # what the column holds; an endpoint may say anything
#: Valid completions by step name, each with the hash of the prompt that it answers.
Logged = dict[str, tuple[str, Completion]]


class Ledger:
    """The inputs and calls of one run. Only the run's owner writes here."""

    def __init__(self, database: Database, run_id: str, generator: str) -> None:
        self._database = database
        self._run_id = run_id
        self._generator = generator

    def pending(self, *, after: int, count: int, below: int | None = None) -> list[Input]:
        """Up to `count` inputs still to do at positions over `after` (-1 for all) and under `below`, in order."""
        query = (
            select(inputs)
            .where(
                inputs.c.run_id == self._run_id,
                inputs.c.state == InputState.PENDING,
                inputs.c.position > after,
            )
            .order_by(inputs.c.position)
            .limit(count)
        )
        if below is not None:
            query = query.where(inputs.c.position < below)
        with self._database.read() as connection:
            return [
                Input(row["id"], row["position"], row["fields"], row["attempt"])
                for row in connection.execute(query).mappings()
            ]

    def logged(self, items: Sequence[Input]) -> dict[str, Logged]:
        """What has been answered already for these inputs' present attempts, by input id."""
        attempts = {item.id: item.attempt for item in items}
        query = (
            select(calls)
            .where(calls.c.input_id.in_(list(attempts)), calls.c.is_valid.is_(True))
            .order_by(calls.c.number)
        )
        found: dict[str, Logged] = {}
        with self._database.read() as connection:
            for row in connection.execute(query).mappings():
                if row["attempt"] == attempts[row["input_id"]]:
                    completion = Completion(
                        texts=tuple(row["texts"]),
                        model=row["model"],
                        finish_reason=row["finish_reason"],
                        usage=Usage(row["prompt_tokens"], row["completion_tokens"]),
                        seconds=row["seconds"],
                    )
                    found.setdefault(row["input_id"], {})[row["step"]] = (row["prompt_hash"], completion)
        return found

    def write(self, events: Iterable[Event]) -> None:
        """Store the events in one transaction, in their order."""
        with self._database.write() as connection:
            now = time.time()
            for event in events:
                match event:
                    case Call():
                        connection.execute(insert(calls).values(self._call(event, now)))
                    case Done():
                        self._done(connection, event, now)
                    case Failed():
                        self._failed(connection, event, now)

    def _call(self, call: Call, now: float) -> Fields:
        sampling = asdict(call.prompt.sampling)
        return {
            "run_id": self._run_id,
            "input_id": call.item.id,
            "attempt": call.item.attempt,
            "step": call.step,
            "is_valid": call.is_valid,
            "prompt_hash": call.prompt_hash,
            "prompt_version": call.prompt.version,
            "sampling": {name: value for name, value in sampling.items() if value not in (None, (), {})},
            "model": storable(call.completion.model),
            "texts": [storable(text) for text in call.completion.texts],
            "finish_reason": storable(call.completion.finish_reason),
            "prompt_tokens": min(call.completion.usage.prompt_tokens, _MOST_TOKENS),
            "completion_tokens": min(call.completion.usage.completion_tokens, _MOST_TOKENS),
            "seconds": call.completion.seconds,
            "at": now,
        }

    def _done(self, connection: Connection, done: Done, now: float) -> None:
        if not _leave_pending(connection, done.item, InputState.DONE):
            return
        new_record(
            connection,
            record_id=str(ULID()),
            run_id=self._run_id,
            input_id=done.item.id,
            position=done.item.position,
            generator=self._generator,
            fields=done.fields,
            kind=RevisionKind.GENERATED,
            author=self._generator,
            status=ReviewStatus.UNREVIEWED,
            now=now,
        )

    def _failed(self, connection: Connection, failed: Failed, now: float) -> None:
        if not _leave_pending(connection, failed.item, InputState.FAILED):
            return
        connection.execute(
            insert(failures).values(
                run_id=self._run_id,
                input_id=failed.item.id,
                attempt=failed.item.attempt,
                stage=failed.failure.stage,
                reason=storable(failed.failure.reason),
                raw_text=storable(failed.failure.raw_text),
                at=now,
            )
        )


def _leave_pending(connection: Connection, item: Input, state: InputState) -> bool:
    """False when the input is no longer pending: it was cancelled while its last call was in flight."""
    changed = connection.execute(
        update(inputs).where(inputs.c.id == item.id, inputs.c.state == InputState.PENDING).values(state=state)
    )
    return changed.rowcount == 1

"""Records that are shown to a model as examples: which there are, and those shown as they were then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select

from dataflow_core.models import Example, Fields, Record, ReviewStatus
from dataflow_core.storage.records import page
from dataflow_core.storage.schema import examples, inputs, records, runs

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be shown, and the fields of the input it was made from; {} for one written by hand."""

    record: Record
    source: Fields


def is_good() -> ColumnElement[bool]:
    """Which records people stand by: accepted ones, and edited ones that nobody has rejected, flagged or deleted."""
    is_edited = and_(records.c.is_edited, records.c.status == ReviewStatus.UNREVIEWED.value)
    return and_(records.c.stage == "", or_(records.c.status == ReviewStatus.ACCEPTED.value, is_edited))


def candidates(
    connection: Connection, generator: str, *, fits: Callable[[Fields], bool], most: int
) -> Iterator[Candidate]:
    """The newest records that people stand by, of runs whose params fit; {} are those of a record written by hand."""
    query = select(records.c.number, records.c.run_id).where(records.c.generator == generator, is_good())
    of_runs: dict[str | None, bool] = {None: fits({})}
    chosen: list[int] = []
    for number, run_id in connection.execute(query.order_by(records.c.number.desc())):
        if run_id not in of_runs:
            of_runs[run_id] = fits(connection.scalar(select(runs.c.params).where(runs.c.id == run_id)) or {})
        if of_runs[run_id]:
            chosen.append(number)
            if len(chosen) == most:
                break
    for start in range(0, len(chosen), _CHUNK):
        some = page(connection, chosen[start : start + _CHUNK])
        ids = [record.input_id for record in some if record.input_id is not None]
        made_from = connection.execute(select(inputs.c.id, inputs.c.fields).where(inputs.c.id.in_(ids)))
        sources: dict[str, Fields] = {row[0]: row[1] for row in made_from}
        for record in some:
            yield Candidate(record, sources.get(record.input_id or "", {}))


def store_examples(connection: Connection, of_inputs: Sequence[Sequence[Example]]) -> list[list[str]]:
    """Store those that are not there yet; returns each input's digests."""
    known: dict[int, str] = {}  # the same example is shown with many inputs
    contents: dict[str, Example] = {}
    digests: list[list[str]] = []
    for some in of_inputs:
        for example in some:
            if id(example) not in known:
                known[id(example)] = digest = _digest(example)
                contents[digest] = example
        digests.append([known[id(example)] for example in some])
    stored = _stored(connection, list(contents))
    new = [
        {"digest": digest, "record": example.record, "fields": example.fields}
        for digest, example in contents.items()
        if digest not in stored
    ]
    for start in range(0, len(new), _CHUNK):
        connection.execute(insert(examples), new[start : start + _CHUNK])
    return digests


def examples_of(connection: Connection, digests: Sequence[str]) -> dict[str, Example]:
    """Those with these digests, by digest."""
    found: dict[str, Example] = {}
    wanted = list(dict.fromkeys(digests))
    for start in range(0, len(wanted), _CHUNK):
        query = select(examples).where(examples.c.digest.in_(wanted[start : start + _CHUNK]))
        found |= {row.digest: Example(row.record, row.fields) for row in connection.execute(query)}
    return found


def _stored(connection: Connection, digests: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(digests), _CHUNK):
        query = select(examples.c.digest).where(examples.c.digest.in_(digests[start : start + _CHUNK]))
        found |= set(connection.scalars(query))
    return found


def _digest(example: Example) -> str:
    content = json.dumps([example.record, example.fields], ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]

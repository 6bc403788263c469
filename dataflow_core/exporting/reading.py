"""The records of a plan, as one state of the workspace has them: in chunks that fit into memory, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pydantic_core import from_json

from dataflow_core.exporters import exporter_named
from dataflow_core.exporters.base import Content
from dataflow_core.exporting.plan import ExportPlan
from dataflow_core.models import SKELETON, Fields
from dataflow_core.storage.contents import Snapshot, StoredContent, snapshot
from dataflow_core.storage.database import Database
from dataflow_core.storage.queries import Query

#: A chunk has so many records, and so many characters, at most; but one record at least.
MOST_RECORDS, MOST_CHARACTERS = 250, 2_000_000


def _parsed(text: str) -> Fields:
    """What a record's stored JSON says: twice as quickly as the standard module does, which reads what is too deep."""
    try:
        fields: Fields = from_json(text, cache_strings="keys")
    except ValueError:
        fields = json.loads(text)
    return fields


class Chunk:
    """Some records, in order: as they are stored, and what there is of them to be exported."""

    def __init__(self, stored: list[StoredContent], contents: list[Content]) -> None:
        self.stored = stored
        self.contents = contents

    def __len__(self) -> int:
        return len(self.stored)

    def pick(self, places: Sequence[int]) -> Chunk:
        return Chunk([self.stored[place] for place in places], [self.contents[place] for place in places])

    def skeletons(self) -> set[int]:
        """The places of those that have questions alone."""
        return {place for place, one in enumerate(self.stored) if one.stage == SKELETON}


class Reader:
    """`numbers` are those of the records that the plan's query finds, in its order, unless others are given."""

    def __init__(self, state: Snapshot, plan: ExportPlan, numbers: Sequence[int] | None = None) -> None:
        exporter = exporter_named(plan.format)
        self.state = state
        self._needs_refused = exporter.needs_refused
        self._needs_about = exporter.needs_provenance and plan.provenance
        self.numbers = state.numbers(plan.query) if numbers is None else numbers

    def chunks(self) -> Iterator[Chunk]:
        for stored in _in_chunks(self.state.contents(self.numbers)):
            yield Chunk(stored, self.contents(stored))

    def contents(self, stored: list[StoredContent]) -> list[Content]:
        """What there is of them to be exported."""
        refused = self.state.refused(stored) if self._needs_refused else {}
        about = self.state.about(stored) if self._needs_about else {}
        params = {run_id: self.state.run(run_id).params for run_id in {one.run_id for one in stored}}
        return [
            Content(
                number,
                record_id,
                generator,
                _parsed(fields),
                params[run_id],
                refused.get(number),
                about.get(number, {}),
                revision,
                run_id or "",
            )
            for number, record_id, generator, run_id, _, revision, _, _, fields in stored
        ]


@contextmanager
def reading(database: Database, plan: ExportPlan, numbers: Sequence[int] | None = None) -> Iterator[Reader]:
    with snapshot(database) as state:
        yield Reader(state, plan, numbers)


def whole(query: Query) -> Query:
    """The query for the records that are made to their end: a dialogue without answers is nothing to train on."""
    return replace(query, stages=("",))


def _in_chunks(contents: Iterable[StoredContent]) -> Iterator[list[StoredContent]]:
    chunk: list[StoredContent] = []
    characters = 0
    for content in contents:
        chunk.append(content)
        characters += len(content.fields)
        if len(chunk) >= MOST_RECORDS or characters >= MOST_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk

"""Records of a workspace as the inputs of another run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dataflow_core.errors import UsageError
from dataflow_core.exporting.reading import whole
from dataflow_core.models import NOT_TURNED_DOWN, SKELETON, Fields, Record, ReviewStatus, Run, SourceLine
from dataflow_core.readers import Entry, Selection, Table
from dataflow_core.storage.queries import Query
from dataflow_core.storage.records import RecordStore
from dataflow_core.storage.runs import RunStore

#: Which records go on, where not all that nobody has turned down.
ONLY_ACCEPTED = (ReviewStatus.ACCEPTED,)
_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class RecordChoice:
    """The whole records of a query, or those of the `numbers`, that go on: accepted ones, or all not turned down.

    `name` says in words which they are. What is chosen is looked up when it is asked for.
    """

    query: Query
    only_accepted: bool = True
    numbers: tuple[int, ...] | None = None
    name: str = "records"

    def count(self, records: RecordStore) -> int:
        if self.numbers is None:
            query = self._restricted()
            return records.count(query) if query else 0
        return sum(1 for _ in self.stream(records))

    def stream(self, records: RecordStore) -> Iterator[Record]:
        """In the query's order, or in that of the numbers; a chunk in memory at a time."""
        if self.numbers is None:
            query = self._restricted()
            yield from records.stream(query) if query else ()
            return
        for record in records.page(self.numbers):
            if record.status in self.statuses and record.stage != SKELETON:
                yield record

    @property
    def statuses(self) -> tuple[ReviewStatus, ...]:
        return ONLY_ACCEPTED if self.only_accepted else NOT_TURNED_DOWN

    def sample(self, records: RecordStore, most: int = _LOOKED_AT) -> list[Record]:
        """The first of them."""
        if self.numbers is None:
            query = self._restricted()
            return records.page(records.numbers(query)[:most]) if query else []
        return [record for record, _ in zip(self.stream(records), range(most), strict=False)]

    def _restricted(self) -> Query | None:
        """None where the query itself asks for other statuses only."""
        statuses = tuple(status for status in self.statuses if not self.query.statuses or status in self.query.statuses)
        return replace(whole(self.query), statuses=statuses) if statuses else None


def text_fields(records: list[Record]) -> list[str]:
    """The fields that hold a text in any of these records, in the order in which they come."""
    return list(
        dict.fromkeys(
            name
            for record in records
            for name, value in record.fields.items()
            if isinstance(value, str) and value.strip()
        )
    )


def table_of(records: RecordStore, choice: RecordChoice) -> tuple[Table, Selection]:
    """The chosen records as a source of inputs: one each, with all their fields, none skipped.

    Raises `UsageError` where there is none.
    """
    entries = [Entry(record.number, record.fields) for record in choice.stream(records)]
    if not entries:
        which = "accepted record" if choice.only_accepted else "record"
        raise UsageError(f"There is no {which} among these: {choice.name}.")
    columns = tuple(dict.fromkeys(name for entry in entries for name in entry.fields))
    nothing: list[SourceLine] = []
    table = Table(columns, entries, nothing, "Records", "of this workspace", None, choice.name)
    return table, Selection(entries, nothing)


def note_records(runs: RunStore, run: Run, choice: RecordChoice) -> Run:
    """Note with the run that these records are its inputs; returns it as it is then."""
    of = {"of run": choice.query.runs[0]} if len(choice.query.runs) == 1 else {}
    runs.add_to_source(run.id, of | {"only accepted": choice.only_accepted})
    return runs.get(run.id)


def fields_of(records: RecordStore, choice: RecordChoice) -> Iterator[Fields]:
    for record in choice.stream(records):
        yield record.fields

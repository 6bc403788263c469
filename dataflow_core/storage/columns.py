"""What records are listed and counted by, in memory: a few bytes a record, so that a million are gone through at once.

The database stays the truth. Each part is read from its index when it is first asked for; from then on only the records
changed since are read, as `updated_at` tells them, before anything is answered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, Connection, Select, Table, Text, cast, func, select

from dataflow_core.models import ReviewStatus
from dataflow_core.storage import fulltext
from dataflow_core.storage.database import Readable
from dataflow_core.storage.planning import unindexed
from dataflow_core.storage.schema import findings, record_tags, records, sort_keys

Numbers = NDArray[np.int32]
Mask = NDArray[np.bool_]

#: With as many changed at once, reading a part anew is quicker.
_MOST_CHANGED = 20_000
#: Seconds, for clocks that are set back a little.
_MARGIN = 0.1
#: Found texts remembered.
_TEXTS = 8
#: Of what few values are shared by many records.
FACETS: dict[str, Column[Any]] = {
    "statuses": records.c.status,
    "runs": records.c.run_id,
    "generators": records.c.generator,
    "models": records.c.model,
    "intents": records.c.intent,
    "reviewers": records.c.reviewer,
    "reasons": records.c.reason,
    "is_edited": records.c.is_edited,
}
_SETS: dict[str, tuple[Table, Column[Any]]] = {
    "findings": (findings, findings.c.check),
    "tags": (record_tags, record_tags.c.tag),
}
_NOT_THERE = object()


@dataclass(frozen=True, slots=True)
class _Version:
    """Another one whenever a record was added, changed, or the last one looked at by newer checks."""

    newest: int = 0
    changed_at: float = 0.0
    checked: int = 0


class Facet:
    """The value that each record has of one column, as a code."""

    def __init__(self, size: int) -> None:
        self.codes: NDArray[np.int32] = np.zeros(size, np.int32)
        self.values: list[Any] = [_NOT_THERE]
        self._codes: dict[Any, int] = {}

    def code(self, value: Any) -> int:
        if value not in self._codes:
            self._codes[value] = len(self.values)
            self.values.append(value)
        return self._codes[value]

    def has(self, wanted: Iterable[Any]) -> Mask:
        """By number, whether the record has one of these values."""
        is_wanted = np.zeros(len(self.values), np.bool_)
        is_wanted[[self._codes[value] for value in wanted if value in self._codes]] = True
        return is_wanted[self.codes]

    def counts(self, mask: Mask) -> dict[Any, int]:
        found = np.bincount(self.codes[mask], minlength=len(self.values)).tolist()
        return {value: count for value, count in zip(self.values[1:], found[1:], strict=True) if count}

    def in_order(self) -> Numbers:
        """All numbers, those with the least value first."""
        places = sorted(range(1, len(self.values)), key=lambda code: str(self.values[code]))
        ranks = np.zeros(len(self.values), np.uint16 if len(self.values) < 2**16 else np.uint32)
        ranks[places] = np.arange(1, len(places) + 1)
        return np.argsort(ranks[self.codes], kind="stable").astype(np.int32)


class Columns:
    """To be used within `present`, which brings them up to date and keeps other threads out meanwhile."""

    def __init__(self, database: Readable) -> None:
        self._database = database
        self._lock = threading.RLock()
        self._version = _Version()
        self._facets: dict[str, Facet] = {}
        self._sets: dict[str, dict[str, Numbers]] = {}
        self._alike: tuple[Numbers, NDArray[np.int64]] | None = None
        self._orders: dict[str, Numbers] = {}
        self._texts: dict[str, Numbers] = {}

    @contextmanager
    def present(self) -> Iterator[Columns]:
        with self._lock, self._database.read() as connection:
            self.connection: Connection = connection
            self._bring_up_to_date()
            yield self

    @property
    def size(self) -> int:
        """One more than the greatest number of a record: by it, masks are indexed."""
        return self._version.newest + 1

    def facet(self, name: str) -> Facet:
        if name not in self._facets:
            column = FACETS[name]
            facet, others = Facet(self.size), None
            if name == "statuses" and self._are_all_there():  # most are unreviewed mostly: the others are read
                facet.codes[1:] = facet.code(ReviewStatus.UNREVIEWED.value)
                others = column.in_([one.value for one in ReviewStatus if one is not ReviewStatus.UNREVIEWED])
            for value, numbers in self._grouped(column, records.c.number, others):
                facet.codes[numbers] = facet.code(value)
            self._facets[name] = facet
        return self._facets[name]

    def sets(self, name: str) -> dict[str, Numbers]:
        """Which records have it, by the name of a check or by tag."""
        if name not in self._sets:
            table, column = _SETS[name]
            # A check may have found several things about a record.
            self._sets[name] = {key: np.unique(found) for key, found in self._grouped(column, table.c.record)}
        return self._sets[name]

    def duplicates(self, is_present: Mask) -> Numbers:
        """Those that say the same as another one that is present."""
        if self._alike is None:
            shared = select(records.c.fingerprint).where(records.c.fingerprint.is_not(None))
            self._alike = self._fingerprints(shared.group_by(records.c.fingerprint).having(func.count() > 1))
        numbers, prints = self._alike
        there, counts = np.unique(prints[is_present[numbers]], return_counts=True)
        return numbers[np.isin(prints, there[counts > 1])].astype(np.int32)

    def order(self, name: str, statement: Select[Any]) -> Numbers:
        """What the statement says of all records, remembered by its name."""
        if name not in self._orders:
            self._orders[name] = self.numbers(statement)
        return self._orders[name]

    def with_text(self, wanted: str) -> Numbers | None:
        """None where there is no word in it to be looked up."""
        if wanted not in self._texts:
            statement = fulltext.found(wanted)
            if statement is None:
                return None
            while len(self._texts) >= _TEXTS:
                self._texts.pop(next(iter(self._texts)))
            self._texts[wanted] = self.numbers(statement)
        return self._texts[wanted]

    def numbers(self, statement: Select[Any]) -> Numbers:
        """What a statement selects as "number"."""
        # Brought over as one text, a million numbers take a third of the time that as many rows would.
        return _parsed(self.connection.scalar(select(_as_one_text(statement.subquery().c.number))))

    def _are_all_there(self) -> bool:
        """Whether there is a record of each number."""
        return self.connection.scalar(select(func.count()).select_from(records)) == self._version.newest

    def _grouped(self, key: Column[Any], number: Column[Any], which: Any = None) -> list[tuple[Any, Numbers]]:
        statement = select(key, _as_one_text(number)).group_by(key)
        if which is not None:
            statement = statement.where(which)
        return [(value, _parsed(text)) for value, text in self.connection.execute(statement)]

    # ---- Keeping up

    def _forget(self) -> None:
        for part in (self._facets, self._sets, self._orders, self._texts):
            part.clear()
        self._alike = None

    @property
    def _is_empty(self) -> bool:
        return not (self._facets or self._sets or self._orders or self._texts or self._alike is not None)

    def _bring_up_to_date(self) -> None:
        known, self._version = self._version, self._present_version()
        if self._version.changed_at > time.time() + _MARGIN:
            self._forget()  # the clock was set back: what changes now looks older than what is known
        if known == self._version:
            return
        with ExitStack() as stack:
            stack.callback(self._forget)  # what cannot be brought up to date is read anew
            if self._version.checked != known.checked:
                self._sets.pop("findings", None)
                self._alike = None
                self._texts.clear()  # records of an import are indexed, and get the keys they are sorted by, only then
                self._orders.clear()
            if self._is_empty:
                return
            changed = self._changed_since(known)
            if len(changed) <= _MOST_CHANGED:
                self._put(changed, known)
                stack.pop_all()

    def _present_version(self) -> _Version:
        # Each apart is read off its index.
        each: tuple[Callable[[Any], Any], ...] = (func.max, func.max, func.min)
        columns = (records.c.number, records.c.updated_at, records.c.checked)
        parts = [select(extreme(column)).scalar_subquery() for extreme, column in zip(each, columns, strict=True)]
        number, at, checked = self.connection.execute(select(*parts)).one()
        return _Version(number or 0, at or 0.0, checked or 0)

    def _changed_since(self, known: _Version) -> Sequence[Any]:
        wanted = select(records.c.number, records.c.revised_at, records.c.fingerprint, *FACETS.values())
        newer = wanted.where(records.c.number > known.newest).limit(_MOST_CHANGED + 1)
        was_there = unindexed(records.c.number) <= known.newest
        other = wanted.where(records.c.updated_at >= known.changed_at - _MARGIN, was_there)
        return [
            *self.connection.execute(newer).all(),
            *self.connection.execute(other.limit(_MOST_CHANGED + 1)).all(),
        ]

    def _put(self, changed: Sequence[Any], known: _Version) -> None:
        for place, name in enumerate(FACETS, start=3):
            if (facet := self._facets.get(name)) is not None:
                facet.codes = _grown(facet.codes, self.size)
                for row in changed:
                    facet.codes[row[0]] = facet.code(row[place])
        is_new = self._version.newest > known.newest
        revised = [row for row in changed if row[0] > known.newest or row[1] >= known.changed_at - _MARGIN]
        self._put_sets("tags", [row[0] for row in changed])
        self._put_sets("findings", [row[0] for row in revised])
        self._orders.pop("by change", None)
        if is_new:
            self._orders.clear()
        if revised:
            self._orders = {name: found for name, found in self._orders.items() if name == "oldest"}
            self._texts.clear()
            self._put_alike(revised)

    def _put_sets(self, name: str, changed: list[int]) -> None:
        if name not in self._sets or not changed:
            return
        table, column = _SETS[name]
        is_changed = np.zeros(self.size, np.bool_)
        is_changed[changed] = True
        kept = {key: found[~is_changed[found]] for key, found in self._sets[name].items()}
        chosen = select(column, table.c.record).where(table.c.record.in_(changed))
        now: dict[str, list[int]] = {}
        for key, number in self.connection.execute(chosen):
            now.setdefault(key, []).append(number)
        for key, numbers in now.items():
            kept[key] = np.unique(np.concatenate([kept.get(key, _none()), np.array(numbers, np.int32)]))
        self._sets[name] = kept

    def _put_alike(self, revised: Sequence[Any]) -> None:
        if self._alike is None:
            return
        # Those that say now what the revised ones do, too.
        numbers, prints = self._fingerprints([row[2] for row in revised if row[2] is not None])
        known = ~np.isin(self._alike[0], [row[0] for row in revised]) & ~np.isin(self._alike[0], numbers)
        self._alike = np.concatenate([self._alike[0][known], numbers]), np.concatenate([self._alike[1][known], prints])

    def _fingerprints(self, which: Any) -> tuple[Numbers, NDArray[np.int64]]:
        alike = select(records.c.number, records.c.fingerprint).where(records.c.fingerprint.in_(which))
        found = np.array([tuple(row) for row in self.connection.execute(alike)], np.int64).reshape(-1, 2)
        return found[:, 0].astype(np.int32), found[:, 1]


def _as_one_text(number: Any) -> Any:
    return func.aggregate_strings(cast(number, Text), ",")


def _parsed(text: str | None) -> Numbers:
    return np.fromstring(text, np.int32, sep=",") if text else _none()


def _none() -> Numbers:
    return np.zeros(0, np.int32)


def _grown(codes: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    if len(codes) >= size:
        return codes
    grown = np.zeros(size, np.int32)
    grown[: len(codes)] = codes
    return grown


def by_place(place: int) -> Select[Any]:
    """The records that have such a text, by how it begins."""
    number = sort_keys.c.record.label("number")
    return select(number).where(sort_keys.c.place == place).order_by(sort_keys.c.key, sort_keys.c.record)

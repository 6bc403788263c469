"""Which records a query means and in which order, and how many of them are of what, by the columns in memory.

A mask says of each number whether the record is meant.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import select

from dataflow_core.models import SKELETON, ReviewStatus
from dataflow_core.storage.columns import Columns, Mask, Numbers, by_place
from dataflow_core.storage.database import Readable
from dataflow_core.storage.queries import BY_FACET, BY_INDEX, DUPLICATE, PLACES, Query, matches, of_all
from dataflow_core.storage.schema import IS_SKELETON, records

_ANY_STATUS = tuple(ReviewStatus)
_PRESENT = tuple(status for status in ReviewStatus if status is not ReviewStatus.DELETED)
_FACETS = ("runs", "generators", "models", "intents", "reviewers", "reasons")


class Listing:
    def __init__(self, database: Readable) -> None:
        self._columns = Columns(database)

    def numbers(self, query: Query) -> array[int]:
        with self._columns.present() as columns:
            order, mask = _order(columns, query), _mask(columns, query)
            wanted = order[mask[order]]
        numbers = array("q")
        numbers.frombytes(wanted.astype(np.int64).tobytes())
        return numbers

    def count(self, query: Query) -> int:
        with self._columns.present() as columns:
            return int(np.count_nonzero(_mask(columns, query)))

    def count_by(self, facet: str, query: Query) -> dict[str, int]:
        with self._columns.present() as columns:
            counts = columns.facet(facet).counts(_mask(columns, query))
        return {value: count for value, count in counts.items() if value}

    def count_by_status(self, query: Query) -> dict[ReviewStatus, int]:
        """Counts over the query without its own restriction to statuses."""
        counts = self.count_by("statuses", replace(query, statuses=_ANY_STATUS))
        return {status: counts.get(status.value, 0) for status in ReviewStatus}

    def count_by_tag(self, query: Query) -> dict[str, int]:
        with self._columns.present() as columns:
            return _count_each(columns.sets("tags"), _mask(columns, query))

    def count_by_finding(self, query: Query) -> dict[str, int]:
        """With `DUPLICATE` among them."""
        with self._columns.present() as columns:
            return _count_each(columns.sets("findings") | {DUPLICATE: _duplicates(columns)}, _mask(columns, query))


def _count_each(found: dict[str, Numbers], mask: Mask) -> dict[str, int]:
    counts = {name: int(np.count_nonzero(mask[numbers])) for name, numbers in found.items()}
    return {name: count for name, count in counts.items() if count}


def _mask(columns: Columns, query: Query) -> Mask:
    mask = columns.facet("statuses").has(query.statuses or _PRESENT)
    for name in _FACETS:
        if wanted := getattr(query, name):
            mask &= columns.facet(name).has(wanted)
    if query.is_edited is not None:
        mask &= columns.facet("is_edited").has([query.is_edited])
    if query.tags:
        tagged = columns.sets("tags")
        mask &= _only(columns, *(tagged[tag] for tag in query.tags if tag in tagged))
    if query.findings:
        mask &= _only(columns, *_found(columns, query.findings))
    if len(set(query.stages)) == 1:
        is_skeleton = _only(columns, columns.numbers(select(records.c.number).where(IS_SKELETON)))
        mask &= is_skeleton if SKELETON in query.stages else ~is_skeleton
    return _with_the_rest(columns, query, mask)


def _with_the_rest(columns: Columns, query: Query, mask: Mask) -> Mask:
    """Restricted to what is not held in memory, too."""
    if query.text.strip() and (found := columns.with_text(query.text)) is not None:
        mask &= _only(columns, found)
        query = replace(query, text="")
    done: dict[str, Any] = dict.fromkeys((*_FACETS, "statuses", "tags", "findings", "stages"), ())
    rest = replace(query, **done, is_edited=None)
    if not rest.is_everything:
        anywhere = matches(replace(rest, statuses=_ANY_STATUS))
        mask &= _only(columns, columns.numbers(select(records.c.number).where(anywhere)))
    return mask


def _found(columns: Columns, wanted: tuple[str, ...]) -> list[Numbers]:
    found = columns.sets("findings")
    chosen = [found[check] for check in wanted if check in found]
    return [*chosen, _duplicates(columns)] if DUPLICATE in wanted else chosen


def _duplicates(columns: Columns) -> Numbers:
    return columns.duplicates(columns.facet("statuses").has(_PRESENT))


def _only(columns: Columns, *found: Numbers) -> Mask:
    mask = np.zeros(columns.size, np.bool_)
    for one in found:
        mask[one] = True
    return mask


def _order(columns: Columns, query: Query) -> Numbers:
    sort = query.sort
    if sort == "newest":
        return np.arange(columns.size - 1, 0, -1, dtype=np.int32)
    if sort in BY_FACET:
        return columns.facet(BY_FACET[sort]).in_order()
    if sort in PLACES:
        with_text = columns.order(sort, by_place(PLACES[sort]))
        has_none = ~_only(columns, with_text)
        has_none[0] = False
        return np.concatenate([np.flatnonzero(has_none).astype(np.int32), with_text])
    name, is_falling = BY_INDEX.get(sort, (sort, False))
    order = columns.order(name, of_all(name))
    return order[::-1] if is_falling else order

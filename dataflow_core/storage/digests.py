"""What is worked out from a record and kept beside it: findings, keys to sort by, and whether that was done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, update

from dataflow_core.models import Digest, Fields
from dataflow_core.storage.database import storable
from dataflow_core.storage.planning import unindexed
from dataflow_core.storage.schema import findings, records, sort_keys

#: Of a record whose content has not been looked at yet.
UNCHECKED = Digest(0)
#: What `checked` is of a record that is not indexed for search, either: imports store so many that this is done later.
UNINDEXED = -1
#: Characters of a text that it is sorted by.
_SORTED_BY = 32
_OF_DIGEST: dict[str, Any] = {"fingerprint": bindparam("print"), "checked": bindparam("version")}


def add_digests(connection: Connection, digests: Iterable[tuple[int, Digest]]) -> None:
    found: dict[tuple[int, str, str], Fields] = {}
    keys: list[Fields] = []
    for number, digest in digests:
        for finding in digest.findings:
            place = (number, finding.check, finding.field)
            message = storable(finding.message)
            found[place] = {"record": number, "check": finding.check, "field": finding.field, "message": message}
        for place_of_key, text in enumerate(digest.keys):
            key = storable(" ".join(text[:200].split())[:_SORTED_BY].casefold())
            keys.append({"record": number, "place": place_of_key, "key": key})
    if found:
        connection.execute(insert(findings), list(found.values()))
    if keys:
        connection.execute(insert(sort_keys), keys)


def unindexed_among(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Those of the records with these numbers that are not indexed for search yet."""
    found = select(records.c.number).where(records.c.number.in_(numbers), is_unindexed())
    return set(connection.scalars(found))


def is_unindexed() -> ColumnElement[bool]:
    return unindexed(records.c.checked) == UNINDEXED


def replace_digests(connection: Connection, digests: Sequence[tuple[int, Digest]]) -> None:
    """Store what was worked out anew from the content of these records, by number."""
    numbers = [number for number, _ in digests]
    found = update(records).where(records.c.number == bindparam("of")).values(_OF_DIGEST)
    values = [{"of": number, "print": one.fingerprint, "version": one.version} for number, one in digests]
    if values:
        connection.execute(found, values)
    for table in (findings, sort_keys):
        connection.execute(delete(table).where(table.c.record.in_(numbers)))
    add_digests(connection, digests)

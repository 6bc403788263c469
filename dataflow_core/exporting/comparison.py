"""Two exports compared: which records only one of them has, which have changed, and which settings differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from dataflow_core.exporting.manifest import Placed, StoredExport
from dataflow_core.models import Fields

#: Records of each kind that are named; all are counted.
MOST_NAMED = 100
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Records that differ in one way: how many, and the ids of the first `MOST_NAMED`."""

    count: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the plan, or what else decides on the files, that is not the same. Values are those of JSON."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """From one export to another. `changed` are at another revision, `moved` in another split at the same one.

    `same` counts those that are neither. `identical` names the data files that are the same byte for byte.
    """

    before: int
    after: int
    same: int
    added: Difference
    removed: Difference
    changed: Difference
    moved: Difference
    settings: tuple[Setting, ...]
    identical: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether the same records are in the same splits, by the same settings."""
        return self.same == self.before == self.after and not self.settings

    def as_fields(self) -> Fields:
        """As values of JSON."""
        return asdict(self)


def compare_exports(before: StoredExport, after: StoredExport) -> Comparison:
    """Compare two exports, of a million records each in some 100 MB. Raises `UsageError` where one cannot be read."""
    import numpy as np

    old, new = _table(before), _table(after)
    shared, in_old, in_new = np.intersect1d(old["id"], new["id"], assume_unique=True, return_indices=True)
    one, other = old[in_old], new[in_new]
    is_changed = one["revision"] != other["revision"]
    is_moved = (one["place"] != other["place"]) & ~is_changed
    return Comparison(
        before=len(old),
        after=len(new),
        same=int(len(shared) - is_changed.sum() - is_moved.sum()),
        added=_difference(np.delete(new["id"], in_new)),
        removed=_difference(np.delete(old["id"], in_old)),
        changed=_difference(shared[is_changed]),
        moved=_difference(shared[is_moved]),
        settings=tuple(_settings(before, after)),
        identical=_identical(before, after),
    )


def _table(export: StoredExport) -> Any:
    """Its records by id, in an array: 50 bytes each."""
    import numpy as np

    kind = np.dtype([("id", "S36"), ("revision", np.int32), ("place", "S10")])
    splits = {file.name: (file.split or "train").encode() for file in export.manifest.data}
    records, chunks = export.records(), []
    while chunk := [(_key(one), one.revision, splits.get(one.file, b"")) for one in islice(records, _CHUNK)]:
        chunks.append(np.array(chunk, kind))
    found = np.concatenate(chunks) if chunks else np.zeros(0, kind)
    return found[np.unique(found["id"], return_index=True)[1]]


def _key(record: Placed) -> bytes:
    return record.id.encode("utf-8", "replace")


def _difference(ids: Any) -> Difference:
    return Difference(len(ids), tuple(one.decode("utf-8", "replace") for one in ids[:MOST_NAMED].tolist()))


def _identical(before: StoredExport, after: StoredExport) -> tuple[str, ...]:
    digests = {file.sha256 for file in before.manifest.data}
    return tuple(file.name for file in after.manifest.data if file.sha256 in digests)


def _settings(before: StoredExport, after: StoredExport) -> Iterator[Setting]:
    old, new = before.manifest, after.manifest
    yield from _unlike("", old.plan.as_fields(), new.plan.as_fields())
    yield from _unlike(
        "",
        {"program": old.program, "workspace": old.workspace},
        {"program": new.program, "workspace": new.workspace},
    )


def _unlike(within: str, before: Fields, after: Fields) -> Iterable[Setting]:
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _unlike(f"{within}{name}.", one, other)
        elif one != other:
            yield Setting(f"{within}{name}", one, other)

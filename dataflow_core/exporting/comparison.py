"""Two exports compared: which records only one of them has, which have changed, and which settings differ."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from dataflow_core.exporting.manifest import StoredExport
from dataflow_core.exporting.parts import ONLY
from dataflow_core.models import Fields

#: Records of each kind that are named; all are counted.
MOST_NAMED = 100


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
    """Compare two exports, of a million records each in some 60 MB. Raises `UsageError` where one cannot be read."""
    import numpy as np

    splits: dict[str, int] = {}
    old, new = _rows(before, splits), _rows(after, splits)
    in_old, in_new = _shared(old[0], new[0])
    is_changed = old[1][in_old] != new[1][in_new]
    is_moved = (old[2][in_old] != new[2][in_new]) & ~is_changed
    return Comparison(
        before=len(old[0]),
        after=len(new[0]),
        same=int(len(in_new) - is_changed.sum() - is_moved.sum()),
        added=_difference(after, np.delete(np.arange(len(new[0])), in_new)),
        removed=_difference(before, np.delete(np.arange(len(old[0])), in_old)),
        changed=_difference(after, np.sort(in_new[is_changed])),
        moved=_difference(after, np.sort(in_new[is_moved])),
        settings=tuple(_settings(before, after)),
        identical=_identical(before, after),
    )


def _rows(export: StoredExport, splits: dict[str, int]) -> tuple[Any, Any, Any]:
    """Of each of its records, in order, a hash of its id, its revision and the number of its split."""
    import numpy as np

    of_file = {file.name: splits.setdefault(file.split or ONLY, len(splits)) for file in export.manifest.data}
    keys, revisions, places = array("q"), array("q"), array("i")
    for record in export.records():
        keys.append(hash(record.id))
        revisions.append(record.revision)
        places.append(of_file.get(record.file, -1))
    return np.array(keys, np.int64), np.array(revisions, np.int64), np.array(places, np.int32)


def _shared(old: Any, new: Any) -> tuple[Any, Any]:
    """The places in `old` of what `new` has, too, and the places of the same in `new`."""
    import numpy as np

    by_old, by_new = np.argsort(old), np.argsort(new)
    keys = new[by_new]
    found = np.searchsorted(keys, old[by_old])
    found[found == len(keys)] = 0
    is_there = keys[found] == old[by_old] if len(keys) else np.zeros(len(old), np.bool_)
    return by_old[is_there], by_new[found[is_there]]


def _difference(export: StoredExport, places: Any) -> Difference:
    """What is at these places, in order, of the export's records."""
    named = set(places[:MOST_NAMED].tolist())
    last = max(named, default=-1)
    records = islice(export.records(), last + 1) if named else ()
    return Difference(len(places), tuple(one.id for place, one in enumerate(records) if place in named))


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

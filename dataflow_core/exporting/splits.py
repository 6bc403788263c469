"""Parting records into train, validation and test, so that what is alike stays together.

The order in which groups are gone through is by a hash of the seed and a record's id: where a record is added, only the
few groups at the borders are parted otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from dataflow_core.exporters.base import FieldChoice
from dataflow_core.exporting.groups import Groups, Labels
from dataflow_core.exporting.names import label
from dataflow_core.exporting.plan import ExportPlan
from dataflow_core.exporting.reading import Chunk
from dataflow_core.exporting.sameness import input_of, key_of, questions_of, words_of
from dataflow_core.exporting.signatures import PLACES, signatures

#: A split that misses its share by more, of all records, is said.
_MISSED = 0.005
LEFT_OUT = -1

Places = NDArray[np.int64]


class Parting:
    """Is told of the records that are used, then parts them. It holds about 100 bytes a record."""

    def __init__(self, plan: ExportPlan, size: int) -> None:
        self._splits = plan.splits
        self._choices = plan.fields
        self._signatures = np.zeros((size, PLACES), np.uint8)
        self._keys = np.zeros((3, size), np.uint64)
        self._chances = np.zeros(size, np.uint64)
        self._strata = np.full(size, -1, np.int32)
        self._codes: dict[tuple[str, str], int] = {}

    def add(self, chunk: Chunk, places: Sequence[int], first: int) -> None:
        """`places` are those in the chunk of the records that are used; `first` is the chunk's own among all."""
        contents = [chunk.contents[place] for place in places]
        at = np.array(places, np.int64) + first
        texts = [words_of(content) for content in contents]
        found, has_words = signatures(texts)
        self._signatures[at] = found
        nothing = FieldChoice()
        seed = str(self._splits.seed).encode()
        for place, content, text, is_worded in zip(at.tolist(), contents, texts, has_words.tolist(), strict=True):
            stored = chunk.stored[place - first]
            self._keys[0, place] = key_of(stored.input_id or "")
            self._keys[1, place] = key_of(input_of(content, self._choices.get(content.generator, nothing)))
            self._keys[2, place] = key_of(questions_of(content) if is_worded else text)
            self._chances[place] = _chance(seed, content.id)
            value = {"": "", "intent": stored.intent, "run": content.run}[self._splits.stratify]
            self._strata[place] = self._codes.setdefault((content.generator, value), len(self._codes))

    def part(self) -> tuple[NDArray[np.int8], tuple[str, ...]]:
        """For each record the place of its split among the plan's shares, `LEFT_OUT` where it is not used; and notes.

        The notes are sentences on shares that are missed. To be called once, after all were added.
        """
        used = np.flatnonzero(self._strata >= 0)
        used = used[np.argsort(self._chances[used], kind="stable")]  # groups do not hang on the order of records
        labels = self._grouped(used)
        split = np.full(len(self._strata), LEFT_OUT, np.int8)
        if len(used):
            split[used] = self._parted(used, labels)
        return split, self._notes(split, labels)

    def counts(self, split: NDArray[np.int8]) -> Iterator[tuple[str, int, int]]:
        """How many records each split has of each generator."""
        for generator in self._generators:
            counts = np.bincount(split[self._of(generator)], minlength=len(self._splits.shares))
            yield from ((generator, place, count) for place, count in enumerate(counts.tolist()))

    @property
    def _generators(self) -> list[str]:
        return list(dict.fromkeys(generator for generator, _ in self._codes))

    def _of(self, generator: str) -> Places:
        codes = [code for (one, _), code in self._codes.items() if one == generator]
        return np.flatnonzero(np.isin(self._strata, codes))

    def _grouped(self, used: Places) -> Labels:
        groups, chosen = Groups(len(self._strata)), used.astype(np.int32)
        for keys in self._keys:
            groups.join_equal(keys, chosen)
        self._keys = np.zeros((0, 0), np.uint64)  # what is done with is let go of: at a million records that counts
        has_words = np.any(self._signatures, axis=1)[chosen]
        worded = chosen[has_words]
        groups.join_equal(self._digests(), worded)
        groups.join_alike(self._signatures, worded, self._splits.similarity)
        self._signatures = np.zeros((0, PLACES), np.uint8)
        return groups.labels

    def _digests(self) -> NDArray[np.uint64]:
        """Of the signatures: by these the same texts are found for certain."""
        parts = self._signatures.view(np.uint64)
        digest = np.zeros(len(parts), np.uint64)
        for column in range(parts.shape[1]):
            digest = (digest ^ parts[:, column]) * np.uint64(0x9E3779B97F4A7C15)
            digest ^= digest >> np.uint64(29)
        return digest

    def _parted(self, used: Places, labels: Labels) -> NDArray[np.int8]:
        """The split of each of the used records."""
        # By group, the record of least chance first: it stands for its group.
        order = used[np.lexsort((self._chances[used], labels[used]))]
        is_head = np.ones(len(order), np.bool_)
        is_head[1:] = labels[order][1:] != labels[order][:-1]
        heads = order[is_head]
        sizes = np.diff(np.flatnonzero(is_head), append=len(order))
        of_group = self._split_groups(heads, sizes)
        result = np.empty(len(self._strata), np.int8)
        result[order] = np.repeat(of_group, sizes)
        return result[used]

    def _split_groups(self, heads: Places, sizes: Places) -> NDArray[np.int8]:
        result = np.zeros(len(heads), np.int8)
        shares = np.array(list(self._splits.shares.values()))
        missing: dict[str, NDArray[np.float64]] = {}  # by generator, what earlier strata have left to be made good
        for (generator, _), code in sorted(self._codes.items()):
            mine = np.flatnonzero(self._strata[heads] == code)
            if not len(mine):
                continue
            mine = mine[np.lexsort((self._chances[heads[mine]], -sizes[mine]))]
            owed = missing.get(generator, np.zeros(len(shares))) + shares * sizes[mine].sum()
            result[mine], missing[generator] = _dealt(sizes[mine], owed)
        return result

    def _notes(self, split: NDArray[np.int8], labels: Labels) -> tuple[str, ...]:
        notes: list[str] = []
        shares = self._splits.shares
        for generator in self._generators:
            mine = self._of(generator)
            counts = np.bincount(split[mine], minlength=len(shares)).tolist()
            largest = int(np.bincount(labels[mine]).max())
            for (name, share), count in zip(shares.items(), counts, strict=True):
                if sentence := _note(label(generator), name, share, count, len(mine), largest):
                    notes.append(sentence)
        return tuple(notes)


def _dealt(sizes: Places, owed: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """The split of each group, the largest groups first, and what each split then still lacks of what it is owed."""
    result = np.zeros(len(sizes), np.int8)
    start = 0
    while start < len(sizes):
        size = sizes[start]
        end = start + int(np.searchsorted(-sizes[start:], -size, side="right"))
        counts = _apportioned(np.maximum(owed, 0), end - start)
        result[start:end] = np.repeat(np.arange(len(owed), dtype=np.int8), counts)
        owed = owed - counts * size
        start = end
    return result, owed


def _apportioned(weights: NDArray[np.float64], number: int) -> Places:
    """So many things by weights, each split's part rounded down, and the rest to those that lose most by that."""
    exact = weights / weights.sum() * number if weights.sum() > 0 else np.full(len(weights), number / len(weights))
    counts = np.floor(exact + 1e-9).astype(np.int64)
    rest = number - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:rest]] += 1
    return counts


def _chance(seed: bytes, record: str) -> int:
    return int.from_bytes(blake2b(record.encode(), key=seed[:64], digest_size=8).digest(), "big")


def _note(kind: str, split: str, share: float, count: int, total: int, largest: int) -> str:
    why = f" Records that are alike stay together, up to {largest:,} of them." if largest > 1 else ""
    if not count:
        few = "1 is too few" if total == 1 else f"{total:,} are too few"
        return f"The {split} split of the {kind} is empty: {few} for {_percent(share)} of them.{why}"
    if abs(count - share * total) <= max(1.0, _MISSED * total):
        return ""
    return f"The {split} split has {_percent(count / total)} of the {kind} instead of {_percent(share)}.{why}"


def _percent(share: float) -> str:
    return f"{share * 100:.3g}%"

"""Which records must not be parted: those that are nearly the same, and those of the same input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataflow_core.exporting.signatures import PLACES, Signatures

Labels = NDArray[np.int32]
#: Of records, in 4 bytes: there are millions of them, and several such lists at once.
Places = NDArray[np.int32]
#: Signatures agree by chance in a few places more or less than texts do: one standard deviation at 0.8 is 0.05.
_MARGIN = 0.08
#: Records of one bucket that were not like its first are compared with the first of those, and so on.
_ROUNDS = 32
_COMPARED_AT_ONCE = 20_000


class Groups:
    """Records by their places, from 0, each at first in a group of its own."""

    def __init__(self, size: int) -> None:
        self._parents: Labels = np.arange(size, dtype=np.int32)

    @property
    def labels(self) -> Labels:
        """For each record the first one of its group."""
        self._flatten()
        return self._parents

    def join_equal(self, keys: NDArray[np.uint64], places: Places) -> None:
        """Join those of these places that have the same key; 0 is none."""
        order = np.argsort(keys[places], kind="stable")
        ordered = places[order]
        found = keys[ordered]
        is_same = (found[1:] == found[:-1]) & (found[1:] != 0)
        self._join(ordered[:-1][is_same], ordered[1:][is_same])

    def join_alike(self, signatures: Signatures, places: Places, similarity: float) -> None:
        """Join those of these places whose signatures say that they are alike.

        Candidates are records that agree in all places of one of the bands into which signatures are cut: of those
        that are alike by 0.8, all but 2 in 10,000 are found, and a band is 4 bytes.
        """
        least = PLACES if similarity >= 1 else int(np.ceil(PLACES * (similarity - _MARGIN)))
        bands = signatures.view(np.uint32)
        for band in range(bands.shape[1]):
            keys = bands[places, band]
            order = np.argsort(keys, kind="stable")
            self._join_in_buckets(signatures, places[order], keys[order], least)
            self._flatten()

    def _join_in_buckets(self, signatures: Signatures, places: Places, keys: NDArray[np.uint32], least: int) -> None:
        """`places` are sorted by key. Each is compared with the first one of its key."""
        for _ in range(_ROUNDS):
            is_first = np.ones(len(keys), np.bool_)
            is_first[1:] = keys[1:] != keys[:-1]
            heads = places[np.maximum.accumulate(np.where(is_first, np.arange(len(keys), dtype=np.int32), np.int32(0)))]
            heads, places, keys = heads[~is_first], places[~is_first], keys[~is_first]
            if not len(places):
                return
            are_joined = self._parents[heads] == self._parents[places]
            are_joined |= self._are_alike(signatures, heads, places, least, ~are_joined)
            self._join(heads[are_joined], places[are_joined])
            places, keys = places[~are_joined], keys[~are_joined]

    def _are_alike(
        self,
        signatures: Signatures,
        some: Places,
        others: Places,
        least: int,
        asked: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        result = np.zeros(len(some), np.bool_)
        wanted = np.flatnonzero(asked)
        for start in range(0, len(wanted), _COMPARED_AT_ONCE):
            at = wanted[start : start + _COMPARED_AT_ONCE]
            equal = signatures[some[at]] == signatures[others[at]]
            result[at] = np.count_nonzero(equal, axis=1) >= least
        return result

    def _join(self, some: Places, others: Places) -> None:
        while len(some):
            one, other = self._roots(some), self._roots(others)
            is_apart = one != other
            one, other, some, others = one[is_apart], other[is_apart], some[is_apart], others[is_apart]
            np.minimum.at(self._parents, np.maximum(one, other), np.minimum(one, other))

    def _roots(self, places: Places) -> Labels:
        roots = self._parents[places]
        while True:
            above = self._parents[roots]
            if np.array_equal(above, roots):
                return roots
            roots = above

    def _flatten(self) -> None:
        while True:
            above = self._parents[self._parents]
            if np.array_equal(above, self._parents):
                return
            self._parents = above

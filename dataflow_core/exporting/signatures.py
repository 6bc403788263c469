"""Texts as MinHash signatures: the share of equal places of two is, but for chance, that of shared runs of words.

Broder (1997), "On the resemblance and containment of documents". Runs of three words each are hashed, 64 times over; of
each minimum one byte is kept. Upper and lower case, punctuation and white space make no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dataflow_core.exporting.sameness import unified

#: Bytes of a signature.
PLACES = 64
#: Words in a run.
_RUN = 3
_NONE, _WORD, _ALONE = 0, 1, 2
#: Scripts that put no space between words: each character is a word, as for the full-text index.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF), (0xFF66, 0xFF9F),
)  # fmt: skip
_UNSPACED_PLANES = (2, 3)

Signatures = NDArray[np.uint8]


def signatures(texts: Sequence[str]) -> tuple[Signatures, NDArray[np.bool_]]:
    """The texts' signatures, a row each, and which of them have any word; rows of the others are zeros."""
    result = np.zeros((len(texts), PLACES), np.uint8)
    words, counts = _words(texts)
    has_words = counts > 0
    if not len(words):
        return result, has_words
    runs, starts = _runs(words, counts[has_words])
    factors, shifts = _permutations()
    minima = np.empty((PLACES, len(starts)), np.uint8)
    for place in range(PLACES):  # one after the other, for each then fits into the processor's cache
        least = np.minimum.reduceat(runs * factors[place] + shifts[place], starts)
        minima[place] = least & np.uint32(0xFF)
    result[has_words] = minima.T
    return result, has_words


def _words(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The hashes of all words, one text after the other, and how many words each text has."""
    folded = [unified(text) + "\n" for text in texts]
    codes = np.frombuffer("".join(folded).encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds()[np.minimum(codes, 0xFFFF)]
    for plane in _UNSPACED_PLANES:
        kinds[(codes >> np.uint32(16)) == plane] = _ALONE
    is_word = kinds == _WORD
    begins = is_word.copy()
    begins[1:] &= ~is_word[:-1]
    begins |= kinds == _ALONE
    starts = np.flatnonzero(begins)
    ends = np.cumsum([len(text) for text in folded])
    counts = np.diff(np.searchsorted(starts, ends), prepend=0)
    if not len(starts):
        return np.zeros(0, np.uint32), counts
    letters = _mixed(codes * np.uint32(0x9E3779B1) + _places(starts, len(codes)) * np.uint32(0x85EBCA77))
    letters[kinds == _NONE] = 0
    return _mixed(np.add.reduceat(letters, starts, dtype=np.uint32)), counts


def _runs(words: NDArray[np.uint32], counts: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The hashes of all runs of words, and where those of each text begin. A text of fewer words is one run."""
    padded = np.concatenate([words, np.zeros(_RUN - 1, np.uint32)])
    first = np.cumsum(counts) - counts
    left = np.repeat(first + counts, counts) - np.arange(len(words))  # words from here to the text's end
    runs = words * np.uint32(0xCC9E2D51)
    for further in range(1, _RUN):
        factor = np.uint32((0xCC9E2D51, 0x1B873593, 0xE6546B64)[further])
        runs += np.where(left > further, padded[further : further + len(words)] * factor, np.uint32(0))
    is_kept = left >= _RUN
    is_kept[first] = True
    per_text = np.maximum(counts - _RUN + 1, 1)
    return _mixed(runs[is_kept]), np.cumsum(per_text) - per_text


def _places(starts: NDArray[np.int64], size: int) -> NDArray[np.uint32]:
    """For each character, how far it is from the start of its word."""
    lengths = np.diff(starts, prepend=0, append=size)
    begun = np.repeat(np.concatenate([[0], starts]).astype(np.uint32), lengths)
    return np.arange(size, dtype=np.uint32) - begun


def _mixed(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Every bit of the result hangs on every bit of the value (the end of MurmurHash3, in the public domain)."""
    values = values ^ (values >> np.uint32(16))
    values *= np.uint32(0x85EBCA6B)
    values ^= values >> np.uint32(13)
    values *= np.uint32(0xC2B2AE35)
    values ^= values >> np.uint32(16)
    return values


@cache
def _permutations() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Always the same, for the same texts have to have the same signatures."""
    drawn = _mixed(np.arange(1, 2 * PLACES + 1, dtype=np.uint32) * np.uint32(0x9E3779B1))
    return drawn[:PLACES] | np.uint32(1), drawn[PLACES:]


@cache
def _kinds() -> NDArray[np.uint8]:
    """What the characters of the first plane are; the last one stands for those of the others."""
    kinds = np.array([_WORD if chr(code).isalnum() else _NONE for code in range(0x10000)], np.uint8)
    kinds[0x0300:0x0370] = _WORD  # accents that stand apart
    for first, last in _UNSPACED:
        spaced = kinds[first : last + 1]
        spaced[spaced == _WORD] = _ALONE
    kinds[0xFFFF] = _WORD
    return kinds

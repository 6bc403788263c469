"""Judging and tidying the candidates of a small model by rule: what is whole, what repeats, what was copied."""

from __future__ import annotations

import difflib
import itertools
import re
import zlib
from collections.abc import Iterable

_ENDS = ".!?…。！？؟।"
# A sentence ends at its mark and the quotes or brackets that close after it; "1." opens an item of a list.
_SENTENCE_END = re.compile(r"(?<![\s.]\d)(?<!^\d)(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？؟।])")
_COMMON = frozenset(
    {
        "about",
        "also",
        "and",
        "been",
        "before",
        "between",
        "check",
        "could",
        "does",
        "find",
        "from",
        "have",
        "into",
        "least",
        "less",
        "like",
        "look",
        "more",
        "most",
        "much",
        "next",
        "over",
        "please",
        "search",
        "should",
        "some",
        "than",
        "that",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "under",
        "what",
        "when",
        "where",
        "which",
        "while",
        "will",
        "with",
        "would",
        "your",
    }
)
# Words no sentence of an instruction ends with: after them it was cut off although it bears a full stop.
_DANGLING = re.compile(
    r"\b(a|an|the|to|of|for|and|or|in|on|at|with|by|from|your|their|is|are|be|if|then|that|as)[.!?]$", re.IGNORECASE
)


def derived_seed(seed: int, *parts: str) -> int:
    """A seed of its own for each call, the same on every machine and in every process."""
    return zlib.crc32("\x1f".join((str(seed), *parts)).encode()) & 0x7FFF_FFFF


def one_line(text: str) -> str:
    return " ".join(text.split())


def clipped(text: str, size: int) -> str:
    """The beginning of `text` in at most `size` bytes of UTF-8, which are never fewer than its tokens."""
    encoded = text.encode()
    if len(encoded) <= size:
        return text
    beginning = encoded[:size].decode(errors="ignore")
    at_word = beginning.rsplit(" ", 1)[0]
    return at_word if len(at_word) > len(beginning) // 2 else beginning


def words(text: str) -> frozenset[str]:
    """The words that carry a text's meaning, roughly: four letters or more, without plural s and common words."""
    found = re.findall(r"[^\W\d_]{4,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}", text.casefold())
    return frozenset(word.rstrip("s") for word in found if word not in _COMMON)


def similarity(one: str, other: str) -> float:
    matcher = difflib.SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() > 0.5 and matcher.quick_ratio() > 0.5 else 0.0


def resembles_any(text: str, others: Iterable[str], *, threshold: float) -> bool:
    return any(similarity(text, other) > threshold for other in others)


def is_loop(text: str) -> bool:
    """Three or more pairs of words come again."""
    tokens = text.casefold().split()
    return len(tokens) - 1 - len(set(itertools.pairwise(tokens))) > 2


def is_whole(text: str) -> bool:
    """Ends as a sentence does."""
    return bool(text) and text.rstrip("\"'”’)]")[-1:] in _ENDS and not _DANGLING.search(text)


def whole_sentences(text: str) -> str:
    """`text` up to the end of its last whole sentence; "" if there is none."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""

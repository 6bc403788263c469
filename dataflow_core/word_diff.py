"""What changed between two texts, word by word, and between two versions of a record, field by field."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal

from dataflow_core.alignment import Budget, same_runs
from dataflow_core.models import Fields

Kind = Literal["same", "removed", "added"]
_Turn = tuple[str, str]  # role and text
_Pair = tuple[int | None, int | None]  # a turn's place before and after

_MOST_PAIRS_OF_TURNS = 2_500
_ISLAND = 12  # characters

# Han, kana, Hangul, Thai, Lao, Burmese and Khmer: no blanks between words, or words that grow by their endings.
_BY_CHARACTER = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_MARKS = "".join(chr(code) for code in range(0x0E00, 0x1800) if unicodedata.category(chr(code)).startswith("M"))
_MARKS += "\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef"
_SIGNS = "!-/:-@\\[-^`{-~¡§«·»¿\u2010-\u2027\u2030-\u205e\u3001-\u3020\uff01-\uff0f\uff1a-\uff20"
_LETTERS = rf"[^\s{_SIGNS}{_BY_CHARACTER}]+"
_TOKEN = re.compile(
    rf"{_LETTERS}(?:(?:['’]|(?<=\d)[.,](?=\d)){_LETTERS})*|[^\S\n]+|[{_BY_CHARACTER}][{_MARKS}]*|.", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that both versions have, or only the one before or the one after."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """A field, or a turn of a conversation, that is not what it was.

    A turn is numbered as it is after, one that is gone as it was before. An empty turn is one piece of empty text.
    """

    name: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class _Change:
    """What the one text has in a place, what the other has there, and what follows in both."""

    removed: str
    added: str
    then: str


def word_diff(before: str, after: str) -> list[Piece]:
    """Return the pieces in reading order: without those added they are `before`, without those removed `after`."""
    texts: list[tuple[str, Kind]] = []
    for change in _joined(_changes(before, after)):
        first, removed, added, last = _without_shared_blanks(change.removed, change.added)
        texts += [(first, "same"), (removed, "removed"), (added, "added"), (last + change.then, "same")]
    pieces: list[Piece] = []
    for text, kind in texts:
        if text and pieces and pieces[-1].kind == kind:
            pieces[-1] = Piece(pieces[-1].text + text, kind)
        elif text:
            pieces.append(Piece(text, kind))
    return pieces


def record_diff(before: Fields, after: Fields) -> list[FieldDiff]:
    """Return what differs, in the order of the record; a conversation turn by turn."""
    names = [*after, *(name for name in before if name not in after)]
    conversations = {name: turns for name in names if (turns := _conversations(before.get(name), after.get(name)))}
    found: list[FieldDiff] = []
    for name in names:
        if name in conversations:
            found += _turn_diffs(*conversations[name], prefix=f"{name} · " if len(conversations) > 1 else "")
        else:
            found += _value_diffs(name, before, after)
    return found


# ---- Texts


def _changes(before: str, after: str) -> list[_Change]:
    """Compare by line, then what differs by word. The first may be no change, only what both begin with."""
    budget = Budget.of_size(len(before) + len(after))
    changes = [_Change("", "", "")]
    for by_line in _aligned(before.splitlines(keepends=True), after.splitlines(keepends=True), budget):
        words, other_words = _TOKEN.findall(by_line.removed), _TOKEN.findall(by_line.added)
        for change in (*_aligned(words, other_words, budget), _Change("", "", by_line.then)):
            if change.removed or change.added:
                changes.append(change)
            elif change.then:
                changes[-1] = replace(changes[-1], then=changes[-1].then + change.then)
    return changes


def _aligned(one: Sequence[str], other: Sequence[str], budget: Budget) -> Iterator[_Change]:
    start = other_start = 0
    for place, other_place, length in [*same_runs(one, other, budget), (len(one), len(other), 0)]:
        end = place + length
        yield _Change("".join(one[start:place]), "".join(other[other_start:other_place]), "".join(one[place:end]))
        start, other_start = end, other_place + length


def _joined(changes: Iterable[_Change]) -> Iterator[_Change]:
    """Join changes that only a blank or, among long ones, a short word keeps apart: a new phrase reads as one."""
    group: list[_Change] = []
    removed = added = 0  # characters in the group
    for change in changes:
        if group and not _reads_as_one((removed, added), group[-1].then, (len(change.removed), len(change.added))):
            yield _one_change(group)
            group, removed, added = [], 0, 0
        group.append(change)
        removed, added = removed + len(change.removed), added + len(change.added)
    yield _one_change(group)


def _reads_as_one(left: tuple[int, int], island: str, right: tuple[int, int]) -> bool:
    """Whether changes of so many removed and added characters are one, `island` between them included."""
    if "\n" in island or not any(left):
        return False
    if island.isspace():
        return all(left) or all(right)
    removed, added = left[0] + right[0], left[1] + right[1]
    return len(island) <= _ISLAND and 2 * len(island) <= min(max(left), max(right), removed, added)


def _one_change(group: Sequence[_Change]) -> _Change:
    *others, last = group
    removed = "".join(change.removed + change.then for change in others) + last.removed
    added = "".join(change.added + change.then for change in others) + last.added
    return _Change(removed, added, last.then)


def _without_shared_blanks(removed: str, added: str) -> tuple[str, str, str, str]:
    """Return the blank that both begin with, the two without it, and the blank that both end with."""
    most = min(len(removed), len(added))
    start = 0
    while start < most and removed[start] == added[start] and added[start].isspace():
        start += 1
    end = 0
    while end < most - start and removed[-1 - end] == added[-1 - end] and added[-1 - end].isspace():
        end += 1
    return (
        added[:start],
        removed[start : len(removed) - end],
        added[start : len(added) - end],
        added[len(added) - end :],
    )


# ---- Conversations


def _conversations(*versions: Any) -> list[list[Fields]]:
    """Return the turns of each version if it is a conversation or nothing, and not all are nothing; else []."""
    turns = [[] if version in (None, "") else version for version in versions]
    return turns if any(turns) and all(_is_conversation(version) for version in turns) else []


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(turn, dict)
        and turn.keys() == {"role", "value"}
        and all(isinstance(part, str) for part in turn.values())
        for turn in value
    )


def _turn_diffs(before: Sequence[Fields], after: Sequence[Fields], *, prefix: str) -> Iterator[FieldDiff]:
    olds, news = ([(turn["role"], turn["value"]) for turn in turns] for turns in (before, after))
    for old, new in _paired(olds, news):
        role, text = olds[old] if old is not None else ("", "")
        new_role, new_text = news[new] if new is not None else ("", "")
        if new is None and old is not None:
            yield FieldDiff(f"{prefix}Turn {old + 1} · {role}", [Piece(text, "removed")])
        elif old is None and new is not None:
            yield FieldDiff(f"{prefix}Turn {new + 1} · {new_role}", [Piece(new_text, "added")])
        elif new is not None and (role, text) != (new_role, new_text):
            roles = new_role if role == new_role else f"{role} → {new_role}"
            yield FieldDiff(f"{prefix}Turn {new + 1} · {roles}", word_diff(text, new_text))


def _paired(olds: Sequence[_Turn], news: Sequence[_Turn]) -> Iterator[_Pair]:
    """Pair the turns of two versions, those that stayed the same first; None for one that the other has not."""
    start = new_start = 0
    runs = same_runs(olds, news, Budget.of_size(len(olds) + len(news)))
    for place, new_place, length in [*runs, (len(olds), len(news), 0)]:
        for old, new in _most_alike(olds[start:place], news[new_start:new_place]):
            yield None if old is None else start + old, None if new is None else new_start + new
        yield from zip(range(place, place + length), range(new_place, new_place + length), strict=True)
        start, new_start = place + length, new_place + length


def _most_alike(olds: Sequence[_Turn], news: Sequence[_Turn]) -> Iterator[_Pair]:
    """Pair turns in order so that they are, all together, the most alike."""
    if len(olds) * len(news) > _MOST_PAIRS_OF_TURNS:
        yield from zip_longest(range(len(olds)), range(len(news)))
        return
    words, new_words = ([set(_TOKEN.findall(text)) for _, text in turns] for turns in (olds, news))
    alike = [
        [_likeness(role == new_role, has, new_has) for (new_role, _), new_has in zip(news, new_words, strict=True)]
        for (role, _), has in zip(olds, words, strict=True)
    ]
    best = [[0.0] * (len(news) + 1) for _ in range(len(olds) + 1)]  # that can be reached from there on
    for old in reversed(range(len(olds))):
        for new in reversed(range(len(news))):
            best[old][new] = max(best[old + 1][new], best[old][new + 1], alike[old][new] + best[old + 1][new + 1])
    old = new = 0
    while old < len(olds) and new < len(news):
        if alike[old][new] and best[old][new] == alike[old][new] + best[old + 1][new + 1]:
            yield old, new
            old, new = old + 1, new + 1
        elif best[old][new] == best[old + 1][new]:
            yield old, None
            old += 1
        else:
            yield None, new
            new += 1
    yield from ((place, None) for place in range(old, len(olds)))
    yield from ((None, place) for place in range(new, len(news)))


def _likeness(is_same_role: bool, words: set[str], new_words: set[str]) -> float:
    """The share of words that both have (Dice). A rewritten turn is still that turn, unless its role differs."""
    share = 2 * len(words & new_words) / (len(words) + len(new_words)) if words or new_words else 0.0
    return share + 0.125 if is_same_role else share * (share > 0.5)


# ---- Other values


def _value_diffs(name: str, before: Fields, after: Fields) -> list[FieldDiff]:
    exact = [_json(fields[name], is_sorted=True) if name in fields else "" for fields in (before, after)]
    if exact[0] == exact[1]:
        return []
    shown = [_text(fields.get(name)) for fields in (before, after)]
    if shown[0] == shown[1]:  # the number 1 in place of the text "1", or an empty text of nothing
        shown = exact
    return [FieldDiff(name, word_diff(*shown))]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any, *, is_sorted: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=is_sorted)

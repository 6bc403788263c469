"""What the checks know of a text: how long it is, which words carry its meaning, whether it repeats another.

The list of common words is English. In other languages such words count as any others do, which makes texts look more
alike: a check then rather keeps silent. Scripts without spaces between words are taken by pairs of characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana, Chinese characters
)
_RUNS = re.compile(rf"[{_UNSPACED}]+")
_TOKEN = re.compile(rf"[{_UNSPACED}]+|[^\W{_UNSPACED}]+")
_WORD = re.compile(r"\w+")
#: Two characters of such a script are about a word.
_CHARACTERS_A_WORD = 2

_ENGLISH = """
    a about after all also am an and any are as at be been before being but by can could d did do does during each for
    from had has have her here hers him his how i if in into is it its just ll m may me might mine more most must my of
    on once one or other our ours out over own please re s shall she should so some such t task tasks than that the
    their them then there these they this those through to too up upon us ve very was we were what when where whether
    which while who whom whose why will with within would you your yours
"""
_COMMON = frozenset(_ENGLISH.split())
_NEGATIONS = frozenset({"no", "not", "never", "none", "without", "don", "isn", "doesn", "didn", "haven", "hasn"})
#: Verbs that ask for the same thing; a task that only changes between them is the same task.
_SYNONYMS = {"search": "find", "look": "find", "locate": "find", "reserve": "book"}
_ENDINGS = ("ing", "ed", "er", "es", "s", "e")
_SHORTEST_ROOT = 3
#: Enough of a word to know it again in another form: "invit" for invite, invited and invitation.
_STEM = 5
#: In characters, of a word and of a text: enough for any that a person could judge.
_LONGEST_KEPT, _LONGEST_READ = 32, 20_000
#: Of all their words, the share that two texts have in common where one says the other's over again, when nothing was
#: put in the place of what is missing. One word more or less is allowed among seven, none in a shorter text.
_SAME = 0.85


class Words(NamedTuple):
    """The words of a text that carry its meaning."""

    roots: tuple[str, ...]  # without what their forms add, in order
    distinct: frozenset[str]  # the roots
    stems: frozenset[str]  # so much of each as to know it again in a word of the same family


def words_of(text: str) -> Words:
    roots = tuple([_root(word[:_LONGEST_KEPT]) for word in plain_words(text) if word not in _COMMON])
    return Words(roots, frozenset(roots), frozenset([root[:_STEM] for root in roots]))


def plain_words(text: str) -> list[str]:
    """All of the words, casefolded and without punctuation; of a very long text those of its beginning."""
    folded = text[:_LONGEST_READ].casefold()
    return _WORD.findall(folded) if _is_spaced(folded) else _tokens(folded)


def length(text: str) -> int:
    """In words."""
    if _is_spaced(text):
        return len(text.split())
    characters = sum(map(len, _RUNS.findall(text)))
    rest = _RUNS.sub(" ", text)
    return characters // _CHARACTERS_A_WORD + sum(any(map(str.isalnum, word)) for word in rest.split())


def repeats(text: Words, other: Words, *, with_more: bool = False) -> bool:
    """Whether `text` says what `other` does in nearly the same words; `with_more` allows a word put in as well.

    A word that stands in the place of another (a city, a number) makes it another text, and so do two that changed
    places: the train from Milan to Zurich is not the one from Zurich to Milan.
    """
    said, given = text.distinct, other.distinct
    if not said or not given:
        return False
    new, missing = said - given, given - said
    if not new and not missing:
        return not _two_changed_places(text.roots, other.roots)
    if (new and (missing or not with_more)) or not _NEGATIONS.isdisjoint(new or missing):
        return False
    return len(said & given) >= _SAME * len(said | given)


def _two_changed_places(some: Sequence[str], others: Sequence[str]) -> bool:
    return len(some) == len(others) and sum(map(str.__ne__, some, others)) == 2


def _is_spaced(text: str) -> bool:
    return text.isascii() or not _RUNS.search(text)


def _tokens(folded: str) -> list[str]:
    found: list[str] = []
    for token in _TOKEN.findall(folded):
        if len(token) > 1 and _RUNS.match(token):
            found += [one + other for one, other in pairwise(token)]
        else:
            found.append(token)
    return found


@lru_cache(maxsize=50_000)
def _root(word: str) -> str:
    """The word without what its form adds, roughly: "plan" for plans, planned and planning."""
    word = _SYNONYMS.get(word, word)
    if "가" <= word[0] <= "힣":
        return word[:2]  # its endings are particles
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_ROOT:
            word = word.removesuffix(ending)
            break
    if len(word) > _SHORTEST_ROOT and word[-1] == word[-2]:
        word = word[:-1]
    return f"{word[:-1]}i" if word.endswith("y") and len(word) >= _SHORTEST_ROOT else word

"""Showing a model what people have accepted: for each input of a run, records like it as examples.

Alike is what shares rare words: the cosine of tf-idf vectors, tf 1 + log n and idf log((1 + N) / (1 + df)) + 1 over the
records that can be chosen (Salton & Buckley, "Term-weighting approaches in automatic text retrieval", 1988). That
examples near the question help more than any others is Liu et al.'s finding ("What makes good in-context examples for
GPT-3?", 2022), and so is their order, the nearest one last.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dataflow_core.checks.words import words_of
from dataflow_core.errors import UsageError
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator, pairs_of
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, task_keys
from dataflow_core.models import Example, Fields
from dataflow_core.running.budget import tokens_of_text
from dataflow_core.storage.database import Database
from dataflow_core.storage.examples import Candidate, candidates

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float64]

#: So many of the newest records can be chosen.
POOL = 1_000
MOST = 20
#: Inputs whose vectors are as near as this ask for the same thing: the answer would be given away.
NEAR = 0.9
#: What a dialogue is asked for by. The topic counts twice: two of one intent and flow are not yet the same.
_CELL = ("intent", "flow", "topic", "topic")


@dataclass(frozen=True, slots=True)
class FewShot:
    """Up to `count` records are shown with each input, of `max_tokens` together, as the budgets reckon them.

    Raises `UsageError` for numbers that mean nothing.
    """

    count: int = 3
    max_tokens: int = 1_500

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST:
            raise UsageError(f"Between 1 and {MOST} records can be shown as examples; {self.count} was given.")
        if self.max_tokens < 1:
            raise UsageError(f"The limit for examples is at least 1 token; {self.max_tokens} was given.")

    def as_fields(self) -> Fields:
        return {"count": self.count, "max_tokens": self.max_tokens}


def choose_examples(
    database: Database, generator: str, params: Fields, inputs: Sequence[Fields], few_shot: FewShot
) -> list[tuple[Example, ...]]:
    """For each input the records that are shown with it, the nearest one last; the same for the same workspace.

    They are taken from the newest `POOL` records that a person has accepted, or has edited and not rejected, flagged
    or deleted: for tasks of runs with the same task keys, for dialogues of those with as many turns and in the same
    language, for recipes of those of the same name. An input is never shown a record made from the same one or from
    one that is nearly the same, nor two made from the same one. An input without a text, as that of a recipe without
    variables, is shown the newest ones, and each following one others.
    """
    kind = _kind_of(generator, params)
    with database.read() as connection:
        found = list(candidates(connection, generator, fits=kind.fits, most=POOL))
    shown = [_Shown(one, kind) for one in found]
    pool = _Pool([one for one in shown if one.is_whole])
    return [pool.choose(kind.text(fields), position, few_shot) for position, fields in enumerate(inputs)]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a generator's records must be like to be shown with the inputs of a run."""

    fits: Callable[[Fields], bool]  # the params of the record's run
    is_whole: Callable[[Fields], bool]  # the record's fields
    text: Callable[[Fields], str]  # what an input, or a record's, asks for
    said: Callable[[Fields], object]  # what of a record the model is shown besides


class _Shown:
    def __init__(self, candidate: Candidate, kind: _Kind) -> None:
        fields = candidate.source | candidate.record.fields
        self.example = Example(candidate.record.id, fields)
        self.is_whole = kind.is_whole(fields)
        self.text = kind.text(fields)
        #: Also as it was before a person changed it in the record.
        self.asked = {_plain(self.text), _plain(kind.text(candidate.source))} - {""}
        said = json.dumps(kind.said(fields), ensure_ascii=False, default=str) if self.is_whole else ""
        self.tokens = tokens_of_text(self.text) + tokens_of_text(said)


class _Pool:
    """Records to choose from, newest first, with each word's records and weights there."""

    def __init__(self, shown: Sequence[_Shown]) -> None:
        import numpy as np  # only where it is needed: it takes longer to load than most commands do

        self._shown = shown
        self._size = len(shown)
        counts = [Counter(words_of(one.text).roots) for one in shown]
        self._frequency = Counter(word for words in counts for word in words)
        places: dict[str, list[int]] = {}
        weights: dict[str, list[float]] = {}
        for place, words in enumerate(counts):
            vector = self._vector(words)
            for word, weight in vector.items():
                places.setdefault(word, []).append(place)
                weights.setdefault(word, []).append(weight)
        self._by_word = {word: (np.array(found), np.array(weights[word])) for word, found in places.items()}
        self._none: Scores = np.zeros(self._size)

    def choose(self, text: str, position: int, few_shot: FewShot) -> tuple[Example, ...]:
        chosen: list[_Shown] = []
        room = few_shot.max_tokens
        for one in self._ranked(text, position):
            if one.tokens > room or any(one.asked & other.asked for other in chosen):
                continue
            chosen.append(one)
            room -= one.tokens
            if len(chosen) == few_shot.count:
                break
        return tuple(one.example for one in reversed(chosen))

    def _ranked(self, text: str, position: int) -> Iterator[_Shown]:
        """The nearest first, of those equally near the newest, without those that are too near."""
        plain = _plain(text)
        if not plain:
            first = position % self._size if self._size else 0
            yield from (*self._shown[first:], *self._shown[:first])
            return
        scores = self._scores(text)
        for place in (-scores).argsort(kind="stable"):
            one = self._shown[place]
            if scores[place] < NEAR and plain not in one.asked:
                yield one

    def _scores(self, text: str) -> Scores:
        scores = self._none.copy()
        for word, weight in self._vector(Counter(words_of(text).roots)).items():
            if word in self._by_word:
                places, weights = self._by_word[word]
                scores[places] += weight * weights
        return scores

    def _vector(self, words: Mapping[str, int]) -> dict[str, float]:
        """Of length 1."""
        weights = {
            word: (1 + math.log(number)) * (math.log((1 + self._size) / (1 + self._frequency[word])) + 1)
            for word, number in words.items()
        }
        length = math.sqrt(sum(weight * weight for weight in weights.values()))
        return {word: weight / length for word, weight in weights.items()}


def _kind_of(generator: str, params: Fields) -> _Kind:
    if generator == ParaSeqTaskGenerator.name:
        keys = task_keys(params)
        return _Kind(
            fits=lambda of_run: task_keys(of_run) == keys,
            is_whole=lambda fields: all(_is_text(fields.get(key)) for key in keys),
            text=lambda fields: str(fields.get(keys[0]) or ""),
            said=lambda fields: [fields[key] for key in keys[1:]],
        )
    if generator == ConsistentChatGenerator.name:
        turns, language = params.get("num_turns_per_dialog"), params.get("language")
        return _Kind(
            fits=partial(_is_alike, {"num_turns_per_dialog": turns, "language": language}),
            is_whole=lambda fields: 2 * len(pairs_of(fields)) == turns and _is_text(fields.get("topic")),
            text=lambda fields: " ".join(str(fields.get(name) or "") for name in _CELL),
            said=lambda fields: fields["conversation"],
        )
    recipe = params.get("recipe") or {}
    outputs = [one["name"] for one in recipe.get("outputs", ())]
    return _Kind(
        fits=lambda of_run: bool(of_run) and (of_run.get("recipe") or {}).get("name") == recipe.get("name"),
        is_whole=lambda fields: all(fields.get(name) not in (None, "", []) for name in outputs),
        text=lambda fields: _texts(fields, without={*outputs, "model_name"}),
        said=lambda fields: [fields[name] for name in outputs],
    )


def _is_alike(wanted: Fields, of_run: Fields) -> bool:
    """A record written by hand has no run that says otherwise."""
    return all(of_run.get(name, value) == value for name, value in wanted.items())


def _texts(fields: Fields, *, without: set[str]) -> str:
    found: list[str] = []
    for name, value in sorted(fields.items()):
        if isinstance(value, dict):
            found.append(_texts(value, without=without))
        elif isinstance(value, str) and name not in without:
            found.append(value)
    return " ".join(filter(None, found))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())

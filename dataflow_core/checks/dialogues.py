"""What is checked of a dialogue. A finding names its turns by their numbers, from 1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from dataflow_core.checks import phrases
from dataflow_core.checks.words import length, plain_words
from dataflow_core.models import Fields, Finding

FIELD = "conversation"
#: Ten times the usual answer of 59 words (ConsistentChat); more is no turn of a conversation.
MOST_WORDS = 600
#: "Yes." teaches a model nothing; three words may be a whole answer.
FEWEST_WORDS = 3
#: Shorter questions ("Thanks!", "Tell me more.") may well come again.
_FEWEST_REPEATED = 4
#: Of all their words, the share that two answers have in common where one repeats the other, numbers set apart.
_SAME = 0.9
#: The answers before it to which an answer is compared for being nearly the same; exact repetitions are found however
#: far apart. It keeps the time in proportion to the dialogue's length.
_COMPARED = 8
#: Of the turns concerned, so many are named.
_NAMED = 6
_HAS_DIGIT = re.compile(r"\d")


class _Turn(NamedTuple):
    number: int
    role: str
    text: str
    words: list[str]
    size: int


def dialogue_findings(fields: Fields, *, is_skeleton: bool = False) -> Iterator[Finding]:
    listed = fields.get(FIELD)
    if not isinstance(listed, list) or not listed:
        yield Finding("no-turns", FIELD, "The dialogue has no turns.")
        return
    turns = [_turn(number, item) for number, item in enumerate(listed, start=1)]
    yield from _order(turns, is_skeleton)
    for check, concerns, one, several in _OF_EACH:
        yield from _finding(check, [turn for turn in turns if turn.text and concerns(turn)], one, several)
    yield from _repetitions([turn for turn in turns if turn.text])


def _turn(number: int, item: object) -> _Turn:
    role, value = (item.get("role"), item.get("value")) if isinstance(item, dict) else (None, None)
    text = value.strip() if isinstance(value, str) else ""
    return _Turn(number, role if isinstance(role, str) else "", text, plain_words(text), length(text))


def _order(turns: Sequence[_Turn], is_skeleton: bool) -> Iterator[Finding]:
    yield from _finding("empty-turn", [turn for turn in turns if not turn.text], "is empty", "are empty")
    strange = [turn for turn in turns if turn.role not in ("user", "assistant") and not _is_opening_system(turn)]
    yield from _finding("unknown-role", strange, "is by neither side", "are by neither side")
    if is_skeleton:
        return  # one question after the other
    spoken = turns[1:] if _is_opening_system(turns[0]) else turns
    again = [turn for before, turn in pairwise(spoken) if turn.role == before.role]
    yield from _finding(
        "roles-do-not-alternate", again, "has the role of the one before", "have the role of the one before"
    )
    if spoken and spoken[0].role == "assistant":
        yield Finding("starts-with-assistant", FIELD, "The dialogue does not start with the user.")
    if not spoken or spoken[-1].role == "user":
        yield Finding("ends-with-user", FIELD, "The dialogue does not end with an answer.")


def _is_opening_system(turn: _Turn) -> bool:
    return turn.number == 1 and turn.role == "system"


#: The check, which turns it concerns, and what is said of one of them and of several.
_OF_EACH: tuple[tuple[str, Callable[[_Turn], bool], str, str], ...] = (
    (
        "turn-too-long",
        lambda turn: turn.size > MOST_WORDS,
        f"is longer than {MOST_WORDS} words",
        f"are longer than {MOST_WORDS} words",
    ),
    (
        "answer-too-short",
        lambda turn: turn.role == "assistant" and turn.size < FEWEST_WORDS,
        f"has fewer than {FEWEST_WORDS} words",
        f"have fewer than {FEWEST_WORDS} words",
    ),
    (
        "chatter",
        lambda turn: turn.role == "user" and phrases.is_chatter_of_user(turn.text),
        "holds a remark by the model, not the user's words",
        "hold remarks by the model, not the user's words",
    ),
    (
        "speaks-as-model",
        lambda turn: turn.role == "assistant" and phrases.speaks_as_model(turn.text),
        "speaks of itself as a language model",
        "speak of themselves as a language model",
    ),
    (
        "role-label",
        lambda turn: phrases.starts_with_role(turn.text),
        "begins with the label of a role",
        "begin with the label of a role",
    ),
    (
        "cut-off",
        lambda turn: phrases.is_cut_off(turn.text),
        "seems to be cut off: it ends in the middle",
        "seem to be cut off: they end in the middle",
    ),
)


def _repetitions(turns: Sequence[_Turn]) -> Iterator[Finding]:
    questions = [turn for turn in turns if turn.role == "user" and turn.size >= _FEWEST_REPEATED]
    asked_again = _exactly_again(questions)
    yield from _finding(
        "repeated-question", asked_again, "asks an earlier question again", "ask earlier questions again"
    )
    parrots = [
        answer
        for question, answer in pairwise(turns)
        if (question.role, answer.role) == ("user", "assistant")
        and answer.size >= _FEWEST_REPEATED
        and question.words == answer.words
    ]
    yield from _finding("answer-repeats-question", parrots, "only repeats the question", "only repeat the question")
    answers = [turn for turn in turns if turn.role == "assistant" and turn.size >= _FEWEST_REPEATED]
    said_again = {turn.number: turn for turn in (*_exactly_again(answers), *_nearly_again(answers))}
    repeated = [said_again[number] for number in sorted(said_again)]
    yield from _finding("answer-repeats-answer", repeated, "repeats an earlier answer", "repeat earlier answers")


def _exactly_again(turns: Sequence[_Turn]) -> list[_Turn]:
    seen: set[tuple[str, ...]] = set()
    again = []
    for turn in turns:
        words = tuple(turn.words)
        if words in seen:
            again.append(turn)
        seen.add(words)
    return again


def _nearly_again(answers: Sequence[_Turn]) -> Iterator[_Turn]:
    words = [frozenset(answer.words) for answer in answers]
    for index, answer in enumerate(answers):
        if any(_are_nearly_same(words[index], earlier) for earlier in words[max(0, index - _COMPARED) : index]):
            yield answer


def _are_nearly_same(some: frozenset[str], others: frozenset[str]) -> bool:
    smaller, larger = sorted((len(some), len(others)))
    if smaller < _SAME * larger or len(some & others) < _SAME * len(some | others):
        return False
    return not any(_HAS_DIGIT.search(word) for word in some ^ others)


def _finding(check: str, turns: Sequence[_Turn], one: str, several: str) -> Iterator[Finding]:
    if not turns:
        return
    numbers = [str(turn.number) for turn in turns[:_NAMED]]
    if len(turns) == 1:
        yield Finding(check, FIELD, f"Turn {numbers[0]} {one}.")
        return
    if len(turns) > _NAMED:
        numbers.append(f"{len(turns) - _NAMED:,} more")
    yield Finding(check, FIELD, f"Turns {', '.join(numbers[:-1])} and {numbers[-1]} {several}.")

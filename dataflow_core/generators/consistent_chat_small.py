"""A dialogue from a small model: questions a few at a time, then one call an answer, picked and trimmed by rule."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from dataflow_core.errors import AnswerError
from dataflow_core.generators.answers import TextsAnswer
from dataflow_core.generators.base import Ask, Reading
from dataflow_core.generators.candidates import (
    clipped,
    derived_seed,
    is_loop,
    one_line,
    resembles_any,
    whole_sentences,
    words,
)
from dataflow_core.generators.mending import UNSTORABLE, storable
from dataflow_core.models import Completion, Fields
from dataflow_core.prompts import consistent_chat_small as prompts

#: Calls beyond the least number that a skeleton may take to get rid of repeated questions.
_SPARE_CALLS = 3
# The conversation an answer is given, in bytes, of which English has four a token: dropped from the front when it
# outgrows the first, down to the second, so that what is left is read anew only now and then. A slot holds 2048 tokens.
_HISTORY_BYTES, _HISTORY_KEPT = 3600, 1800
_SHOWN_BYTES = 300

_EXAMPLE_QUESTIONS = tuple(question for shot in prompts.EXAMPLES for question in shot.questions)
_EVASIVE = re.compile(r"\bas an ai\b|\blanguage model\b|^(i'm|i am) sorry\b|^sorry\b|\(about\b", re.IGNORECASE)


class _QuestionLists:
    """Reads every candidate's list of questions; a candidate that was cut off gives none."""

    def __init__(self, count: int, *, english: bool) -> None:
        self.schema: dict[str, Any] | None = prompts.questions_schema(count, english=english)

    def read(self, completion: Completion) -> Reading[tuple[tuple[str, ...], ...]]:
        lists = tuple(_questions(text) for text in completion.texts)
        clean = tuple(tuple(storable(question) for question in questions) for questions in lists)
        return Reading(clean, () if clean == lists else (UNSTORABLE,))


async def small_skeleton(cell: Fields, ask: Ask, *, turns: int, seed: int, temperature: float | None) -> list[str]:
    """Return exactly `turns // 2` different questions. Raises `AnswerError` if the model keeps repeating itself."""
    count = turns // 2
    steps, language = _steps(cell, count), _foreign_language(cell)
    topic, intent = _shown(cell["topic"]), _shown(cell["intent"])
    questions: list[str] = []
    spare: list[str] = []
    for call in range(1, -(-count // prompts.CHUNK) + _SPARE_CALLS + 1):
        if len(questions) >= count:
            break
        part = steps[len(questions) : len(questions) + prompts.CHUNK]
        step = "skeleton" if call == 1 else f"skeleton-{call}"
        call_seed = derived_seed(seed, step, topic, *part)
        prompt = prompts.questions_prompt(
            intent, topic, part, asked=questions, language=language, seed=call_seed, temperature=temperature
        )
        lists = await ask(prompt, answer=_QuestionLists(len(part), english=not language), step=step)
        fresh = max((_fresh(asked, questions) for asked in lists), key=lambda asked: _rank(asked, topic), default=[])
        questions += fresh
        spare += [question for asked in lists for question in asked]
    # Better a question that resembles another than a dialogue that is too short; but never the same one twice.
    for question in spare:
        if question.casefold() not in {asked.casefold() for asked in questions}:
            questions.append(question)
    if len(questions) < count:
        message = (
            f"The embedded model found only {len(questions)} of {count} questions. "
            "Ask for fewer turns, try again, or choose a larger model."
        )
        raise AnswerError(message, raw_text="\n".join(spare))
    return questions[:count]


async def small_answers(
    cell: Fields,
    questions: Sequence[str],
    ask: Ask,
    *,
    seed: int,
    temperature: float | None,
    earlier: Sequence[tuple[str, str]] = (),
) -> list[str]:
    """Return one answer a question, each in the light of the turns before it.

    `earlier` are the questions and answers that the conversation has begun with.
    """
    topic, language = _shown(cell["topic"]), _foreign_language(cell)
    history = _remembered([(_shown(question, 2 * _SHOWN_BYTES), answer) for question, answer in earlier])
    before = [answer for _, answer in earlier]
    answers: list[str] = []
    for turn, question in enumerate(questions, start=1 + len(earlier)):
        shown = _shown(question, 2 * _SHOWN_BYTES)
        seen: list[str] = []
        for step in (f"answer-{turn}", f"answer-{turn}-2"):
            prompt = prompts.answer_prompt(
                topic,
                history,
                shown,
                language=language,
                told=_shown(cell.get("system") or ""),
                seed=derived_seed(seed, step, topic, question),
                temperature=temperature,
            )
            seen += await ask(prompt, answer=TextsAnswer(), step=step)
            usable = [answer for answer in (whole_sentences(one_line(text)) for text in seen) if answer]
            if usable:
                break
        else:
            message = f"The embedded model did not finish a sentence in answer {turn}. Try again or write it by hand."
            raise AnswerError(message, raw_text="\n".join(seen))
        answers.append(max(usable, key=lambda answer: _answer_score(answer, topic, before + answers)))
        history = _remembered([*history, (shown, answers[-1])])
    return answers


def _questions(text: str) -> tuple[str, ...]:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    questions = answer.get("questions") if isinstance(answer, dict) else None
    if not isinstance(questions, list):
        return ()
    return tuple(one_line(question) for question in questions if isinstance(question, str) and question.strip())


def _fresh(candidates: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Those that neither were asked before nor come from the examples."""
    return [
        question
        for question in _unlike(candidates, asked, threshold=0.8)
        if not is_loop(question) and not resembles_any(question, _EXAMPLE_QUESTIONS, threshold=0.8)
    ]


def _unlike(candidates: Sequence[str], asked: Sequence[str], *, threshold: float) -> list[str]:
    kept: list[str] = []
    for question in candidates:
        if not resembles_any(question, [*asked, *kept], threshold=threshold):
            kept.append(question)
    return kept


def _rank(questions: Sequence[str], topic: str) -> float:
    """The more questions the better, and the more of them name the topic: the first above all."""
    about = words(topic)
    on_topic = [bool(words(question) & about) for question in questions]
    return len(questions) + 1.5 * sum(on_topic[:1]) + 0.3 * sum(on_topic[1:])


def _answer_score(answer: str, topic: str, earlier: Sequence[str]) -> float:
    evasive = 3.0 * bool(_EVASIVE.search(answer))
    repeated = 2.0 * resembles_any(answer, earlier, threshold=0.7) + 2.0 * is_loop(answer)
    length = len(answer.split())
    return bool(words(answer) & words(topic)) - evasive - repeated - 0.02 * max(0, length - 60) - (length < 4)


def _remembered(history: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if _size(history) > _HISTORY_BYTES:
        while len(history) > 1 and _size(history) > _HISTORY_KEPT:
            history = history[1:]
    return history


def _size(history: Sequence[tuple[str, str]]) -> int:
    """In bytes; what is not ASCII weighs fourfold, for its tokens are as short as that."""
    texts = [text for turn in history for text in turn]
    return sum(len(text) + 3 * (len(text.encode()) - len(text)) for text in texts)


def _steps(cell: Fields, count: int) -> list[str]:
    """The flow's steps spread over `count` questions."""
    steps = [one_line(str(step)) for step in cell.get("flow_steps") or ()] or ["asks a question"]
    return [_shown(steps[index * len(steps) // count], 120) for index in range(count)]


def _shown(text: Any, size: int = _SHOWN_BYTES) -> str:
    return clipped(one_line(str(text)), size)


def _foreign_language(cell: Fields) -> str:
    language = one_line(str(cell.get("language") or ""))
    return "" if language.casefold() in ("", "english", "en") else clipped(language, 40)

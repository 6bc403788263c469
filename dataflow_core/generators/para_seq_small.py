"""A task's relations from a small model: three calls, four candidates each, picked by rule, put together in code."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial

from dataflow_core.errors import AnswerError
from dataflow_core.generators.answers import TextsAnswer
from dataflow_core.generators.base import Ask
from dataflow_core.generators.candidates import (
    clipped,
    derived_seed,
    is_loop,
    is_whole,
    one_line,
    resembles_any,
    similarity,
    whole_sentences,
    words,
)
from dataflow_core.generators.relations import Relations
from dataflow_core.models import Prompt
from dataflow_core.prompts import para_seq_small as prompts

# What of a long task the model is shown. The composition shows it twice, beside the examples, in 2048 tokens.
_SHOWN_BYTES = 400
_JOINT = ", then"

#: By step: the share of a candidate's words that the task has too, at which it is related but no copy.
_OVERLAP = {"parallel": 0.6, "subsequent": 0.3, "composition": 0.3}
#: By step: in characters.
_LONGEST = {"parallel": 150, "subsequent": 95, "composition": 85}

_EXAMPLE_TEXTS = tuple(text for shot in prompts.EXAMPLES for text in shot[1:])
_EXAMPLE_WORDS = words(" ".join(text for shot in prompts.EXAMPLES for text in shot))
_NOT_A_TASK = re.compile(
    r"\btask:|\bas an ai\b|^(i'm|i am|i can|i will|i'll|sorry|sure|here (is|are))\b", re.IGNORECASE
)


async def small_relations(task: str, ask: Ask, *, seed: int, temperature: float | None = None) -> Relations:
    """Raises `AnswerError` if a field has no usable candidate even when asked for twice; else what `ask` raises."""
    shown = clipped(one_line(task), _SHOWN_BYTES)
    beginning = _without_end(shown) + _JOINT
    make = {
        "parallel": partial(prompts.parallel_prompt, shown, temperature=temperature),
        "subsequent": partial(prompts.subsequent_prompt, shown, temperature=temperature),
        "composition": partial(prompts.composition_prompt, shown, beginning, temperature=temperature),
    }
    try:
        async with asyncio.TaskGroup() as group:
            fields = [group.create_task(_field(step, shown, make[step], ask, seed)) for step in make]
    except ExceptionGroup as errors:
        # The first says why; the others fell with it. Callers are to see what a single call would raise.
        raise errors.exceptions[0] from None
    parallel, subsequent, extra_step = (field.result() for field in fields)
    return Relations(parallel, subsequent, f"{_without_end(task)}{_JOINT} {extra_step}")


async def _field(step: str, task: str, make: Callable[..., Prompt], ask: Ask, seed: int) -> str:
    """Ask once more with another seed if the rules leave nothing; then make do with the least bad."""
    seen: list[str] = []
    for name in (step, f"{step}-2"):
        prompt = make(seed=derived_seed(seed, name, task))
        texts = await ask(prompt, answer=TextsAnswer(), step=name)
        seen += [_tidy(text, task) for text in texts]
        good = [text for text in seen if not problem(step, task, text)]
        if good:
            return _best(step, task, good)
    passable = [text for text in seen if problem(step, task, text) in ("too long", "loop")]
    if passable:
        return _best(step, task, passable)
    message = f"The embedded model wrote no usable {step} task. Try again, write it by hand, or choose a larger model."
    raise AnswerError(message, raw_text="\n".join(seen))


def problem(step: str, task: str, text: str) -> str:
    """Why `text` will not do: "cut off", "no task", "copy", "leak", "loop" or "too long"; "" if it will."""
    new = words(text) - words(task)
    numbers = set(re.findall(r"\d+", text)) - set(re.findall(r"\d+", task))
    if not is_whole(text):
        return "cut off"
    if _NOT_A_TASK.search(text):
        return "no task"
    if not new and not (step == "parallel" and numbers):
        return "copy"
    if similarity(task, text) > (0.95 if step == "parallel" else 0.65):
        return "copy"
    if resembles_any(text, _EXAMPLE_TEXTS, threshold=0.72):
        return "leak"
    if is_loop(text):
        return "loop"
    return "too long" if len(text) > _LONGEST[step] else ""


def _best(step: str, task: str, texts: Sequence[str]) -> str:
    return max(texts, key=lambda text: _score(step, task, text))


def _score(step: str, task: str, text: str) -> float:
    """Higher the nearer to the overlap wanted, and the fewer words come from the examples."""
    given, written = words(task), words(text)
    size = max(1, len(written))
    leaked = len(written & (_EXAMPLE_WORDS - given)) / size
    return -abs(len(given & written) / size - _OVERLAP[step]) - 0.5 * leaked


def _tidy(text: str, task: str) -> str:
    """One line of whole sentences, without the beginning of a composition, which some servers repeat."""
    line = one_line(text).removeprefix(_without_end(task) + _JOINT).lstrip(" ,;:")
    return whole_sentences(line) or line


def _without_end(task: str) -> str:
    return task.strip().rstrip(" .!?…。！？")

"""What a run may still spend: no call is sent that could pass its budget, as far as those before it tell."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from dataflow_core.models import Budget, Completion, Endpoint, Prompt, StepUsage, Usage
from dataflow_core.wording import money

#: A rough reckoning where nothing is known yet: characters a token, and an answer's tokens.
_CHARACTERS, _ANSWER = 4, 500
#: An answer is reckoned at so many times the longest so far, and at fewer once so many are known.
_UNSURE, _SURER, _MANY = 2.0, 1.5, 30

Verdict = Literal["go", "wait", "stop"]


def with_usage(completion: Completion, prompt: Prompt) -> Completion:
    """The completion with what it took reckoned from its length, where the endpoint does not say."""
    if completion.usage.total:
        return completion
    answered = sum(map(len, completion.texts))
    return replace(completion, usage=Usage(_tokens_of(prompt), -(-answered // _CHARACTERS)))


class Spending:
    """Each call is reckoned at more than any of its step has taken so far, until its answer tells what it took.

    Under a budget few calls are under way while few are answered: at most twice as many, and a single one of a step
    of which none is.
    """

    def __init__(
        self, budget: Budget, endpoint: Endpoint, before: Mapping[str, StepUsage], *, money_before: float = 0.0
    ) -> None:
        self.budget = budget
        self._endpoint = endpoint
        self._steps = dict(before)
        self._spent = sum((step.total for step in before.values()), Usage())
        self._money = money_before
        self._reserved, self._under_way = Usage(), Counter[str]()  # by step
        self._answered = sum(step.calls for step in before.values())
        self._density: dict[str, float] = {}  # the most tokens to a character of a step's prompts

    def expected(self, step: str, prompt: Prompt) -> Usage:
        """More than the call should take."""
        known = self._steps.get(step, StepUsage())
        answer = prompt.sampling.max_tokens
        if answer is None and known.calls:
            answer = int(known.most.completion_tokens * (_UNSURE if known.calls < _MANY else _SURER))
        if step in self._density:
            asked = math.ceil(_length(prompt) * self._density[step])
        else:
            asked = known.most.prompt_tokens or _tokens_of(prompt)
        return Usage(asked, answer or _ANSWER)

    def usual(self, step: str, prompt: Prompt) -> float:
        """The tokens that the call should take, give or take."""
        known = self._steps.get(step)
        return known.total.total / known.calls if known and known.calls else float(self.expected(step, prompt).total)

    def verdict(self, step: str, expected: Usage) -> Verdict:
        """Whether a call may be made; "wait": only once those under way have turned out to take less than reckoned."""
        if self.budget == Budget():
            return "go"
        n_under_way = self._under_way.total()
        is_unknown = step not in self._steps and self._under_way[step] > 0
        if not is_unknown and n_under_way <= 2 * self._answered and self._fits(self._reserved + expected):
            return "go"
        return "wait" if n_under_way else "stop"

    def why_not(self, expected: Usage) -> str:
        spent = self._spent
        if self.budget.tokens is not None and spent.total + expected.total > self.budget.tokens:
            limit, used, next_call = f"{self.budget.tokens:,} tokens", f"{spent.total:,}", f"{expected.total:,}"
        else:
            limit = money(self.budget.money or 0.0)
            used, next_call = money(self._money), money(self._cost(expected))
        return (
            f"Stopped at its budget of {limit}: {used} are used, and the next call may take {next_call}. "
            "Raise the budget to go on."
        )

    def begin(self, step: str, expected: Usage) -> None:
        self._reserved += expected
        self._under_way[step] += 1

    def end(self, step: str, prompt: Prompt, expected: Usage, used: Usage | None) -> None:
        """`used` is None for a call that brought no answer."""
        self._reserved -= expected
        self._under_way[step] -= 1
        if used is not None:
            self._answered += 1
            self._spent += used
            self._money += self._cost(used)
            density = used.prompt_tokens / max(_length(prompt), 1)
            self._density[step] = max(density, self._density.get(step, 0.0))
            before = self._steps.get(step, StepUsage())
            most = Usage(
                max(before.most.prompt_tokens, used.prompt_tokens),
                max(before.most.completion_tokens, used.completion_tokens),
            )
            self._steps[step] = StepUsage(before.calls + 1, before.total + used, most)

    def _fits(self, more: Usage) -> bool:
        tokens, most = self.budget.tokens, self.budget.money
        fits = tokens is None or (self._spent + more).total <= tokens
        return fits and (most is None or self._money + self._cost(more) <= most)

    def _cost(self, usage: Usage) -> float:
        return self._endpoint.cost(usage) or 0.0


def tokens_of_text(text: str) -> int:
    """A rough reckoning, where no endpoint has said it."""
    return -(-len(text) // _CHARACTERS)


def _length(prompt: Prompt) -> int:
    return sum(len(message.content) for message in prompt.messages) + len(prompt.text or "")


def _tokens_of(prompt: Prompt) -> int:
    return -(-_length(prompt) // _CHARACTERS)

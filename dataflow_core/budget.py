"""What a run may still spend, counted so that calls under way can never take it over its budget by surprise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from dataflow_core.models import Budget, Completion, Endpoint, Prompt, StepUsage, Usage

#: A rough reckoning for the first call of a step: characters a token, and an answer's tokens.
_CHARACTERS, _ANSWER = 4, 500

_LEAST_MONEY = 0.000001

Verdict = Literal["go", "wait", "stop"]


def with_usage(completion: Completion, prompt: Prompt) -> Completion:
    """The completion with what it took reckoned from its length, where the endpoint does not say."""
    if completion.usage.total:
        return completion
    answered = sum(map(len, completion.texts))
    return replace(completion, usage=Usage(_tokens_of(prompt), -(-answered // _CHARACTERS)))


def money(amount: float) -> str:
    """Return "$3.41", "$12,300.00" or, below 10 cents, two digits that say something: "$0.0012"."""
    if amount == 0 or amount >= 0.0995:
        return f"${amount:,.2f}"
    if amount < _LEAST_MONEY:
        return f"under ${_LEAST_MONEY:.6f}"
    return f"${amount:.{1 - math.floor(math.log10(amount))}f}".rstrip("0")


class Spending:
    """Each call is reckoned at the most that one of its step has taken so far, until its answer tells what it took."""

    def __init__(self, budget: Budget, endpoint: Endpoint, before: Mapping[str, StepUsage]) -> None:
        self.budget = budget
        self._endpoint = endpoint
        self._steps = dict(before)
        self._spent = sum((step.total for step in before.values()), Usage())
        self._reserved = Usage()

    def expected(self, step: str, prompt: Prompt) -> Usage:
        """The most that the call should take."""
        known = self._steps.get(step)
        if known is not None and known.most.total:
            return known.most
        return Usage(_tokens_of(prompt), prompt.sampling.max_tokens or _ANSWER)

    def usual(self, step: str, prompt: Prompt) -> float:
        """The tokens that the call should take, give or take."""
        known = self._steps.get(step)
        return known.total.total / known.calls if known and known.calls else float(self.expected(step, prompt).total)

    def verdict(self, expected: Usage) -> Verdict:
        """Whether a call may be made; "wait": only once those under way have turned out to take less than reckoned."""
        if self.budget == Budget():
            return "go"
        if self._fits(self._spent + self._reserved + expected):
            return "go"
        return "wait" if self._reserved.total and self._fits(self._spent + expected) else "stop"

    def why_not(self, expected: Usage) -> str:
        spent = self._spent
        if self.budget.tokens is not None and spent.total + expected.total > self.budget.tokens:
            limit, used, next_call = f"{self.budget.tokens:,} tokens", f"{spent.total:,}", f"{expected.total:,}"
        else:
            limit = money(self.budget.money or 0.0)
            used, next_call = money(self._cost(spent)), money(self._cost(expected))
        return (
            f"Stopped at its budget of {limit}: {used} are used, and the next call may take {next_call}. "
            "Raise the budget to go on."
        )

    def begin(self, expected: Usage) -> None:
        self._reserved += expected

    def end(self, step: str, expected: Usage, used: Usage | None) -> None:
        """`used` is None for a call that brought no answer."""
        self._reserved -= expected
        if used is not None:
            self._spent += used
            before = self._steps.get(step, StepUsage())
            most = Usage(
                max(before.most.prompt_tokens, used.prompt_tokens),
                max(before.most.completion_tokens, used.completion_tokens),
            )
            self._steps[step] = StepUsage(before.calls + 1, before.total + used, most)

    def _fits(self, usage: Usage) -> bool:
        tokens, most = self.budget.tokens, self.budget.money
        return (tokens is None or usage.total <= tokens) and (most is None or self._cost(usage) <= most)

    def _cost(self, usage: Usage) -> float:
        return self._endpoint.cost(usage) or 0.0


def _tokens_of(prompt: Prompt) -> int:
    length = sum(len(message.content) for message in prompt.messages) + len(prompt.text or "")
    return -(-length // _CHARACTERS)

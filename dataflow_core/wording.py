"""Money, numbers of tokens and budgets as a person says them, in the app as on the command line."""

from __future__ import annotations

import math

from dataflow_core.models import Budget

_LEAST_MONEY = 0.000001
_SIZES = ((1e9, "billion"), (1e6, "million"))


def money(amount: float) -> str:
    """Return "$3.41", "$12,300.00" or, below 10 cents, two digits that say something: "$0.0012"."""
    if amount == 0 or amount >= 0.0995:
        return f"${amount:,.2f}"
    if amount < _LEAST_MONEY:
        return f"under ${_LEAST_MONEY:.6f}"
    return f"${amount:.{1 - math.floor(math.log10(amount))}f}".rstrip("0")


def money_range(low: float, high: float) -> str:
    """Return "$2.60–4.30"."""
    first, last = money(low), money(high)
    return first if first == last else f"{first}–{last.removeprefix('$')}"


def about(number: float) -> str:
    """Return the number to two digits: "1.2 million", "340,000"."""
    return _of_size(number, _size(number))


def about_range(low: float, high: float) -> str:
    """Return "0.9–1.5 million", both ends as `about` says the higher one."""
    size = _size(high)
    first, last = _of_size(low, size), _of_size(high, size)
    word = last.partition(" ")[2]
    return last if first == last else f"{first.removesuffix(f' {word}')}–{last}"


def budget_in_words(budget: Budget) -> str:
    """Return "$5.00", "200,000 tokens" or "$5.00 or 200,000 tokens"; "" without a limit."""
    parts = [] if budget.money is None else [money(budget.money)]
    if budget.tokens is not None:
        parts.append(f"{budget.tokens:,} token{'' if budget.tokens == 1 else 's'}")
    return " or ".join(parts)


def _size(number: float) -> tuple[float, str]:
    return next((size for size in _SIZES if number >= size[0]), (1, ""))


def _of_size(number: float, size: tuple[float, str]) -> str:
    unit, word = size
    if word:
        return f"{number / unit:,.1f} {word}" if number / unit < 9.95 else f"{number / unit:,.0f} {word}"
    return f"{round(number, 1 - math.floor(math.log10(number))) if number >= 1 else 0:,.0f}"

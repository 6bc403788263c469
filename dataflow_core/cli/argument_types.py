"""Numbers as they are typed: each raises `ArgumentTypeError` with a sentence for what it is not."""

from __future__ import annotations

import argparse
import math


def whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is not a whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not an amount")
    return value


def amount(text: str) -> float:
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


def price(text: str) -> float:
    value = number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def temperature(text: str) -> float:
    value = number(text)
    if not 0.0 <= value <= 2.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 2")
    return value

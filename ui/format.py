"""Times, durations and counts as a person says them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: Name, seconds, and up to how many seconds a range is told in it.
_UNITS = (("s", 1, 90), ("min", _MINUTE, 90 * _MINUTE), ("h", _HOUR, 2 * _DAY), ("d", _DAY, math.inf))


def count(number: int, noun: str, plural: str = "") -> str:
    """Return "1 record", "1,234 records". Give `plural` where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Return "0.4 s", "12 s", "3 min 20 s", "2 h 5 min" or "1 d 4 h"."""
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two_parts(whole, _MINUTE, "min", 1, "s")
    if whole < _DAY:
        return _two_parts(whole, _HOUR, "h", _MINUTE, "min")
    return _two_parts(whole, _DAY, "d", _HOUR, "h")


def duration_range(low: float, high: float) -> str:
    """Return "3–5 min", in the unit of the higher end; "4 min" where both ends print the same, "up to 2 min"."""
    name, size, _ = next(unit for unit in _UNITS if high < unit[2])
    digits = 1 if name in ("h", "d") and high / size < 10 else 0
    first, last = (f"{seconds / size:.{digits}f}" for seconds in (low, high))
    if first == last:
        return f"{last} {name}"
    return f"{first}–{last} {name}" if float(first) else f"up to {last} {name}"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return "just now", "3 min ago", "2 h ago", "yesterday", "5 days ago" or, from a month on, the date.

    A moment without a time zone is UTC.
    """
    seconds = (_aware(now or datetime.now(UTC)) - _aware(moment)).total_seconds()
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min ago"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)} h ago"
    days = int(seconds // _DAY)
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 30 else _aware(moment).astimezone().strftime("%Y-%m-%d")


def size_in_words(size: float) -> str:
    """Return "940 bytes", "12.3 kB", "4.2 MB": a file's size, in thousands."""
    for unit in ("bytes", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _two_parts(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    return f"{first} {large_name} {second} {small_name}" if second else f"{first} {large_name}"


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

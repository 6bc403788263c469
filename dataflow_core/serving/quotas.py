"""What a server's headers say of its rate limits: when to come back, and what is left until then."""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from dataflow_core.models import Quota

if TYPE_CHECKING:
    import httpx2

_PREFIX = b"x-ratelimit-"
_LONGEST_RESET = 31 * 24 * 3600.0  # some limits are a month's
_FIRST_EPOCH = 1e9  # a smaller number is a number of seconds from now
_FIRST_EPOCH_IN_MS = 1e12
_DURATION = re.compile(r"(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d*)?)s)?(?:(\d+(?:\.\d*)?)ms)?")


def quotas_of(headers: httpx2.Headers) -> tuple[Quota, ...]:
    """What is left of the server's limits; whatever is incomplete or makes no sense is left out."""
    told = {name.lower(): value for name, value in headers.raw if name[:12].lower() == _PREFIX}
    if not told:
        return ()
    texts = {name[len(_PREFIX) :].decode("latin-1"): value.decode("latin-1").strip() for name, value in told.items()}
    requests = _quota("requests", texts, "-requests") or _quota("requests", texts, "")
    tokens = _quota("tokens", texts, "-tokens")
    return tuple(quota for quota in (requests, tokens) if quota is not None)


def _quota(of: Literal["requests", "tokens"], texts: Mapping[str, str], suffix: str) -> Quota | None:
    limit, remaining, reset = (texts.get(f"{name}{suffix}", "") for name in ("limit", "remaining", "reset"))
    seconds = seconds_until(reset)
    if seconds is None or not re.fullmatch(r"\d{1,15}", limit) or not re.fullmatch(r"\d{1,15}", remaining):
        return None
    if not 0 < int(limit) >= int(remaining):
        return None
    return Quota(of, int(limit), int(remaining), seconds)


def seconds_until(reset: str) -> float | None:
    """The time from now that "6m0s", "120ms", "59.56", a date or a point in time in seconds or milliseconds mean."""
    now = time.time()
    try:
        number = float(reset)
    except ValueError:
        duration = _DURATION.fullmatch(reset)
        seconds = _sum_of(duration) if duration else _date_of(reset) - now
    else:
        if number >= _FIRST_EPOCH:
            number = number / (1000 if number >= _FIRST_EPOCH_IN_MS else 1) - now
            number = max(0.0, number)
        seconds = number
        if seconds < 0:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) and seconds <= _LONGEST_RESET else None


def _sum_of(duration: re.Match[str]) -> float:
    units = (86_400, 3_600, 60, 1, 0.001)
    return sum(float(text) * unit for text, unit in zip(duration.groups(), units, strict=True) if text)


def _date_of(text: str) -> float:
    """NaN where it is none."""
    for parse in (datetime.fromisoformat, email.utils.parsedate_to_datetime):
        try:
            date = parse(text)
            return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            continue
    return math.nan


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait: in milliseconds, in seconds, or as a date."""
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    for text, unit in ((milliseconds, 0.001), (value, 1.0)):
        try:
            seconds = float(text or "") * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    seconds = _date_of(value or "") - time.time()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def reset_after(headers: httpx2.Headers) -> float | None:
    """When the limits that are used up are whole again, for a server that asks for no wait in so many words."""
    return max((quota.reset for quota in quotas_of(headers) if quota.remaining == 0), default=None)

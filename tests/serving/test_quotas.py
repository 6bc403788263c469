"""What a server's headers say of its rate limits, in the many ways in which servers say it."""

import email.utils
import time
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from dataflow_core.models import Quota
from dataflow_core.serving.quotas import quotas_of, reset_after, seconds_until


def headers(suffix: str = "-requests", limit: str = "60", remaining: str = "59", reset: str = "1s") -> dict[str, str]:
    told = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"X-RateLimit-{name.title()}{suffix}": value for name, value in told.items()}


def quotas(*parts: dict[str, str]) -> tuple[Quota, ...]:
    return quotas_of(httpx2.Headers([pair for part in parts for pair in part.items()]))


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("2m59.56s", 179.56),
        ("1h2m3s", 3723.0),
        ("1d", 86_400.0),
        ("1m5ms", 60.005),
        ("0", 0.0),
        ("12", 12.0),
        ("0.5", 0.5),
        ("-3", None),
        ("", None),
        ("soon", None),
        ("s", None),
        ("5s1m", None),
        ("nan", None),
        ("inf", None),
        ("99999999", None),
        ("99999d", None),
        ("99999999999999999999", None),
        ("9" * 400 + "s", None),
        ("2020-01-01T00:00:00Z", 0.0),
        ("9999-12-31T23:59:59-23:59", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("1577836800", 0.0),
    ],
)
def test_the_time_until_a_limit_is_whole_again_is_read(reset: str, seconds: float | None) -> None:
    found = seconds_until(reset)
    assert found == (seconds if seconds is None else pytest.approx(seconds))


def test_the_time_may_be_given_as_a_date_or_as_a_point_in_time() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    epoch = time.time() + 30
    for reset in (
        soon.isoformat(),
        soon.strftime("%Y-%m-%dT%H:%M:%SZ"),
        soon.replace(tzinfo=None).isoformat(),
        email.utils.format_datetime(soon, usegmt=True),
        str(int(epoch)),
        str(int(epoch * 1000)),
    ):
        found = seconds_until(reset)
        assert found is not None
        assert 28 < found <= 30


def test_both_limits_are_read_and_those_without_a_suffix_are_the_requests() -> None:
    tokens = headers("-tokens", "1000", "10", "120ms")
    assert quotas(headers(), tokens) == (Quota("requests", 60, 59, 1.0), Quota("tokens", 1000, 10, 0.12))
    assert quotas(headers("", "20", "0", "7"), tokens)[0] == Quota("requests", 20, 0, 7.0)
    assert quotas(headers(""), headers("-requests", "5", "4", "3"))[0] == Quota("requests", 5, 4, 3.0)


@pytest.mark.parametrize(
    "part",
    [
        {"limit": ""},
        {"limit": "0", "remaining": "0"},
        {"limit": "many"},
        {"limit": "100, 100;w=60"},
        {"limit": "1e3"},
        {"limit": "9" * 5000},
        {"limit": "１２"},
        {"remaining": "-1"},
        {"remaining": "61"},
        {"remaining": ""},
        {"reset": ""},
        {"reset": "tomorrow"},
    ],
)
def test_what_is_incomplete_or_makes_no_sense_is_left_out(part: dict[str, str]) -> None:
    nonsense = {name: value.encode() for name, value in headers(**part).items()}
    assert quotas_of(httpx2.Headers([(name.encode(), value) for name, value in nonsense.items()])) == ()
    assert quotas({"X-RateLimit-Remaining-Requests": "5"}, {"X-RateLimit-Policy": "x"}) == ()


def test_the_wait_is_for_the_last_of_the_limits_that_are_used_up() -> None:
    def wait(*parts: dict[str, str]) -> float | None:
        return reset_after(httpx2.Headers([pair for part in parts for pair in part.items()]))

    used_up = headers("-tokens", "10", "0", "9s")
    assert wait(headers(remaining="0"), used_up) == 9.0
    assert wait(headers(remaining="1", reset="50s"), used_up) == 9.0
    assert wait(headers(remaining="1")) is None
    assert wait() is None

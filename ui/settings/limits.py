"""The limits that calls to an endpoint keep to, and the prices that turn its tokens into money."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dataflow_core.models import Endpoint
from dataflow_core.wording import money
from ui.format import duration

_TIMEOUT = Endpoint("").timeout


def limits_and_prices(form: str, before: Endpoint, typed: Endpoint) -> Endpoint:
    """Return `typed` with the limits and prices of the form, which begin as those of `before`."""
    with st.expander("Limits and prices"):
        left, right = st.columns(2)
        with left:
            requests = _whole("Requests a minute", before.requests_per_minute, f"{form}-requests")
            input_price = _price("Price of a million input tokens", before.input_price, f"{form}-input-price")
        with right:
            tokens = _whole("Tokens a minute", before.tokens_per_minute, f"{form}-tokens")
            output_price = _price("Price of a million output tokens", before.output_price, f"{form}-output-price")
        timeout = st.number_input(
            "Most seconds a call may take",
            value=before.timeout,
            step=10.0,
            format="%g",
            key=f"{form}-timeout",
            help="From sending it to the end of its answer. Then it counts as unanswered and is tried again.",
        )
        st.caption("All runs on this endpoint keep to the limits together. With prices, runs tell what they cost.")
    return replace(
        typed,
        timeout=_TIMEOUT if timeout is None else timeout,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        input_price=input_price,
        output_price=output_price,
    )


def limits_in_words(endpoint: Endpoint) -> str:
    """What is set apart from what every endpoint has, in one line; "" for nothing."""
    parts = []
    if endpoint.kind != "embedded" and endpoint.timeout != _TIMEOUT:
        parts.append(f"at most {duration(endpoint.timeout)} a call")
    if endpoint.requests_per_minute is not None:
        parts.append(f"{endpoint.requests_per_minute:,} requests a minute")
    if endpoint.tokens_per_minute is not None:
        parts.append(f"{endpoint.tokens_per_minute:,} tokens a minute")
    if prices := prices_in_words(endpoint):
        parts.append(prices)
    return " · ".join(parts)


def prices_in_words(endpoint: Endpoint) -> str:
    """Return "$0.15 in, $0.60 out a million tokens"; "" without a price."""
    prices = ((endpoint.input_price, "in"), (endpoint.output_price, "out"))
    known = [f"{money(price)} {way}" for price, way in prices if price is not None]
    return f"{', '.join(known)} a million tokens" if known else ""


def _whole(label: str, before: int | None, key: str) -> int | None:
    number = st.number_input(label, value=before, step=1, placeholder="no limit", key=key)
    return None if number is None else int(number)


def _price(label: str, before: float | None, key: str) -> float | None:
    return st.number_input(
        label, value=before, step=0.1, format="%g", placeholder="unknown", icon=":material/attach_money:", key=key
    )

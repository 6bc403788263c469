"""The most that a run may use: choosing it, telling it, and showing how much of it is gone."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import Budget, Endpoint, Progress, Run, Usage
from dataflow_core.running.estimate import Estimate, estimate
from dataflow_core.wording import about, about_range, money, money_range
from dataflow_core.workspace import Workspace
from ui.format import count


def has_price(endpoint: Endpoint) -> bool:
    return endpoint.cost(Usage()) is not None


def budget_fields(endpoint: Endpoint, before: Budget, key: str) -> Budget:
    """Let the person say how much may be used; empty fields are no limit. Money needs a price."""
    tokens = st.number_input(
        "Tokens",
        min_value=1,
        value=before.tokens,
        step=10_000,
        placeholder="no limit",
        key=f"{key}-tokens",
        persist_state="session",
    )
    if not has_price(endpoint):
        st.caption("With the model's prices, which Settings asks for, a limit in money can be set too.")
        return Budget(tokens, before.money)
    limit = st.number_input(
        "Money",
        min_value=0.0,
        value=before.money,
        step=1.0,
        format="%g",
        placeholder="no limit",
        icon=":material/attach_money:",
        key=f"{key}-money",
        persist_state="session",
    )
    return Budget(tokens, limit)


def share_used(run: Run, progress: Progress) -> float:
    """How much of the budget is gone, between 0 and 1, by whichever limit is nearer; 0 without one."""
    limits = ((run.budget.tokens, progress.usage.total), (run.budget.money, run.cost(progress) or 0.0))
    return max((min(used / limit, 1.0) if limit else 1.0 for limit, used in limits if limit is not None), default=0.0)


def used_in_words(run: Run, progress: Progress) -> str:
    """Return "$1.20 of $5.00 · 80,000 of 200,000 tokens"."""
    parts = []
    if run.budget.money is not None:
        parts.append(f"{money(run.cost(progress) or 0.0)} of {money(run.budget.money)}")
    if run.budget.tokens is not None:
        parts.append(f"{progress.usage.total:,} of {count(run.budget.tokens, 'token')}")
    return " · ".join(parts)


def estimate_of(workspace: Workspace, run: Run, progress: Progress) -> Estimate | None:
    """What the whole run will take, as far as its first inputs tell; None before one has ended."""
    return estimate(workspace.runs.usage_per_input(run.id), progress.total)


def estimate_in_words(found: Estimate, endpoint: Endpoint) -> tuple[str, str]:
    """Return "About 1.2 million tokens, $3.40", and what that rests on, with the range in which it is 9 times in 10."""
    expected = f"About {about(found.expected.total)} tokens"
    ranges = [f"{about_range(found.low.total, found.high.total)} tokens"]
    low, cost, high = (endpoint.cost(usage) for usage in (found.low, found.expected, found.high))
    if low is not None and cost is not None and high is not None:
        expected += f", {money(cost)}"
        ranges.append(money_range(low, high))
    basis = f"Estimated for all {count(found.inputs, 'input')} from {found.tried:,} tried"
    return expected, f"{basis}: {', '.join(ranges)}."

"""Giving a run that has used its budget up more of it."""

from __future__ import annotations

import math
from dataclasses import replace

import streamlit as st

from dataflow_core.models import Budget, Progress, Run, Usage
from dataflow_core.workspace import Workspace
from ui.budget import budget_fields, estimate_in_words, estimate_of, share_used, used_in_words
from ui.runs.actions import go_on_with
from ui.shell import remark
from ui.text import escape_markdown

#: The last calls need some room: each is reckoned at more than it should take.
_MORE = 1.1


def raise_budget(workspace: Workspace, run: Run, progress: Progress) -> None:
    """Show the button behind which a new limit is chosen, with which the run goes on."""
    found = estimate_of(workspace, run, progress)
    with st.popover("Raise the budget", type="primary", icon=":material/savings:"):
        st.caption(escape_markdown(f"Used so far: {used_in_words(run, progress)}."))
        if found is not None:
            expected, how_sure = estimate_in_words(found, run.endpoint)
            st.markdown(f"**{escape_markdown(expected)}**")
            st.caption(escape_markdown(how_sure))
        likely = found.high if found is not None else Usage()  # of the whole run, what is used included
        suggested = suggested_budget(run, progress.usage, likely)
        budget = budget_fields(run.endpoint, suggested, f"raised-budget-{run.id}-{progress.usage.total}")
        is_used = share_used(replace(run, budget=budget), progress) >= 1
        if is_used:
            remark(":material/warning: More than that is used already. An empty field is no limit.", "orange")
        if st.button("Go on with this budget", type="primary", disabled=is_used):
            go_on_with(workspace, run, budget)
            st.rerun()


def suggested_budget(run: Run, used: Usage, likely: Usage) -> Budget:
    """What should do for the rest, in the limits that the run has: a little more, rounded up to two digits."""
    tokens, amount = run.budget.tokens, run.budget.money
    if tokens is not None:
        tokens = int(_rounded_up(max(likely.total * _MORE, used.total * 1.5, tokens)))
    if amount is not None:
        cost = run.endpoint.cost
        amount = _rounded_up(max((cost(likely) or 0.0) * _MORE, (cost(used) or 0.0) * 1.5, amount))
    return Budget(tokens, amount)


def _rounded_up(number: float) -> float:
    if number <= 0:
        return number
    digits = 1 - math.floor(math.log10(number))
    scale = 10.0**digits
    return round(math.ceil(number * scale - 1e-9) / scale, max(digits, 0))

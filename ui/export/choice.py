"""What is to be exported: from which runs and imports, with which statuses."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.names import GENERATOR_NAMES, STATUS_NAMES
from ui.run_choice import runs_and_imports, source_label

_RUNS = "export_runs"


def choose_records(workspace: Workspace) -> Query:
    """Show the choice and return it; accepted records of all runs at first. No status chosen means any."""
    runs = runs_and_imports(workspace)
    wanted = st.query_params.get("run", "")
    if _RUNS not in st.session_state:
        st.session_state[_RUNS] = [wanted] if wanted in runs else []
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Runs and imports",
            list(runs),
            format_func=lambda run_id: source_label(runs[run_id]),
            key=_RUNS,
            persist_state="session",
            placeholder="All of them, and records written by hand",
            width=440,
        )
        statuses = st.pills(
            "Statuses",
            list(STATUS_NAMES.values()),
            selection_mode="multi",
            default=[STATUS_NAMES[ReviewStatus.ACCEPTED]],
            key="export_statuses",
            bind="query-params",
            wrap=True,
        )
    return Query(
        runs=tuple(chosen), statuses=tuple(status for status, name in STATUS_NAMES.items() if name in statuses)
    )


def count_by_generator(workspace: Workspace, query: Query) -> dict[str, int]:
    """How many records the query finds, by generator, in the order in which the app names them."""
    counts = workspace.records.count_by_generator(query)
    return {
        generator: counts[generator] for generator in dict.fromkeys([*GENERATOR_NAMES, *counts]) if generator in counts
    }


def why_nothing_matches(workspace: Workspace, query: Query) -> str:
    """Say in a sentence why the choice finds no records, and what to do."""
    waiting = {status: number for status, number in workspace.records.count_by_status(query).items() if number}
    if not waiting:
        if query.runs:
            return "The chosen runs have no records yet."
        return "There are no records yet. Make some first, or import a dataset."
    wanted = _listed((STATUS_NAMES[status].lower() for status in query.statuses), "or")
    others = _listed((f"{number:,} {STATUS_NAMES[status].lower()}" for status, number in waiting.items()), "and")
    if ReviewStatus.UNREVIEWED in waiting and ReviewStatus.ACCEPTED in query.statuses:
        number = waiting[ReviewStatus.UNREVIEWED]
        return f"No {wanted} records yet: {number:,} {'waits' if number == 1 else 'wait'} for review."
    return f"No {wanted} records: there are {others}."


def _listed(words: Iterable[str], joint: str) -> str:
    *most, last = words
    return f"{', '.join(most)} {joint} {last}" if most else last

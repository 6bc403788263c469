"""The parts of Home: what to do next, the counts, the recent runs, and the model that new runs take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dataflow_core.models import SKELETON, InputState, ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.endpoints import EMBEDDED_LIMITS
from ui.home.next_steps import Step, next_steps
from ui.home.recent_runs import recent_runs
from ui.shell import Badge
from ui.text import escape_markdown

_STEPS, _RUNS = 4, 10


def is_empty(workspace: Workspace) -> bool:
    return not workspace.runs.all(limit=1) and not workspace.records.count(Query())


def badges(workspace: Workspace) -> list[Badge]:
    model = workspace.endpoints.default().name
    return [
        Badge(workspace.name, "blue", ":material/folder_open:", help="The workspace. Settings has the others."),
        Badge(f"New runs use: {model}", "gray", ":material/neurology:", help="Settings changes it."),
    ]


def overview(workspace: Workspace) -> None:
    """Read anew every other second as long as a run goes on."""
    st.fragment(_overview, run_every=2.0 if workspace.runs.live() else None)(workspace)


def model_limits(workspace: Workspace) -> None:
    """Said as long as new runs would take the embedded model."""
    if workspace.endpoints.default().kind == "embedded":
        st.caption(EMBEDDED_LIMITS)
        st.page_link("pages/settings.py", label="Add a model", icon=":material/add:")


def _overview(workspace: Workspace) -> None:
    runs = [(run, workspace.runs.progress(run.id)) for run in workspace.runs.all(limit=_RUNS)]
    records = workspace.records.count_by_status(Query())
    skeletons = workspace.records.count_by_status(Query(stages=(SKELETON,)))
    waiting = {run.id: workspace.runs.waiting_by_status(run.id) for run, progress in runs if progress.waiting}
    whole = {status: number - skeletons[status] for status, number in records.items()}
    _next(next_steps(runs, whole, waiting))
    _metrics(workspace.runs.count_inputs(), records)
    if runs:
        st.subheader("Recent runs", anchor=False)
        recent_runs(runs)


def _next(steps: Sequence[Step]) -> None:
    """The first with the page's primary button."""
    with st.container(border=True, gap="small"):
        st.markdown("**Next**")
        if not steps:
            st.caption("Nothing is waiting. Bring more tasks, or plan more dialogues.")
        for number, step in enumerate(steps[:_STEPS]):
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.markdown(f"{step.icon} {escape_markdown(step.sentence)}", width="stretch")
                if st.button(step.action, type="primary" if number == 0 else "secondary", key=f"next-{number}"):
                    query = {"run": step.run_id} if step.run_id else None
                    st.switch_page(f"pages/{step.page}.py", query_params=query)


def _metrics(inputs: Mapping[InputState, int], records: Mapping[ReviewStatus, int]) -> None:
    facts = (
        ("Inputs", sum(inputs.values()), ":material/input:", "What records are made from, in all runs."),
        ("Records", sum(records.values()), ":material/dataset:", "Made by runs or written by hand."),
        ("Accepted", records[ReviewStatus.ACCEPTED], ":material/task_alt:", "Records that a person has accepted."),
        ("Failed", inputs[InputState.FAILED], ":material/error:", "Inputs without a record. Runs shows why."),
    )
    with st.grid(4, min_column_width=150, gap="small"):
        for label, value, icon, help_text in facts:
            st.metric(label, value, format="localized", border=True, icon=icon, help=help_text)

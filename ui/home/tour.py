"""The first minutes in an empty workspace: a run over sample tasks with the embedded model."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import EMBEDDED, Run
from dataflow_core.readers import guess_task_column, read_table, select_inputs
from dataflow_core.workspace import Workspace
from ui.endpoints import endpoint_warning
from ui.shell import empty_state
from ui.text import escape_markdown

TOUR = Path(__file__).parents[2] / "examples" / "tour_tasks.jsonl"
_STEPS = (
    (":material/upload_file:", "Bring", "Upload tasks, plan dialogues from intents, or import a dataset."),
    (":material/bolt:", "Generate", "A model drafts a record from each input. Nothing gets lost."),
    (":material/rate_review:", "Review", "Read, edit, accept or reject. Each version is kept."),
    (":material/ios_share:", "Export", "Take the accepted records to your trainer."),
)


def welcome(workspace: Workspace) -> None:
    with empty_state(
        "See how it works in two minutes",
        "Six sample tasks, drafted by the small model that comes with the app: no key and no network needed. "
        "Its drafts are rough. You review them and export what is good.",
        icon=":material/explore:",
    ):
        problem = endpoint_warning(EMBEDDED)
        is_started = st.button(
            "Start the tour", type="primary", icon=":material/play_arrow:", disabled=problem is not None
        )
        if st.button("Bring your tasks", icon=":material/account_tree:"):
            st.switch_page("pages/tasks.py")
        if st.button("Plan dialogues", icon=":material/forum:"):
            st.switch_page("pages/dialogues.py")
        if st.button("Write a recipe", icon=":material/design_services:"):
            st.switch_page("pages/custom.py")
        if st.button("Import a dataset", icon=":material/upload_file:"):
            st.switch_page("pages/import.py")
    if problem:
        st.warning(escape_markdown(problem), icon=":material/warning:")
    with st.grid(4, min_column_width=170, gap="small"):
        for icon, title, sentence in _STEPS:
            with st.container(border=True, gap="xxsmall", height="stretch"):
                st.markdown(f"{icon} **{title}**")
                st.caption(sentence)
    if is_started:
        _start(workspace)


def plan_tour(workspace: Workspace) -> Run:
    table = read_table(TOUR.read_bytes(), TOUR.name)
    column = guess_task_column(table)
    selection = select_inputs(table, column)
    return workspace.plan_tasks(table, selection, endpoint=EMBEDDED, input_task_key=column, name="Tour")


def _start(workspace: Workspace) -> None:
    try:
        run = plan_tour(workspace)
        workspace.start(run.id)
    except DataflowError as error:
        st.error(escape_markdown(str(error)))
    else:
        st.switch_page("pages/runs.py", query_params={"run": run.id})

"""Runs: what is being made, how far it is, and what failed."""

import streamlit as st

from dataflow_core.models import RunKind
from ui.runs.as_file import open_button
from ui.runs.by_hand import write_by_hand
from ui.runs.card import show_run
from ui.runs.details import show_details
from ui.runs.imported import show_import
from ui.runs.other_model import other_model
from ui.runs.run_list import chosen_run, listed_runs, say_if_unknown, show_runs
from ui.session import current_workspace
from ui.shell import empty_state, page_header, require_shell

require_shell("runs")
workspace = current_workspace()
runs = listed_runs(workspace)
open_button(workspace, page_header("Runs"))

if runs:
    chosen = chosen_run(runs)
    say_if_unknown(chosen)
    show_runs(workspace, runs, chosen)
    if chosen.kind is RunKind.IMPORT:
        show_import(workspace, chosen)
    else:
        show_run(workspace, chosen)
        show_details(workspace, chosen)
        other_model(workspace, chosen)
        write_by_hand(workspace, chosen)
else:
    with empty_state(
        "No runs yet",
        "A run makes records: from tasks of your own, from a plan of dialogues, or by a recipe.",
        icon=":material/bolt:",
    ):
        if st.button("Make tasks", type="primary"):
            st.switch_page("pages/tasks.py")
        if st.button("Make dialogues"):
            st.switch_page("pages/dialogues.py")
        if st.button("Write a recipe"):
            st.switch_page("pages/custom.py")

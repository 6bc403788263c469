"""Tasks: bring atomic tasks, see what was read, try a few, and start the run."""

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.flows.record_inputs import RecordChoice
from ui.session import current_workspace
from ui.shell import page_header, require_shell
from ui.tasks.options import offer_of, show_records, task_options
from ui.tasks.preview import Inputs, choose_inputs
from ui.tasks.records import RecordInputs, choose_record_inputs
from ui.tasks.source import choose_source
from ui.text import escape_markdown
from ui.try_out import trial_results, try_and_start

require_shell("tasks")
workspace = current_workspace()
page_header("Tasks")
st.caption(
    "Each atomic task is joined by three more: a parallel task that can run beside it, a subsequent one that needs the "
    "results of both, and a composition that asks for all of it in one request."
)

left, right = st.columns([1.9, 1], gap="medium")
with left:
    source = choose_source(workspace)
    trial = st.container()  # above the preview, whose length would keep it out of sight
    inputs: Inputs | RecordInputs | None = None
    if isinstance(source, RecordChoice):
        inputs = choose_record_inputs(workspace, source)
    elif source:
        inputs = choose_inputs(source)
with right.container(border=True):
    options = task_options(workspace)
    buttons = st.container()  # before what is said of the run, which changes as soon as a field is left for a button
    offer = None
    if inputs is None:
        st.caption("Bring some tasks first.")
    else:
        st.markdown(f"**{inputs.sentence}**")
        try:
            offer = offer_of(workspace, inputs, options)
        except UsageError as error:
            st.error(escape_markdown(str(error)))
with buttons:
    try_and_start(workspace, offer, trial=3)

with trial:
    trial_results(workspace, "tasks", offer, show_records)

"""Dialogues: choose intents, see the plan, try it, and start the run."""

import streamlit as st

from dataflow_core.errors import UsageError
from ui.dialogues.intents import choose_intents
from ui.dialogues.options import dialogue_options
from ui.dialogues.plan import Plan, offer_of, show_dialogues, show_plan
from ui.session import current_workspace
from ui.shell import page_header, require_shell
from ui.text import escape_markdown
from ui.try_out import trial_results, try_and_start

require_shell("dialogues")
workspace = current_workspace()
page_header("Dialogues")
st.caption(
    "A plan of intent × information flow × topic gives each dialogue its own course: first all of the user's messages "
    "are written, then the answers."
)

left, right = st.columns([1.9, 1], gap="medium")
card = right.container(border=True)
with card:
    options = dialogue_options(workspace)
with left:
    trial = st.container()  # above the intents, whose length would keep it out of sight
    counts = choose_intents(workspace, options.per_intent)

with card:
    buttons = st.container()  # before what is said of the run, which changes as soon as a field is left for a button
    plan = Plan(counts, options)
    offer = None
    try:
        plan.check()
    except UsageError as error:
        st.error(escape_markdown(str(error)))
    else:
        offer = offer_of(workspace, plan)
        st.markdown(f"**{plan.sentence}**")
        st.caption(plan.explanation)
with buttons:
    try_and_start(workspace, offer, trial=1)

with trial:
    trial_results(workspace, "dialogues", offer, show_dialogues)
if offer is not None:
    with left:
        show_plan(plan)

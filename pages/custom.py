"""Custom: build a recipe for records of one's own, try it on three, and start the run."""

import streamlit as st

from dataflow_core.errors import UsageError
from ui.custom.choice import choose_recipe, offer_saving
from ui.custom.form import edit_recipe
from ui.custom.options import custom_options, offer_of, sentence_of, show_records
from ui.custom.preview import show_first_prompt
from ui.custom.records import given_records
from ui.session import current_workspace
from ui.shell import page_header, remark, require_shell
from ui.text import escape_markdown
from ui.try_out import trial_results, try_and_start

require_shell("custom")
workspace = current_workspace()
actions = page_header("Custom")
st.caption(
    "A recipe makes records with fields of your own: what the model is to write, what it may vary, and the fields that "
    "each record has."
)

left, right = st.columns([1.9, 1], gap="medium")
with left:
    given = given_records(workspace)
    slot, more = choose_recipe(workspace)
    trial = st.container()  # above the form, whose length would keep it out of sight
    draft = edit_recipe(slot, given)
with actions, st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
    offer_saving(workspace, slot, draft, more)

with right.container(border=True):
    options = custom_options(workspace, given)
    buttons = st.container()  # before what is said of the run, which changes as soon as a field is left for a button
    offer = recipe = None
    if draft.is_empty:
        st.caption("Give the recipe a name, an instruction, and the fields that a record is to have.")
    else:
        try:
            recipe = draft.recipe(columns=given.columns if given else ())
        except UsageError as error:
            remark(f":material/edit_note: {escape_markdown(str(error))}", "orange")
        else:
            offer = offer_of(workspace, recipe, options, given)
            sentence_of(recipe, options, given)
with buttons:
    try_and_start(workspace, offer, trial=3)

with trial:
    trial_results(workspace, "custom", offer, show_records)
if recipe is not None:
    with left:
        show_first_prompt(recipe, options, given)

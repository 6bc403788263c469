"""Prompts: what the models are told, as texts to be read, copied and changed; and two of them compared."""

import streamlit as st

from ui.prompts.address import NEW, close_comparison, open_comparison, opened_comparison, opened_prompt
from ui.prompts.comparison import show_comparison
from ui.prompts.comparison_form import show_comparison_form
from ui.prompts.listing import show_list
from ui.prompts.opened import show_prompt
from ui.session import current_workspace
from ui.shell import page_header, require_shell

require_shell("prompts")
workspace = current_workspace()
compared = opened_comparison()
if compared:
    with page_header("Compare prompts"):
        st.button("Back to the prompts", icon=":material/arrow_back:", type="tertiary", on_click=close_comparison)
        if compared != NEW:
            st.button("Compare others", icon=":material/compare_arrows:", on_click=open_comparison)
    if compared == NEW:
        show_comparison_form(workspace)
    else:
        show_comparison(workspace, compared)
else:
    with page_header("Prompts"):
        st.button("Compare two prompts", icon=":material/compare_arrows:", on_click=open_comparison)
    st.caption("What the models are told. Copy a prompt, change its words, and try both on the same inputs.")
    left, right = st.columns([1, 2.6], gap="medium")
    opened = opened_prompt(workspace)
    with left:
        show_list(workspace, opened)
    with right:
        show_prompt(workspace, opened)

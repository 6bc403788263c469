"""Home: how the workspace stands, and what to do next."""

import streamlit as st

from ui.home.overview import badges, is_empty, model_limits, overview
from ui.home.tour import welcome
from ui.session import current_workspace
from ui.shell import page_header, require_shell

require_shell("home")
workspace = current_workspace()
has_nothing = is_empty(workspace)
with page_header("Home", badges=badges(workspace)):
    if not has_nothing and st.button("Bring tasks", icon=":material/account_tree:"):
        st.switch_page("pages/tasks.py")
    if not has_nothing and st.button("Plan dialogues", icon=":material/forum:"):
        st.switch_page("pages/dialogues.py")
    if not has_nothing and st.button("Write a recipe", icon=":material/design_services:"):
        st.switch_page("pages/custom.py")
    if not has_nothing and st.button("Import", icon=":material/upload_file:"):
        st.switch_page("pages/import.py")
if has_nothing:
    welcome(workspace)
else:
    overview(workspace)
model_limits(workspace)

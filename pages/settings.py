"""Settings: the models that can be reached, the workspaces, and where things are."""

import streamlit as st

from ui.session import current_workspace
from ui.settings.about import about
from ui.settings.endpoints import endpoint_list
from ui.settings.workspaces import workspace_list
from ui.shell import page_header, require_shell

require_shell("settings")
workspace = current_workspace()
page_header("Settings")
models, workspaces, about_tab = st.tabs(["Models", "Workspaces", "About"])
with models:
    endpoint_list(workspace)
with workspaces:
    workspace_list(workspace)
with about_tab:
    about(workspace)

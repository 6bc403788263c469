"""What is shown in place of every page while the session's workspace cannot be opened: why, and the ways out."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.workspace import Workspace
from ui.session import choose_workspace, chosen_name, current_workspace, home
from ui.settings.workspaces import create_workspace, do
from ui.shell import page_header
from ui.text import escape_markdown


def workspace_or_way_out() -> Workspace:
    """Return the session's workspace. Where it cannot be opened, offer what can be done and end the script."""
    try:
        return current_workspace()
    except DataflowError as error:
        _offer_ways_out(str(error))
        st.stop()


def _offer_ways_out(sentence: str) -> None:
    name = chosen_name()
    with page_header(f"The workspace {name} cannot be opened" if name else "No workspace can be opened"):
        st.button("Try again", icon=":material/refresh:")
    st.warning(escape_markdown(sentence), icon=":material/lock:")
    if others := [other for other in _names() if other != name]:
        st.caption("Your other workspaces:")
    for number, other in enumerate(others):
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{escape_markdown(other)}**", width="stretch")
            if st.button("Open", key=f"way-out-{number}"):
                do(partial(choose_workspace, other))
    create_workspace(None)


def _names() -> list[str]:
    try:
        return home().names()
    except DataflowError:
        return []  # the same trouble, which the page tells of already

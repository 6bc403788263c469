"""What a browser session works on: its workspace, the server's pasted keys, and the reviewer's name."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dataflow_core.home import Home
from dataflow_core.settings import Settings
from dataflow_core.workspace import Workspace

_CHOSEN = "workspace name"


@st.cache_resource(show_spinner=False)
def home() -> Home:
    return Home(Settings.from_environment().home)


@st.cache_resource(show_spinner=False)
def _opened(name: str) -> Workspace:
    return home().open(name)


def current_workspace() -> Workspace:
    """The session's workspace: the one it chose, else the one last opened; a first one is made where there is none."""
    name = st.session_state.get(_CHOSEN)
    if name is None or name not in home().names():
        if not (name := home().last_opened()):
            home().open_last().close()
            name = home().last_opened()
        st.session_state[_CHOSEN] = name
    return _opened(name)


def choose_workspace(name: str) -> None:
    """Work on another workspace from the next rerun on, in this session and in new ones."""
    home().remember(name)
    st.session_state.clear()
    st.session_state[_CHOSEN] = name


def forget_workspace(name: str) -> None:
    """Close a workspace that is about to be deleted."""
    _opened(name).close()
    _opened.clear(name)


@st.cache_resource(show_spinner=False)
def _keys_by_workspace() -> dict[Path, dict[str, str]]:
    return {}


def keys() -> dict[str, str]:
    """Keys pasted by a person, by endpoint name: in this server's memory only, for as long as it lives."""
    return _keys_by_workspace().setdefault(current_workspace().folder, {})


def reviewer() -> str:
    return str(st.session_state.get("reviewer name") or "reviewer")

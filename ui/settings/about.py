"""Who is at work here, which version this is, and where it keeps what."""

from __future__ import annotations

import platform
import tomllib
from pathlib import Path

import streamlit as st

from dataflow_core.workspace import DATABASE, Workspace
from ui.session import name_reviewer, own_name
from ui.text import plain


def about(workspace: Workspace) -> None:
    key = f"settings_name-{own_name()}"  # which the browser may tell only after it was first shown
    st.text_input(
        "Your name",
        own_name(),
        key=key,
        on_change=lambda: name_reviewer(st.session_state[key]),
        max_chars=60,
        placeholder="reviewer",
        help="Written beside your edits and decisions. This browser remembers it.",
        width=340,
    )
    st.caption(
        "Everything is in one folder a workspace: a database, the logs of its runs, and what has been exported. "
        "Nothing is sent anywhere but to the models that you choose."
    )
    facts = {
        "Version": f"Dataflow Studio {_version()}, Python {platform.python_version()}, Streamlit {st.__version__}",
        "All workspaces": str(workspace.folder.parent),
        "This workspace": str(workspace.folder),
        "Its database": str(workspace.folder / DATABASE),
        "Logs of its runs": str(workspace.folder / "logs"),
    }
    with st.container(border=True):
        for name, value in facts.items():
            left, right = st.columns([1, 4])
            left.caption(name)
            with right:
                plain(value)


def _version() -> str:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])

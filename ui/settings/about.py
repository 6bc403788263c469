"""Who is at work here, which version this is, and where it keeps what."""

from __future__ import annotations

import platform
import tomllib
from pathlib import Path

import streamlit as st

from dataflow_core.workspace import DATABASE, Workspace
from ui.session import REVIEWER_NAME
from ui.text import plain


def about(workspace: Workspace) -> None:
    st.text_input(
        "Your name",
        key=REVIEWER_NAME,
        persist_state="session",
        max_chars=60,
        placeholder="reviewer",
        help="Written beside your edits and decisions. This browser tab keeps it until you close it.",
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

"""The list of workspaces: opening, creating, backing up and deleting them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.session import choose_workspace, forget_workspace, home
from ui.text import escape_markdown, plain

_BACKUP = "backup"
#: A download is held in memory; a larger file is better copied from where it lies.
_DOWNLOADED_BYTES = 200 * 1024 * 1024


def workspace_list(current: Workspace) -> None:
    st.caption("Each workspace is a folder of its own: inputs, runs, records, endpoints and intents.")
    for number, name in enumerate(home().names()):
        _card(name, number, is_current=name == current.name)
    create_workspace(current)


def _card(name: str, number: int, *, is_current: bool) -> None:
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.markdown(f"**{escape_markdown(name)}**", width="content")
            if is_current:
                st.badge("Open now", color="blue", icon=":material/folder_open:")
        with st.container(horizontal=True, gap="small"):
            if not is_current and st.button("Open", key=f"open-{number}"):
                do(lambda: choose_workspace(name))
            if st.button("Back up", icon=":material/archive:", key=f"backup-{number}"):
                _back_up(name)
            if not is_current:
                with st.popover("Delete", type="tertiary"):
                    _delete(name, number)
        _offer_backup(name, number)


def _delete(name: str, number: int) -> None:
    st.caption("Its inputs, runs and records are deleted for good. Back it up first if you may want them again.")
    typed = st.text_input("Type its name to confirm", key=f"confirm-{number}", placeholder=name)
    if st.button("Delete this workspace", key=f"delete-workspace-{number}", disabled=typed.strip() != name):
        do(lambda: _close_and_delete(name))


def create_workspace(like: Workspace | None) -> None:
    """A form for a new workspace, with the endpoints of another where one is given."""
    with (
        st.form("create-workspace", clear_on_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        name = st.text_input("New workspace", placeholder="support-dialogues")
        if st.form_submit_button("Create and open") and name is not None:
            do(lambda: _create_and_open(name.strip(), like))


def _create_and_open(name: str, like: Workspace | None) -> None:
    created = home().create(name, like=like)
    created.close()
    choose_workspace(created.name)


def _close_and_delete(name: str) -> None:
    forget_workspace(name)
    home().delete(name)


def do(change: Callable[[], object]) -> None:
    """Make the change and show the page anew, or say why it could not be made."""
    try:
        change()
    except DataflowError as error:
        st.error(escape_markdown(str(error)))
    else:
        st.rerun()


def _back_up(name: str) -> None:
    try:
        st.session_state[_BACKUP] = (name, home().back_up(name))
    except DataflowError as error:
        st.error(escape_markdown(str(error)))


def _offer_backup(name: str, number: int) -> None:
    of, path = st.session_state.get(_BACKUP, ("", Path()))
    if of != name or not path.is_file():
        return
    size = path.stat().st_size
    st.caption(f"Backed up, {count(max(1, round(size / 1024)), 'kilobyte')}, to:")
    plain(str(path))
    if size <= _DOWNLOADED_BYTES:
        with path.open("rb") as file:
            st.download_button(
                "Download it", file, path.name, "application/zip", key=f"download-{number}", on_click="ignore"
            )

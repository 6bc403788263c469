"""Where a dataset comes from: a file that is dropped here, or one on this machine's disk. It outlives leaving the
page.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import streamlit as st

from dataflow_core.workspace import Workspace
from ui.downloads.short_lived import new_place
from ui.session import is_for_this_machine_alone
from ui.text import escape_markdown, without_invisible

TYPES = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet", "gz", "zst"]
#: The folder of uploads, and of what was left out of them, within the workspace's.
FOLDER = "uploads"
#: An upload is held in memory while it comes in.
MOST_UPLOADED = 100  # MB
_SOURCE, _PROBLEM, _GENERATION = "import-source", "import-source-problem", "import-generation"


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be imported. `stamp` tells it from what it was before it was changed; `is_upload`: it is our copy."""

    path: Path
    name: str
    size: int
    stamp: int
    folder: Path  # of the workspace that it is meant for
    is_upload: bool = False

    @property
    def key(self) -> tuple[str, int, int]:
        return (str(self.path), self.size, self.stamp)


def chosen_source(workspace: Workspace) -> Source | None:
    """The file that was chosen, as it is on the disk now; None where there is none, or none any more."""
    source: Source | None = st.session_state.get(_SOURCE)
    if source is None or source.folder != workspace.folder:
        return None
    try:
        found = source.path.stat()
    except OSError:
        st.session_state[_PROBLEM] = f"{source.name} is not there any more. Choose a file anew."
        forget_source()
        return None
    return Source(source.path, source.name, found.st_size, found.st_mtime_ns, source.folder, source.is_upload)


def choose_source(workspace: Workspace) -> None:
    """Show the two ways to bring a file; the page is drawn anew once there is one."""
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(escape_markdown(problem))
    upload, on_disk = st.tabs(["Upload a file", "A file on this machine"])
    with upload:
        file = st.file_uploader(
            "Dataset",
            TYPES,
            key=f"import-upload-{st.session_state.get(_GENERATION, 0)}",
            label_visibility="collapsed",
            max_upload_size=MOST_UPLOADED,
        )
        st.caption(
            "The shape is recognised from the content: chats as OpenAI, ShareGPT, Alpaca, TRL or DataFlow write them, "
            "preference pairs, DataFlow's tasks, tables with questions and answers. Anything else becomes records with "
            "the columns as their fields. You see what it becomes before anything is stored."
        )
        if is_for_this_machine_alone():
            st.caption("A larger file is read from this machine's disk: choose “A file on this machine” above.")
        if file is not None:
            with st.spinner("Storing the file ..."):
                _take_upload(workspace, cast(BinaryIO, file), str(file.name))
    if not is_for_this_machine_alone():
        on_disk.caption(
            "Not offered: this app can be reached from other machines, which must not read files of this one."
        )
        return
    with on_disk, st.form("import-path", border=False):
        typed = st.text_input("Path of the file", placeholder="/data/chats.jsonl.zst")
        st.caption("On the machine that this app runs on. It is read where it is, however large it is.")
        if st.form_submit_button("Read it", icon=":material/folder_open:"):
            _take_path(workspace, typed or "")


def show_source(source: Source) -> None:
    """The name of the file, and the way to another one."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(escape_markdown(source.name), anchor=False, width="content")
        st.button("Choose another", icon=":material/close:", on_click=forget_source)


def forget_source() -> None:
    """For a callback, or before a rerun. Our copy of an upload is deleted."""
    source: Source | None = st.session_state.pop(_SOURCE, None)
    st.session_state[_GENERATION] = st.session_state.get(_GENERATION, 0) + 1
    if source is not None and source.is_upload:
        shutil.rmtree(source.path.parent, ignore_errors=True)


def _take_upload(workspace: Workspace, file: BinaryIO, name: str) -> None:
    name = Path(name.replace("\\", "/")).name or "upload"
    try:
        target = new_place(workspace.folder / FOLDER) / name
        with target.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        _take(workspace, target, name, is_upload=True)
    except OSError as error:
        st.error(escape_markdown(f"{name} could not be stored in {workspace.folder}: {error.strerror}."))
        return
    st.session_state[_GENERATION] = st.session_state.get(_GENERATION, 0) + 1  # what was uploaded leaves the memory
    st.rerun()


def _take_path(workspace: Workspace, typed: str) -> None:
    text = without_invisible(typed).strip("\"'")
    if not text:
        st.error("Write the path of a file.")
        return
    path = Path(text).expanduser()
    try:
        if not path.is_absolute():
            st.error(escape_markdown(f"{text} is no whole path. Begin it with / or ~ (or a drive)."))
        elif path.is_dir():
            st.error(escape_markdown(f"{path} is a folder. Name one of the files in it."))
        elif not path.is_file():
            st.error(escape_markdown(f"There is no file {path} on this machine."))
        else:
            with path.open("rb"):
                _take(workspace, path, path.name)
            st.rerun()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        st.error(escape_markdown(f"{text} cannot be read: {reason}."))


def _take(workspace: Workspace, path: Path, name: str, *, is_upload: bool = False) -> None:
    found = path.stat()
    st.session_state[_SOURCE] = Source(path, name, found.st_size, found.st_mtime_ns, workspace.folder, is_upload)

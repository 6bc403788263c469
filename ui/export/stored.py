"""An export that was written: its files, all of it in one zip, and the way to the Hub."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporting.manifest import NAME, ManifestFile, StoredExport
from dataflow_core.exporting.zipping import zip_folder
from dataflow_core.workspace import Workspace
from ui.downloads.file_list import Offered, file_list
from ui.export.again import again_button, show_remade
from ui.export.comparing import compare
from ui.export.hub import push_button, show_push
from ui.export.splits import SPLIT_NAMES
from ui.export.writing import close_export, opened_export, remade_as
from ui.format import ago, count
from ui.jobs import followed, show_progress
from ui.names import generator_name
from ui.text import escape_markdown

_ZIP_WANTED = "export_zip_wanted"


def show_opened(workspace: Workspace) -> None:
    """The export that was written last, or opened from the list of past ones: its files and what to do with them."""
    path = opened_export(workspace)
    if path is None:
        return
    try:
        stored = workspace.bundles.open(path)
    except UsageError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        return
    with st.container(border=True, gap="small", key="export-opened"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f":material/check_circle: **{_headline(stored)}**", width="content")
            st.button("Close", type="tertiary", icon=":material/close:", on_click=close_export)
        st.caption(escape_markdown(f"{_facts(stored)} · {path}"))
        if made := remade_as(path):
            show_remade(made)
        _show_files(workspace, stored)
        show_push(path)
        with st.container(horizontal=True, gap="small"):
            if path.is_dir():
                _zip_button(path)
            push_button(workspace, stored)
            compare(workspace, stored)
            again_button(workspace, stored)


def when(stored: StoredExport) -> datetime:
    """When it was written."""
    try:
        return datetime.fromisoformat(stored.manifest.at)
    except ValueError:
        return datetime.fromtimestamp(stored.path.stat().st_mtime, UTC)


def format_title(stored: StoredExport) -> str:
    name = stored.manifest.plan.format
    return EXPORTERS[name].title if name in EXPORTERS else name


def _headline(stored: StoredExport) -> str:
    left_out = stored.manifest.left_out
    more = f", {left_out:,} left out" if left_out else ""
    return f"{count(stored.manifest.records, 'record')} exported{more}"


def _facts(stored: StoredExport) -> str:
    return f"{format_title(stored)} · {ago(when(stored))}"


def _show_files(workspace: Workspace, stored: StoredExport) -> None:
    """The data and what was left out of it; the rest, which a trainer and the Hub want, folded away."""
    folder, manifest = stored.path.parent, stored.manifest
    whole = Offered(_zip_of(stored.path), "Everything in one zip", is_main=True)
    rows = [whole] if whole.path.is_file() else []
    if stored.path.is_dir():
        rows += [Offered(stored.path / file.name, _about(file)) for file in manifest.files if file.kind != "about"]
    file_list(rows, folder, key=f"files-{manifest.name}")
    _make_zip(stored.path)
    about = [file.name for file in manifest.files if file.kind == "about"]
    if stored.path.is_dir():
        with st.expander(f"What goes along · {count(len(about) + 1, 'file')}", key=f"along-{manifest.name}"):
            st.caption("The dataset card, what LLaMA-Factory, Axolotl and TRL have to be told, and the manifest.")
            file_list([Offered(stored.path / name) for name in (*about, NAME)], folder, key=f"more-{manifest.name}")


def _about(file: ManifestFile) -> str:
    if file.kind == "left out":
        return f"Left out, with the reasons · {count(file.records, 'record')}"
    parts = [generator_name(file.generator)]
    if file.split:
        parts.append(SPLIT_NAMES.get(file.split, file.split).lower())
    return f"{', '.join(parts)} · {count(file.records, 'record')}"


def _zip_of(path: Path) -> Path:
    return path if path.suffix == ".zip" else path.with_name(f"{path.name}.zip")


def _zip_button(path: Path) -> None:
    if not _zip_of(path).is_file() and st.session_state.get(_ZIP_WANTED) != path:
        st.button(
            "Everything in one zip",
            icon=":material/folder_zip:",
            on_click=st.session_state.update,
            args=({_ZIP_WANTED: path},),
        )


def _make_zip(path: Path) -> None:
    """Where it was asked for: a large one takes its time."""
    if st.session_state.get(_ZIP_WANTED) != path or _zip_of(path).is_file():
        return
    job = followed("export-zip", ("zip", path), lambda _: zip_folder(path))
    if job.problem:
        del st.session_state[_ZIP_WANTED]
        st.error(escape_markdown(job.problem), icon=":material/error:")
    elif job.is_done:
        st.rerun()
    else:
        job.sentence = "Packing the zip …"
        show_progress(job, key="export-zipping")

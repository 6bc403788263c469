"""A past export made again: the same records as they were then, with another licence if one is wanted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from dataflow_core.exporting.about import LICENCES
from dataflow_core.exporting.manifest import StoredExport
from dataflow_core.exporting.remaking import Remade
from dataflow_core.workspace import Workspace
from ui.export.writing import being_written, is_opened_from_list, start_again
from ui.format import count
from ui.shell import remark
from ui.text import escape_markdown

LABEL, ICON = "Export again", ":material/replay:"
_LONGEST = 130  # bytes of a name, so that it still fits with what is added to it


def again_button(workspace: Workspace, stored: StoredExport) -> None:
    if st.button(f"{LABEL} …", icon=ICON):
        ask_again(workspace, stored, from_list=is_opened_from_list())


@st.dialog("Export again", icon=ICON)
def ask_again(workspace: Workspace, stored: StoredExport, *, from_list: bool) -> None:
    """Say what it will be, and start it. What comes of it is shown by the list, if it was asked for there."""
    manifest = stored.manifest
    st.caption(
        escape_markdown(
            f"The {count(manifest.records, 'record')} of {manifest.name}, as they were then, in the same format and "
            "splits, in a new folder. The files come out byte for byte the same, unless records are gone."
        )
    )
    said = manifest.about.licence
    licence = st.selectbox(
        "Licence",
        list(dict.fromkeys([*([said] if said else []), *LICENCES])),
        index=0 if said else None,
        accept_new_options=True,
        placeholder="Not said",
        key=f"export_again_licence-{manifest.name}",
        help="It stands in the dataset card and goes to the Hub with it.",
    )
    if st.button(LABEL, type="primary", icon=ICON, disabled=being_written() is not None, key="export-again-go"):
        about = replace(manifest.about, licence=(licence or "").strip())
        start_again(workspace, stored, about, _free_name(stored.path.parent, manifest.name), from_list=from_list)
        st.rerun()


def show_remade(made: Remade) -> None:
    """Whether the files are what they were."""
    if made.is_same:
        files = count(len(made.identical), "file")
        remark(f":material/check_circle: Made again: {files} byte for byte as it was.", "green")
        return
    reasons = [
        f"{count(found.count, 'record')} {why}"
        for found, why in (
            (made.gone, "not in this workspace any more"),
            (made.unfit, "not to be shown in this format by this version"),
        )
        if found.count
    ]
    files = count(len(made.differing) + len(made.missing), "file")
    why = f": {', '.join(reasons)}" if reasons else ""
    remark(f":material/warning: Made again, but {files} not as it was{escape_markdown(why)}.", "orange")


def _free_name(folder: Path, name: str) -> str:
    stem = name.split("-again")[0].encode()[:_LONGEST].decode(errors="ignore") + "-again"
    tried, number = stem, 1
    while (folder / tried).exists() or (folder / f"{tried}.zip").exists():
        number += 1
        tried = f"{stem}-{number}"
    return tried

"""The exports that were written before, newest first."""

from __future__ import annotations

import streamlit as st

from dataflow_core.exporting.manifest import StoredExport
from dataflow_core.workspace import Workspace
from ui.export.again import ICON, LABEL, ask_again
from ui.export.splits import SPLIT_NAMES
from ui.export.stored import format_title, show_opened, when
from ui.export.writing import is_opened_from_list, open_export, opened_export
from ui.format import ago

_OPEN, _AGAIN = "export-open-past", "export-again-past"
_LISTED = 50


def past_exports(workspace: Workspace) -> None:
    """List them, each with a button that opens it and one that makes it again."""
    found = _found(workspace)
    if not found:
        return
    st.subheader("Past exports", anchor=False)
    if is_opened_from_list():  # here, where the click was, and not out of sight at the top
        show_opened(workspace)
    opened = opened_export(workspace)
    st.dataframe(
        {
            "Export": [stored.manifest.name for stored in found],
            "When": [ago(when(stored)) for stored in found],
            "Format": [format_title(stored) for stored in found],
            "Records": [stored.manifest.records for stored in found],
            "Left out": [stored.manifest.left_out for stored in found],
            "Splits": [_splits(stored) for stored in found],
            "": ["Shown above" if stored.path == opened else ":material/arrow_forward: Open" for stored in found],
            " ": [f"{ICON} {LABEL}"] * len(found),
        },
        hide_index=True,
        height="content" if len(found) <= 6 else 276,
        row_height=40,
        alt="Past exports, newest first",
        column_config={
            "Records": st.column_config.NumberColumn(format="localized", width=80),
            "Left out": st.column_config.NumberColumn(format="localized", width=80),
            "When": st.column_config.TextColumn(width=100),
            "": st.column_config.ButtonColumn("", type="tertiary", key=_OPEN, width=110),
            " ": st.column_config.ButtonColumn("", type="tertiary", key=_AGAIN, width=130),
        },
    )
    click = st.session_state.get(_OPEN)
    if click and click["row"] < len(found) and found[click["row"]].path != opened:
        open_export(found[click["row"]].path, from_list=True)
        st.rerun()
    again = st.session_state.get(_AGAIN)
    if again and again["row"] < len(found):
        ask_again(workspace, found[again["row"]], from_list=True)


def _found(workspace: Workspace) -> list[StoredExport]:
    """Of a folder and its zip, the folder."""
    found = workspace.bundles.listed(workspace.bundles.folder)
    folders = {stored.path for stored in found if stored.path.is_dir()}
    return [stored for stored in found if stored.path in folders or stored.path.with_suffix("") not in folders][
        :_LISTED
    ]


def _splits(stored: StoredExport) -> str:
    names = dict.fromkeys(file.split for file in stored.manifest.data)
    return ", ".join(SPLIT_NAMES.get(name, name).lower() for name in names if name) or "one file"

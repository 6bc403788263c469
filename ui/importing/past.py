"""The imports of the workspace, with what came of them."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import RunKind
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.format import ago
from ui.names import generator_name

_SHOWN = 20
_OPEN = "import-open-run"


def past_imports(workspace: Workspace) -> None:
    """The newest, each with a button that leads to its records."""
    found = workspace.runs.all(_SHOWN, kind=RunKind.IMPORT)
    if not found:
        return
    counts = workspace.records.count_by("runs", Query())
    st.subheader("Imported before", anchor=False)
    st.dataframe(
        {
            "File": [run.name for run in found],
            "Became": [generator_name(run.generator) for run in found],
            "Records": [counts.get(run.id, 0) for run in found],
            "Left out": [int(run.source.get("skipped") or 0) for run in found],
            "When": [ago(run.created_at) for run in found],
            "": [":material/arrow_forward: Review"] * len(found),
        },
        hide_index=True,
        height="content" if len(found) <= 6 else 260,
        row_height=40,
        alt="Imports, newest first",
        column_config={
            "Records": st.column_config.NumberColumn(format="localized", width=80),
            "Left out": st.column_config.NumberColumn(format="localized", width=80),
            "When": st.column_config.TextColumn(width=110),
            "": st.column_config.ButtonColumn("", type="tertiary", key=_OPEN, width=100),
        },
    )
    click = st.session_state.get(_OPEN)
    if click and click["row"] < len(found):
        st.switch_page("pages/review.py", query_params={"run": found[click["row"]].id})

"""While records that were imported are still being indexed and checked, that is said beside what the filters find."""

from __future__ import annotations

import streamlit as st

from dataflow_core.workspace import Workspace
from ui.format import count


def show_indexing(workspace: Workspace) -> None:
    """A line that counts down by itself; the page is drawn anew at the end. Nothing where all is done."""
    if workspace.imports.unindexed():
        st.fragment(_indexing, run_every=2.0)(workspace)


def _indexing(workspace: Workspace) -> None:
    left = workspace.imports.unindexed()
    if not left:
        st.rerun()
    st.caption(
        f":material/hourglass_top: {count(left, 'record')} still to be indexed and checked. Until then a search does "
        "not find all of them, and their findings are missing."
    )

"""What a file turns out to hold, recognised from its first entries."""

from __future__ import annotations

import streamlit as st

from dataflow_core.importers.base import ImportMapping, Recognised
from dataflow_core.workspace import Workspace
from ui.format import count, size_in_words
from ui.importing.source import Source
from ui.shell import Badge, remark, show_badge
from ui.text import escape_markdown

_RECOGNISED = "import-recognised"
_A_TABLE = "columns"  # a shape that has no turns of its own


def recognised_as(workspace: Workspace, source: Source) -> Recognised:
    """Read once as long as the file stays as it is. Raises `ReadError`."""
    cached: tuple[object, Recognised] | None = st.session_state.get(_RECOGNISED)
    if cached is None or cached[0] != source.key:
        with st.spinner("Looking at the file ..."):
            cached = (source.key, workspace.imports.recognise(source.path, source.name))
        st.session_state[_RECOGNISED] = cached
    return cached[1]


def taken_as(workspace: Workspace, recognised: Recognised, mapping: ImportMapping) -> Recognised:
    """What becomes of its first entries by this mapping. Raises `UsageError`."""
    return recognised if mapping == recognised.mapping else workspace.imports.preview(recognised, mapping)


def show_recognised(source: Source, recognised: Recognised) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        is_sure = recognised.is_certain
        icon = ":material/check_circle:" if is_sure else ":material/help:"
        show_badge(Badge(recognised.title, "green" if is_sure else "orange", icon, help="Recognised from its content."))
        show_badge(Badge(size_in_words(source.size)))
        if recognised.shape == _A_TABLE or not is_sure:  # a chat has its turns, whatever columns hold them
            show_badge(Badge(count(len(recognised.columns), "column")))
    if not is_sure:
        remark(":material/help: It is not clear what this file holds. Check which column is what.", "orange")
    for note in recognised.notes:
        st.caption(f":material/info: {escape_markdown(note)}")

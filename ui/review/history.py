"""A record's revisions, and going back to one."""

from __future__ import annotations

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Record, Revision
from dataflow_core.workspace import Workspace
from ui.format import ago
from ui.review.filters import read_anew
from ui.review.saving import notice
from ui.session import reviewer
from ui.text import escape_markdown, plain
from ui.values import as_text


def show_history(workspace: Workspace, record: Record) -> None:
    revisions = workspace.records.history(record.id)
    if len(revisions) == 1:
        st.caption(f"{escape_markdown(_name(revisions[0]))}. It has not been changed since.")
        return
    labels = {revision.number: _name(revision) for revision in revisions}
    number: int = st.selectbox(
        "Version", list(labels), format_func=labels.__getitem__, key=f"history-{record.id}", width=340
    )
    chosen = next(revision for revision in revisions if revision.number == number)
    if chosen.number == record.revision:
        st.caption("This is the present text. Choose an earlier version to see what was different.")
        return
    for name, value in chosen.fields.items():
        if value != record.fields.get(name):
            st.caption(escape_markdown(name))
            with st.container(border=True, width=520):
                plain(as_text(value) or "(empty)")
    st.button(
        f"Go back to version {chosen.number}",
        icon=":material/restore:",
        on_click=_restore,
        args=(workspace, record.id, chosen.number),
        help="Adds it as the newest version. Nothing is deleted.",
    )


def _restore(workspace: Workspace, record_id: str, revision: int) -> None:
    try:
        workspace.review.restore(record_id, revision, author=reviewer())
    except DataflowError as error:
        notice(str(error))
    read_anew()


def _name(revision: Revision) -> str:
    return f"{revision.number} · {revision.kind.value} by {revision.author} · {ago(revision.at)}"

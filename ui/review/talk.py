"""What people say about a record: their comments, and the tags they put on it."""

from __future__ import annotations

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.models import Record
from dataflow_core.workspace import Workspace
from ui.format import ago
from ui.review.saving import notice
from ui.session import reviewer
from ui.text import escape_markdown, plain

_BOX = 76  # pixels


def show_comments(workspace: Workspace, record: Record) -> None:
    """Show the comments, oldest first, and the place for another one."""
    for comment in workspace.records.comments(record.id):
        with st.container(border=True, gap=None):
            st.caption(f"**{escape_markdown(comment.author)}** · {ago(comment.at)}")
            plain(comment.text)
    key = f"comment-{record.id}"
    # Kept while other records are looked at: what was begun here is still there then.
    st.text_area(
        "Comment",
        key=key,
        height=_BOX,
        label_visibility="collapsed",
        placeholder="Write a comment",
        persist_state="session",
    )
    st.button("Add comment", key=f"add-{key}", on_click=_comment, args=(workspace, record, key))


def show_tags(workspace: Workspace, record: Record) -> None:
    """Show the record's tags to be changed; a tag that is new in the workspace is typed in."""
    key = f"tags-{record.id}"
    tags = workspace.records.tags(record.id)
    is_first = key not in st.session_state
    if is_first:
        st.session_state[_shown(key)] = tags
    elif set(st.session_state[_shown(key)]) != set(tags):  # changed elsewhere, by an undo or somebody else
        st.session_state[key] = st.session_state[_shown(key)] = tags
    st.multiselect(
        "Tags",
        sorted({*workspace.provenance.known_tags(), *tags}),
        default=None if key in st.session_state else tags,
        key=key,
        accept_new_options=True,
        on_change=_save_tags,
        args=(workspace, record, key),
        label_visibility="collapsed",
        placeholder="Add a tag",
    )
    if is_first:
        # After a restart of the server the browser says again what was chosen. What is missing there may have been
        # added by somebody else since.
        chosen = st.session_state.get(key) or []
        st.session_state[_shown(key)] = [tag for tag in tags if tag in chosen]
    _save_tags(workspace, record, key)


def _comment(workspace: Workspace, record: Record, key: str) -> None:
    text = st.session_state.get(key) or ""
    if not text.strip():
        return
    try:
        workspace.review.comment(record.id, text, author=reviewer())
    except DataflowError as error:
        notice(f"The comment was not saved. {error}")
        return
    st.session_state[key] = ""


def _save_tags(workspace: Workspace, record: Record, key: str) -> None:
    """Write what differs from the tags that were shown: those which others add meanwhile stay."""
    chosen: list[str] = st.session_state.get(key) or []
    shown: list[str] = st.session_state.get(_shown(key), [])
    st.session_state[_shown(key)] = list(chosen)
    try:
        for tag in chosen:
            if tag not in shown:
                workspace.review.tag(record.id, tag, author=reviewer())
        for tag in shown:
            if tag not in chosen:
                workspace.review.tag(record.id, tag, author=reviewer(), is_added=False)
    except DataflowError as error:
        notice(f"The tags were not saved. {error}")


def _shown(key: str) -> str:
    return f"{key}-shown"

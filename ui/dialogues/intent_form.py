"""The dialog in which an intent's flows and topics are seen, changed and added."""

from __future__ import annotations

import streamlit as st
from ulid import ULID

from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.models import Intent
from dataflow_core.workspace import Workspace
from ui.dialogues.text import flows_as_text, flows_from_text, topics_from_text
from ui.text import escape_markdown

_OPEN = "intent-form"


def open_intent_form(intent: Intent | None) -> None:
    """Have the dialog shown from the next rerun on; without `intent`, to add one."""
    st.session_state[_OPEN] = (str(ULID()), intent)  # new widgets each time: they begin with what is stored


def intent_form(workspace: Workspace) -> None:
    """Show the dialog while it is open: a rerun of the page, as when a run ends, must not close it."""
    if _OPEN in st.session_state:
        form, intent = st.session_state[_OPEN]
        title = "Add an intent" if intent is None else "Edit the intent"
        st.dialog(title, width="large", dismissible=False)(_form)(workspace, form, intent)


def _close() -> None:
    st.session_state.pop(_OPEN, None)


def _form(workspace: Workspace, form: str, before: Intent | None) -> None:
    shown = before or Intent("", "", (), ())
    name = st.text_input("Name", shown.name, key=f"{form}-name", disabled=before is not None)
    description = st.text_input(
        "Description", shown.description, key=f"{form}-description", help="What the user wants. The model reads it."
    )
    flows = st.text_area(
        "Information flows",
        flows_as_text(shown.flows),
        key=f"{form}-flows",
        height=190,
        placeholder="From symptom to cause: describes the symptom; says what was tried; asks for the likely cause",
        help="One a line: its name, a colon, and its steps with semicolons between them.",
    )
    topics = st.text_area(
        "Topics",
        "\n".join(shown.topics),
        key=f"{form}-topics",
        height=190,
        placeholder="a dishwasher that leaves grit on the glasses",
        help="One a line.",
    )
    with st.container(horizontal=True, gap="small"):
        is_saved = st.button("Save", type="primary")
        if st.button("Cancel", type="tertiary", on_click=_close):
            st.rerun()
        _offer_removal(workspace, before)
    if not is_saved:
        return
    try:
        _save(workspace, name.strip(), description.strip(), flows, topics, is_new=before is None)
    except DataflowError as error:
        st.error(escape_markdown(str(error)))
    else:
        _close()
        st.rerun()


def _offer_removal(workspace: Workspace, intent: Intent | None) -> None:
    if intent is None or intent.builtin:
        return
    is_builtin = workspace.intents.is_builtin_name(intent.name)
    if st.button("Reset to the built-in one" if is_builtin else "Delete this intent"):
        workspace.intents.remove(intent.name)
        _close()
        st.rerun()


def _save(workspace: Workspace, name: str, description: str, flows: str, topics: str, *, is_new: bool) -> None:
    if is_new and any(intent.name == name for intent in workspace.intents.all()):
        raise UsageError(f"There is an intent named {name} already. Choose another name, or edit that one.")
    workspace.intents.save(Intent(name, description, flows_from_text(flows), topics_from_text(topics)))

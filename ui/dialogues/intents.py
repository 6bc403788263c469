"""The list of intents: which of them a run takes, and how many dialogues of each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dataflow_core.models import Intent
from dataflow_core.workspace import Workspace
from ui.dialogues.intent_form import intent_form, open_intent_form
from ui.format import count
from ui.text import escape_markdown


def choose_intents(workspace: Workspace, per_intent: int) -> list[tuple[Intent, int]]:
    """Return the chosen intents with their numbers of dialogues; `per_intent` where none is given."""
    intents = workspace.intents.all()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader("Intents", anchor=False, width="stretch")
        st.button("All", type="tertiary", on_click=_choose, args=(intents, True))
        st.button("None", type="tertiary", on_click=_choose, args=(intents, False))
        st.button("Add an intent", icon=":material/add:", on_click=open_intent_form, args=(None,))
    chosen: list[tuple[Intent, int]] = []
    with st.container(border=True, gap="xxsmall"):
        for intent in intents:
            number = _row(workspace, intent, per_intent)
            if number is not None:
                chosen.append((intent, number))
    intent_form(workspace)
    return chosen


def _row(workspace: Workspace, intent: Intent, per_intent: int) -> int | None:
    """The number of dialogues, None for an intent that is not chosen."""
    st.session_state.setdefault(_chosen_key(intent), True)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        is_chosen = st.checkbox(
            escape_markdown(intent.name),
            key=_chosen_key(intent),
            persist_state="session",
            help=escape_markdown(intent.description) or None,
            width="stretch",
        )
        st.caption(_extent(workspace, intent), width="content")
        number = st.number_input(
            "Dialogues",
            *(0, 1_000_000, None),
            placeholder=f"{per_intent:,}",
            key=f"intent-number-{intent.name}",
            persist_state="session",
            disabled=not is_chosen,
            label_visibility="collapsed",
            width=110,
        )
        st.button("Edit", type="tertiary", key=f"intent-edit-{intent.name}", on_click=open_intent_form, args=(intent,))
    if not is_chosen:
        return None
    return per_intent if number is None else number


def _extent(workspace: Workspace, intent: Intent) -> str:
    extent = f"{count(len(intent.flows), 'flow')} × {count(len(intent.topics), 'topic')}"
    if intent.builtin:
        return extent
    return f"{extent} · {'changed' if workspace.intents.is_builtin_name(intent.name) else 'own'}"


def _choose(intents: Sequence[Intent], is_chosen: bool) -> None:
    for intent in intents:
        st.session_state[_chosen_key(intent)] = is_chosen


def _chosen_key(intent: Intent) -> str:
    return f"intent-chosen-{intent.name}"

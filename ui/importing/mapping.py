"""How the columns of a file are taken: as its content says, or as a person does where that is not sure."""

from __future__ import annotations

from collections.abc import Mapping as Names
from dataclasses import replace

import streamlit as st

from dataflow_core.importers.base import ImportMapping, Recognised
from ui.importing.source import Source
from ui.names import CUSTOM, DIALOGUES, TASKS

KIND_NAMES = {DIALOGUES: "Dialogues", TASKS: "Tasks", CUSTOM: "Records of your own"}
_WHAT = {
    DIALOGUES: "Conversations of a user and an assistant.",
    TASKS: "A task with its three others, all in the file. To have a model write those, give the file to Tasks.",
    CUSTOM: "Every column becomes a field of the record, as it is.",
}
_PARTS: Names[str, Names[str, str]] = {
    TASKS: {
        "atom_task": "Task",
        "parallel_task": "Parallel task",
        "subsequent_task": "Subsequent task",
        "composition_task": "Composition task",
    },
    DIALOGUES: {"conversation": "Conversation", "system": "System", "category": "Category"},
    CUSTOM: {},
}
_PAIRS = {"user": "Question", "input": "What belongs to it", "assistant": "Answer", "history": "Earlier turns"}
_NEEDED = {"atom_task", "parallel_task", "subsequent_task", "composition_task", "conversation", "user"}
_WHOLE, _APART = "One column holds the turns", "Question and answer in columns of their own"


def choose_mapping(source: Source, recognised: Recognised) -> ImportMapping:
    """Show how the columns are taken, open to be changed; what is not changed stays as it was recognised."""
    with st.expander(
        "Which column is what", expanded=not recognised.is_certain, icon=":material/view_column:", key="import-mapping"
    ):
        guessed = recognised.mapping
        kind: str = st.segmented_control(
            "What it becomes",
            list(KIND_NAMES),
            format_func=lambda kind: KIND_NAMES[kind],
            default=guessed.kind if guessed.kind in KIND_NAMES else CUSTOM,
            required=True,
            key=_key(source, "kind"),
            persist_state="session",
            wrap=True,
        )
        st.caption(_WHAT[kind])
        usual = guessed if kind == guessed.kind else ImportMapping(kind)
        parts = _PARTS[kind]
        if kind == DIALOGUES and _is_apart(source, usual):
            parts = {**_PAIRS, **{name: label for name, label in parts.items() if name != "conversation"}}
        elif "completion" in usual.columns:
            parts = {"conversation": "Conversation", "completion": "Its last turns", **parts}
        with st.container(horizontal=True, gap="small"):
            chosen = {part: _column(source, recognised, usual, part, label) for part, label in parts.items()}
    columns = {part: column for part, column in chosen.items() if column}
    return replace(usual, columns=columns)


def lacking(mapping: ImportMapping) -> str:
    """Which columns are still to be chosen, in a sentence; "" where none are."""
    if mapping.kind == CUSTOM:
        return ""
    if mapping.kind == DIALOGUES:
        has = mapping.columns.keys()
        is_enough = "conversation" in has or "user" in has
        return "" if is_enough else "Choose the column that holds the conversation, or the questions."
    missing = [label for part, label in _PARTS[TASKS].items() if part not in mapping.columns]
    return f"Choose the column of: {', '.join(missing).lower()}." if missing else ""


def _is_apart(source: Source, usual: ImportMapping) -> bool:
    is_apart = "user" in usual.columns and "conversation" not in usual.columns
    how: str = st.radio(
        "Turns",
        [_WHOLE, _APART],
        index=int(is_apart),
        key=_key(source, "turns"),
        persist_state="session",
        horizontal=True,
        label_visibility="collapsed",
    )
    return how == _APART


def _column(source: Source, recognised: Recognised, usual: ImportMapping, part: str, label: str) -> str:
    options = ["", *recognised.columns]
    guess = usual.columns.get(part, part if part in recognised.columns else "")
    return str(
        st.selectbox(
            label,
            options,
            index=options.index(guess) if guess in options else 0,
            format_func=lambda name: name or ("Choose …" if part in _NEEDED else "None"),
            key=_key(source, f"{usual.kind}-{part}"),
            persist_state="session",
            width=180,
        )
    )


def _key(source: Source, name: str) -> str:
    return f"import-{name}-{source.key}"

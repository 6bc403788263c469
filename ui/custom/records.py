"""Records of this workspace that a recipe makes others from, one each."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dataflow_core.flows.record_inputs import RecordChoice
from dataflow_core.models import Fields
from dataflow_core.workspace import Workspace
from ui.text import escape_markdown
from ui.use_records import CUSTOM_RECORDS, Handed, choose_which, say_why_none


@dataclass(frozen=True, slots=True)
class Given:
    """`first` is what the first of the records holds; all their fields may stand in the instruction."""

    choice: RecordChoice
    number: int
    first: Fields

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.first)


def given_records(workspace: Workspace) -> Given | None:
    """Show which records the page was handed, and let the person choose among them; None where there are none."""
    handed: Handed | None = st.session_state.get(CUSTOM_RECORDS)
    if handed is None or handed.folder != workspace.folder:
        return None
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**One for each of: {escape_markdown(handed.choice.name)}**", width="content")
            st.button("Without records", icon=":material/close:", type="tertiary", on_click=_forget)
        choice, number = choose_which(workspace, handed.choice, "custom-records-which")
        sample = choice.sample(workspace.records, 1)
        if not sample:
            say_why_none(workspace, handed.choice)
            return Given(choice, 0, {})
        names = ", ".join(f"{{{name}}}" for name in sample[0].fields)
        st.caption(escape_markdown(f"In the instruction, these stand for a field of the record: {names}"))
    return Given(choice, number, sample[0].fields)


def _forget() -> None:
    st.session_state.pop(CUSTOM_RECORDS, None)

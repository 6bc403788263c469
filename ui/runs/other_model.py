"""The dialog in which another model is chosen for what one has failed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dataflow_core.models import Run, Stage
from dataflow_core.workspace import Workspace
from ui.endpoints import endpoint_label, endpoint_warning
from ui.format import count
from ui.runs.actions import retry_failed
from ui.text import escape_markdown

_OPEN = "other-model"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which failed inputs of a run, and how many they are."""

    run_id: str
    inputs: int
    stage: Stage | None
    input_ids: Sequence[str] | None


def open_other_model(
    run: Run, inputs: int, *, stage: Stage | None = None, input_ids: Sequence[str] | None = None
) -> None:
    """Have the dialog shown from the next rerun on."""
    st.session_state[_OPEN] = Wanted(run.id, inputs, stage, input_ids)


def other_model(workspace: Workspace, run: Run) -> None:
    """Show the dialog while it is open: a rerun of the page, as when a run ends, must not close it."""
    wanted: Wanted | None = st.session_state.get(_OPEN)
    if wanted is None:
        return
    if wanted.run_id != run.id:
        _close()
        return
    st.dialog("Retry with another model", dismissible=False)(_form)(workspace, run, wanted)


def _form(workspace: Workspace, run: Run, wanted: Wanted) -> None:
    others = {one.name: one for one in workspace.endpoints.all() if (one.name, one.model) != _model_of(run)}
    if not others:
        st.caption("There is no other model yet. Settings adds one.")
        if st.button("Close"):
            _close()
            st.rerun()
        return
    name = st.selectbox("Model", list(others), format_func=lambda name: endpoint_label(others[name]))
    if problem := endpoint_warning(others[name]):
        st.markdown(f":small[:orange[:material/warning:] {escape_markdown(problem)}]")
    st.caption(_what_happens(workspace, run, wanted))
    with st.container(horizontal=True, gap="small"):
        is_chosen = st.button(f"Retry {count(wanted.inputs, 'input')}", type="primary", icon=":material/replay:")
        is_cancelled = st.button("Cancel", type="tertiary")
    if is_chosen:
        retry_failed(workspace, run, stage=wanted.stage, input_ids=wanted.input_ids, endpoint=others[name])
    if is_chosen or is_cancelled:
        _close()
        st.rerun()


def _what_happens(workspace: Workspace, run: Run, wanted: Wanted) -> str:
    progress = workspace.runs.progress(run.id)
    pending = max(run.target(progress) - progress.ended, 0)
    sentence = "The run goes on with this model from now on. Records that are there stay as they are."
    if pending:
        sentence += f" So the {count(pending, 'input')} that had no turn yet will be done by it too."
    return sentence


def _model_of(run: Run) -> tuple[str, str]:
    return run.endpoint.name, run.endpoint.model


def _close() -> None:
    st.session_state.pop(_OPEN, None)

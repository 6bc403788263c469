"""A run as a file: taken away from its card, and opened again by a dialog."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dataflow_core.errors import DataflowError
from dataflow_core.flows.saved_runs import SavedRun, difference, plan_saved, read_saved, save_run, why_not
from dataflow_core.models import Endpoint, Run
from dataflow_core.serving.keys import key_source
from dataflow_core.workspace import Workspace
from dataflow_core.yaml_files import read_yaml
from ui.endpoints import address, endpoint_label
from ui.format import count
from ui.names import generator_name
from ui.runs.run_list import choose_run
from ui.text import escape_markdown

_OPEN, _READ = "open-run", "open-run-read"
_AS_IN_THE_FILE = ""


def save_button(workspace: Workspace, run: Run) -> None:
    why = why_not(run)
    st.download_button(
        "Save as file",
        lambda: _contents(workspace, run),
        f"{_file_name(run)}.yaml",
        "application/yaml",
        icon=":material/save:",
        type="tertiary",
        on_click="ignore",
        key=f"save-run-{run.id}",
        disabled=bool(why),
        help=why or "Its settings and inputs in one file, to be run again here or anywhere else. No key is in it.",
    )


def open_button(workspace: Workspace, place: DeltaGenerator) -> None:
    """Offer to open a saved run, and show the dialog as long as it is open."""
    place.button("Open a saved run", icon=":material/folder_open:", on_click=_begin, key="open-run-button")
    if st.session_state.get(_OPEN):
        st.dialog("Open a saved run", width="medium", on_dismiss=_close)(_dialog)(workspace)


def _contents(workspace: Workspace, run: Run) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return save_run(workspace, run.id, Path(folder) / "run.yaml").read_bytes()


def _file_name(run: Run) -> str:
    words = re.sub(r"[^\w-]+", "-", re.sub(r"\.\w{1,5}$", "", run.name)).strip("-")[:60]
    return f"{words or 'run'}-{run.id[-4:]}"


def _begin() -> None:
    st.session_state[_OPEN] = True


def _close() -> None:
    for key in (_OPEN, _READ):
        st.session_state.pop(key, None)


def _dialog(workspace: Workspace) -> None:
    file = st.file_uploader("Saved run", ["yaml", "yml"], key="open-run-file", label_visibility="collapsed")
    if file is None:
        st.caption("A file that “Save as file” on the Runs page has written, or the command `save`.")
        return
    try:
        saved = _read(file.file_id, file.getvalue(), file.name)
        _offer(workspace, saved)
    except DataflowError as error:
        st.error(escape_markdown(str(error)))


def _read(file_id: str, data: bytes, name: str) -> SavedRun:
    """Kept while the dialog is open: a large file takes long enough to be felt."""
    kept: tuple[str, SavedRun] | None = st.session_state.get(_READ)
    if kept is None or kept[0] != file_id:
        kept = st.session_state[_READ] = (file_id, read_saved(read_yaml(data, name)))
    return kept[1]


def _offer(workspace: Workspace, saved: SavedRun) -> None:
    st.markdown(f"**{escape_markdown(saved.name or saved.file)}**")
    facts = [generator_name(saved.generator), count(len(saved.inputs), "input"), f"prompt {saved.prompt_version}"]
    st.caption(escape_markdown(" · ".join(facts)))
    endpoint = _choose_endpoint(workspace, saved)
    if sentence := difference(saved, endpoint):
        st.warning(escape_markdown(sentence), icon=":material/difference:")
    if st.button("Open it", type="primary", icon=":material/folder_open:", key="open-run-plan"):
        run = plan_saved(workspace, saved, endpoint, other_prompts=True)
        _close()
        choose_run(run.id)
        st.rerun()
    st.caption("Opening it starts nothing: it is planned, and calls its model once you start it.")


def _choose_endpoint(workspace: Workspace, saved: SavedRun) -> Endpoint | None:
    """None for the file's own. What it calls, with which key, is said: the file may come from somebody else."""
    stored = {endpoint.name: endpoint for endpoint in workspace.endpoints.all()}
    own = saved.endpoint
    name = st.selectbox(
        "Model",
        [_AS_IN_THE_FILE, *stored],
        format_func=lambda name: endpoint_label(stored[name]) if name else f"As in the file: {endpoint_label(own)}",
        key="open-run-endpoint",
    )
    if name:
        return stored[name]
    if own.kind != "embedded":
        source = key_source(own)
        key = f"the key in {source}" if source else "no key"
        st.caption(escape_markdown(f"Its calls go to {address(own)}, with {key}."))
    return None

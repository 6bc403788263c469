"""Writing an export: asked for by a click, done beside the page, shown with its files as soon as it is there."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable
from pathlib import Path

import streamlit as st

from dataflow_core.exporting.about import About
from dataflow_core.exporting.manifest import StoredExport
from dataflow_core.exporting.plan import ExportPlan, WrittenExport
from dataflow_core.exporting.remaking import Remade
from dataflow_core.workspace import Workspace
from ui.export.progress import told_to
from ui.jobs import Job, Report, jobs
from ui.text import escape_markdown

_WRITING, _OPENED, _PROBLEM = "export_writing", "export_opened", "export_problem"
_LISTED, _REMADE = "export_opened_from_list", "export_remade"


def start_writing(workspace: Workspace, plan: ExportPlan, about: About) -> None:
    """To be followed by a rerun."""
    _start(
        workspace,
        lambda report: workspace.bundles.write(plan, workspace.bundles.folder, progress=told_to(report), about=about),
    )


def start_again(workspace: Workspace, stored: StoredExport, about: About, name: str, *, from_list: bool) -> None:
    """Make an export once more, under another name. To be followed by a rerun."""
    st.session_state[_LISTED] = from_list
    _start(
        workspace,
        lambda report: workspace.bundles.again(
            stored.path, workspace.bundles.folder, name, told_to(report), about=about
        ),
    )


def _start(workspace: Workspace, write: Callable[[Report], WrittenExport | Remade]) -> None:
    key = ("export", str(workspace.folder), secrets.token_hex(8))
    close_export()
    st.session_state[_WRITING] = key
    jobs().job(key, write).wait(1.0)


def being_written() -> Job[WrittenExport | Remade] | None:
    """The export that is being written for this session; what has come to its end is opened."""
    key: Hashable = st.session_state.get(_WRITING)
    job: Job[WrittenExport | Remade] | None = jobs().find(key) if key else None
    if job is None or not job.is_done:
        return job
    del st.session_state[_WRITING]
    jobs().forget(key)
    if job.problem:
        st.session_state[_PROBLEM] = job.problem
    elif isinstance(job.result, Remade):
        open_export(job.result.export.folder, from_list=is_opened_from_list())
        st.session_state[_REMADE] = job.result
    elif job.result:
        open_export(job.result.bundle or job.result.folder)
    return None


def stop_writing() -> None:
    """For a callback. Nothing is left of it."""
    if (job := jobs().find(st.session_state.get(_WRITING))) is not None:
        job.stop()


def show_problem() -> None:
    """Why the last export was not written, said once."""
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(escape_markdown(problem), icon=":material/error:")


def open_export(path: Path, *, from_list: bool = False) -> None:
    """Have the export shown: at the top, or by the list that it was opened from. For a callback, or before a rerun."""
    st.session_state[_OPENED] = path
    st.session_state[_LISTED] = from_list


def is_opened_from_list() -> bool:
    return bool(st.session_state.get(_LISTED))


def remade_as(path: Path) -> Remade | None:
    """How the export came out, if it was made again in this session, and last."""
    made: Remade | None = st.session_state.get(_REMADE)
    return made if made is not None and made.export.folder == path else None


def close_export() -> None:
    """For a callback."""
    st.session_state.pop(_OPENED, None)


def opened_export(workspace: Workspace) -> Path | None:
    """The folder or zip of the export that is shown, of this workspace."""
    path: Path | None = st.session_state.get(_OPENED)
    return path if path is not None and path.parent == workspace.bundles.folder and path.exists() else None

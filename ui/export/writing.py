"""Writing an export: asked for by a click, done beside the page, shown with its files as soon as it is there."""

from __future__ import annotations

import secrets
from collections.abc import Hashable
from pathlib import Path

import streamlit as st

from dataflow_core.exporting.about import About
from dataflow_core.exporting.plan import ExportPlan, WrittenExport
from dataflow_core.workspace import Workspace
from ui.export.progress import told_to
from ui.jobs import Job, Report, jobs
from ui.text import escape_markdown

_WRITING, _OPENED, _PROBLEM = "export_writing", "export_opened", "export_problem"


def start_writing(workspace: Workspace, plan: ExportPlan, about: About) -> None:
    """To be followed by a rerun."""
    key = ("export", str(workspace.folder), secrets.token_hex(8))

    def write(report: Report) -> WrittenExport:
        return workspace.bundles.write(plan, workspace.bundles.folder, progress=told_to(report), about=about)

    close_export()
    st.session_state[_WRITING] = key
    jobs().job(key, write).wait(1.0)


def being_written() -> Job[WrittenExport] | None:
    """The export that is being written for this session; what has come to its end is opened."""
    key: Hashable = st.session_state.get(_WRITING)
    job: Job[WrittenExport] | None = jobs().find(key) if key else None
    if job is None or not job.is_done:
        return job
    del st.session_state[_WRITING]
    jobs().forget(key)
    if job.problem:
        st.session_state[_PROBLEM] = job.problem
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


def open_export(path: Path) -> None:
    """Have the export shown. For a callback, or before a rerun."""
    st.session_state[_OPENED] = path


def close_export() -> None:
    """For a callback."""
    st.session_state.pop(_OPENED, None)


def opened_export(workspace: Workspace) -> Path | None:
    """The folder or zip of the export that is shown, of this workspace."""
    path: Path | None = st.session_state.get(_OPENED)
    return path if path is not None and path.parent == workspace.bundles.folder and path.exists() else None

"""Writing an export: asked for by a click, done beside the page, its files offered as soon as they are there."""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Sequence

import streamlit as st

from dataflow_core.exporting.plan import Export, ExportFile, ExportPlan
from dataflow_core.workspace import Workspace
from ui.downloads.file_list import Offered, file_list
from ui.export.checking import told_to
from ui.export.splits import SPLIT_NAMES
from ui.format import count
from ui.jobs import Job, Report, jobs
from ui.names import generator_name
from ui.text import escape_markdown

FOLDER = "exports"
_WRITING, _WRITTEN, _PROBLEM = "export_writing", "export_written", "export_problem"


def start_writing(workspace: Workspace, plan: ExportPlan) -> None:
    """For a callback."""
    key = ("export", str(workspace.folder), secrets.token_hex(8))

    def write(report: Report) -> Export:
        return workspace.exports.write(plan, workspace.folder / FOLDER, progress=told_to(report))

    st.session_state.pop(_WRITTEN, None)
    st.session_state[_WRITING] = key
    jobs().job(key, write).wait(1.0)


def being_written(workspace: Workspace) -> Job[Export] | None:
    """The export that is being written for this session. Where it has come to its end, that is taken note of."""
    key: Hashable = st.session_state.get(_WRITING)
    job: Job[Export] | None = jobs().find(key) if key else None
    if job is None or not job.is_done:
        return job
    del st.session_state[_WRITING]
    jobs().forget(key)
    if job.problem:
        st.session_state[_PROBLEM] = job.problem
    elif job.result:
        st.session_state[_WRITTEN] = (workspace.folder, job.result)
    return None


def stop_writing() -> None:
    """For a callback."""
    if (job := jobs().find(st.session_state.get(_WRITING))) is not None:
        job.stop()


def show_written(workspace: Workspace) -> None:
    """The files of the export that this session wrote last, or why there are none."""
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(escape_markdown(problem), icon=":material/error:")
    folder, export = st.session_state.get(_WRITTEN, (None, None))
    if export is None or folder != workspace.folder:
        return
    with st.container(border=True, gap="small", key="export-written"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f":material/check_circle: **{_headline(export)}**", width="content")
            st.button("Done", type="tertiary", icon=":material/close:", on_click=_forget, key="export-forget")
        show_files(workspace, export.files, key=f"files-{export.name}")
        st.caption(escape_markdown(f"Also in {export.folder}"))


def show_files(workspace: Workspace, files: Sequence[ExportFile], *, key: str) -> None:
    """List the files of an export with their links: the data first."""
    order = ("data", "left out", "about")
    ordered = sorted(files, key=lambda file: order.index(file.kind) if file.kind in order else len(order))
    offered = [Offered(file.path, _about(file)) for file in ordered]
    file_list(offered, workspace.folder / FOLDER, key=key)


def _about(file: ExportFile) -> str:
    if file.kind == "left out":
        return f"Left out, with the reasons · {count(file.records, 'record')}"
    if file.kind != "data":
        return ""
    parts = [generator_name(file.generator)]
    if file.split:
        parts.append(SPLIT_NAMES.get(file.split, file.split).lower())
    return f"{', '.join(parts)} · {count(file.records, 'record')}"


def _headline(export: Export) -> str:
    used = sum(file.records for file in export.files if file.kind == "data")
    return f"{count(used, 'record')} exported" + (f", {export.left_out:,} left out" if export.left_out else "")


def _forget() -> None:
    st.session_state.pop(_WRITTEN, None)

"""All records of a reason as a file, where there are more of them than a page can list."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dataflow_core.exporting.plan import ExportPlan
from dataflow_core.workspace import Workspace
from ui.downloads.file_list import Offered, file_list
from ui.downloads.short_lived import new_place
from ui.export.progress import told_to
from ui.format import count
from ui.jobs import Report, followed, show_progress
from ui.text import escape_markdown

#: In a workspace; what is in it is taken at once, or not at all.
FOLDER = "problems"


def offer_problems(workspace: Workspace, plan: ExportPlan, rule: str, number: int) -> None:
    """As a file on a click: every record has to be looked at once more for it."""
    wants = f"export-problems-{rule}"
    key = ("problems", str(workspace.folder), repr(plan), rule, workspace.records.version())
    if st.session_state.get(wants) != key:
        st.button(
            f"All {number:,} as JSONL",
            type="tertiary",
            icon=":material/download:",
            key=f"{wants}-go",
            on_click=st.session_state.update,
            args=({wants: key},),
        )
        return
    job = followed(wants, key, lambda report: _write(workspace, plan, rule, report))
    if job.result:
        about = f"{count(number, 'record')}, with the reasons"
        file_list([Offered(job.result, about)], workspace.folder / FOLDER, key=f"{wants}-files")
    elif job.problem:
        st.error(escape_markdown(job.problem), icon=":material/error:")
    else:
        show_progress(job, key=f"{wants}-progress")


def _write(workspace: Workspace, plan: ExportPlan, rule: str, report: Report) -> Path:
    target = new_place(workspace.folder / FOLDER) / f"{plan.format}_{rule}.jsonl"
    workspace.exports.write_problems(plan, target, told_to(report), rules=(rule,))
    return target

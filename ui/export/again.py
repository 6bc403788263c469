"""An export made again: the same records, as they were then, in new files, compared with those of then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from dataflow_core.exporting.manifest import StoredExport
from dataflow_core.exporting.remaking import Remade
from dataflow_core.workspace import Workspace
from ui.export.progress import told_to
from ui.export.writing import open_export
from ui.format import count
from ui.jobs import Job, Report, jobs, show_progress
from ui.shell import remark
from ui.text import escape_markdown

_MADE = "export_made_again"


def again_button(workspace: Workspace, stored: StoredExport) -> None:
    st.button(
        "Make it again",
        icon=":material/replay:",
        help="Writes the same records once more, as they were then, and tells whether the files are the same.",
        on_click=_start,
        args=(workspace, stored),
    )


def show_again(path: Path) -> None:
    """How making this export again goes, or what came of it."""
    job: Job[Remade] | None = jobs().find(st.session_state.get(_MADE))
    if job is None or st.session_state[_MADE][1] != path:
        return
    if not job.is_done:
        show_progress(job, key="export-again")
    elif job.problem:
        st.error(escape_markdown(job.problem), icon=":material/error:")
    elif made := job.result:
        name = escape_markdown(made.export.name)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if made.is_same:
                remark(f":material/check_circle: Made again as {name}: the same byte for byte.", "green")
            else:
                remark(f":material/difference: Made again as {name}: not the same as then.", "orange")
            st.button("Open it", type="tertiary", on_click=open_export, args=(made.export.folder,))
        for sentence in _differences(made):
            st.caption(escape_markdown(sentence))


def _differences(made: Remade) -> Iterator[str]:
    if made.differing:
        yield f"Other than then: {', '.join(made.differing)}."
    if made.missing:
        yield f"Not there any more: {', '.join(made.missing)}."
    if made.gone.count:
        yield f"{count(made.gone.count, 'record')} of then cannot be found in this workspace, at the revision of then."
    if made.unfit.count:
        yield f"{count(made.unfit.count, 'record')} of then cannot be shown in this format by this version."
    if made.changed.count:
        yield f"{count(made.changed.count, 'record')} changed since; the files say what was said then."


def _start(workspace: Workspace, stored: StoredExport) -> None:
    key = ("again", stored.path)

    def make(report: Report) -> Remade:
        name = _free_name(workspace.bundles.folder, stored.manifest.name)
        return workspace.bundles.again(stored.path, workspace.bundles.folder, name, told_to(report))

    jobs().forget(key)
    jobs().job(key, make).wait(1.0)
    st.session_state[_MADE] = key


def _free_name(folder: Path, name: str) -> str:
    number = 1
    while any((folder / f"{name}-again{number}{ending}").exists() for ending in ("", ".zip")):
        number += 1
    return f"{name}-again{number}"

"""Whether all of a file can be imported: looked at before anything is stored, its problems told line by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dataflow_core.importers.base import Checked, ImportMapping, ReadSoFar
from dataflow_core.workspace import Workspace
from ui.downloads.file_list import Offered, file_list
from ui.downloads.short_lived import new_place
from ui.format import count
from ui.importing.source import FOLDER, Source
from ui.jobs import Job, Report, followed, show_progress
from ui.shell import remark
from ui.text import escape_markdown

_LISTED = "import-left-out-listed"


def checked(workspace: Workspace, source: Source, mapping: ImportMapping) -> Job[Checked]:
    key = ("check", source.key, repr(mapping))
    return followed(
        "import-check",
        key,
        lambda report: workspace.imports.check(source.path, source.name, mapping, told_to(report, "Read")),
    )


def told_to(report: Report, verb: str) -> Callable[[ReadSoFar], None]:
    def tell(so_far: ReadSoFar) -> None:
        report(so_far.share, f"{verb} {so_far.share:.0%}: {count(so_far.records, 'record')}")

    return tell


def show_counts(found: Checked) -> None:
    st.markdown(f"**{count(found.records, 'record')}** can be imported.")
    parts = []
    if found.blank:
        parts.append(count(found.blank, "blank line"))
    if parts:
        st.caption(f"{', '.join(parts)} left out.")
    for note in found.notes:
        remark(f":material/info: {escape_markdown(note)}", "gray")


def ask_to_skip(source: Source, mapping: ImportMapping, found: Checked) -> bool:
    """Say how many entries cannot be used; returns whether the person says to go on without them."""
    noun = "entry" if found.problems == 1 else "entries"
    remark(f":material/error: **{found.problems:,} {noun}** cannot be used.", "red")
    return st.toggle(
        "Skip the bad one" if found.problems == 1 else f"Skip the {found.problems:,} bad ones",
        key=f"import-skip-{source.key}-{mapping!r}",
        help="Without this, nothing of the file is imported: all of it, or none.",
    )


def list_problems(workspace: Workspace, source: Source, mapping: ImportMapping, found: Checked) -> None:
    """The first of them as a table, and all of them as a file."""
    shown = found.first_problems
    st.subheader("What cannot be used", anchor=False)
    st.dataframe(
        {
            "Line": [line.line for line in shown],
            "Why": [line.reason for line in shown],
            "Text": [line.text[:500] for line in shown],
        },
        hide_index=True,
        height="content" if len(shown) <= 6 else 240,
        column_config={
            "Line": st.column_config.NumberColumn(format="localized", width=70),
            "Why": st.column_config.TextColumn(width="large"),
        },
        alt="Entries that cannot be used",
    )
    if found.problems > len(shown):
        st.caption(f"The first {len(shown)} of {found.problems:,}.")
    _offer_problems(workspace, source, mapping)


def _offer_problems(workspace: Workspace, source: Source, mapping: ImportMapping) -> None:
    """As a file on a click: a large file has to be read once more for it."""
    key = ("left out", str(workspace.folder), source.key, repr(mapping))
    wanted = st.session_state.get(_LISTED) == key
    if not wanted:
        st.button(
            "All of them as a file",
            icon=":material/list_alt:",
            on_click=st.session_state.update,
            args=({_LISTED: key},),
        )
        return
    folder = workspace.folder / FOLDER
    job = followed("import-left-out", key, lambda _: _write_problems(workspace, source, mapping))
    if job.result:
        file_list([Offered(job.result, "What cannot be used, with the reasons")], folder, key="import-left-out-files")
    elif job.problem:
        st.error(escape_markdown(job.problem))
    else:
        show_progress(job, key="import-left-out-progress")


def _write_problems(workspace: Workspace, source: Source, mapping: ImportMapping) -> Path:
    target = new_place(workspace.folder / FOLDER) / f"{source.path.stem}_left_out.jsonl"
    workspace.imports.write_problems(source.path, source.name, mapping, target)
    return target

"""Where the tasks come from: a file, pasted lines, records made here, or the sample. It outlives leaving the page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dataflow_core.errors import ReadError
from dataflow_core.flows.record_inputs import RecordChoice
from dataflow_core.readers import Table, read_lines, read_table, sheet_names
from dataflow_core.workspace import Workspace
from ui.tasks.records import choose_run_of_records, forget_output_names
from ui.text import escape_markdown
from ui.use_records import Handed

TYPES = ["csv", "tsv", "txt", "jsonl", "ndjson", "json", "parquet", "xlsx"]
SAMPLE = Path(__file__).parents[2] / "examples" / "tasks.csv"
_SOURCE, _SHEET, _PROBLEM = "tasks-source", "tasks-sheet", "tasks-sheet-problem"


@dataclass(frozen=True, slots=True)
class Source:
    """What was read. `workbook` is kept where there are several `sheets` to choose from; `sheet` is the one read."""

    table: Table
    digest: str
    sheets: tuple[str, ...] = ()
    sheet: str | None = None
    workbook: bytes = b""


def choose_source(workspace: Workspace) -> Source | RecordChoice | None:
    source: Source | Handed | None = st.session_state.get(_SOURCE)
    if source is None or (isinstance(source, Handed) and source.folder != workspace.folder):
        _chooser(workspace)
        return None
    name = source.choice.name if isinstance(source, Handed) else source.table.name
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(escape_markdown(name), anchor=False, width="content")
        st.button("Choose another", icon=":material/close:", on_click=_forget)
    if isinstance(source, Source) and source.sheets:
        _choose_sheet(source)
    return source.choice if isinstance(source, Handed) else source


def read_source(data: bytes, name: str, *, sheet: str | None = None) -> Source:
    """Raises `ReadError`. Without `sheet`, a workbook's first one that is not empty is read."""
    table = read_table(data, name, sheet=sheet)
    digest = hashlib.sha256(f"{name}\n{sheet}\n".encode("utf-8", "replace") + data).hexdigest()
    sheets = sheet_names(data, name) if table.format == "Excel" else []
    if len(sheets) < 2:
        return Source(table, digest)
    return Source(table, digest, tuple(sheets), sheet, data)


def _chooser(workspace: Workspace) -> None:
    upload, paste, records, sample = st.tabs(["Upload a file", "Paste lines", "Records made here", "Use the sample"])
    with upload:
        file = st.file_uploader("Tasks", TYPES, key="tasks-upload", label_visibility="collapsed")
        st.caption("CSV, TSV, text with one task a line, JSON Lines, JSON, Parquet or Excel. All columns are kept.")
        if file is not None:
            with st.spinner("Reading ..."):
                _read(lambda: read_source(file.getvalue(), file.name))
    with paste:
        text = st.text_area(
            "Tasks",
            height=180,
            placeholder="One task a line",
            key="tasks-pasted",
            persist_state="session",
            label_visibility="collapsed",
        )
        if st.button("Read them", icon=":material/content_paste:"):
            _read(lambda: Source(read_lines(text), hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()))
    with records:
        if (choice := choose_run_of_records(workspace)) is not None:
            st.session_state[_SOURCE] = Handed(choice, workspace.folder)
            st.rerun()
    with sample:
        st.caption("Twenty everyday tasks with an id and a category, to see how it works.")
        if st.button("Use the sample", icon=":material/lightbulb:"):
            _read(lambda: read_source(SAMPLE.read_bytes(), SAMPLE.name))


def _read(read: Callable[[], Source]) -> None:
    try:
        st.session_state[_SOURCE] = read()
    except ReadError as error:
        st.error(escape_markdown(str(error)))
    else:
        st.rerun()


def _choose_sheet(source: Source) -> None:
    """Read another of the workbook's sheets when one is chosen."""

    def read_chosen() -> None:
        try:
            st.session_state[_SOURCE] = read_source(source.workbook, source.table.name, sheet=st.session_state[_SHEET])
        except ReadError as error:
            st.session_state[_PROBLEM] = str(error)

    st.session_state[_SHEET] = source.sheet
    st.selectbox("Sheet", source.sheets, key=_SHEET, on_change=read_chosen, placeholder="Read another sheet")
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(escape_markdown(problem))


def _forget() -> None:
    if isinstance(st.session_state.pop(_SOURCE, None), Handed):
        forget_output_names()

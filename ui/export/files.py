"""What an export will hold, and the files that it has written."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.exporting.engine import exported_lines, write_export
from dataflow_core.exporting.plan import ExportFile
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.names import generator_name
from ui.text import escape_markdown

_WRITTEN, _ERROR = "export_written", "export_error"
_PREVIEWED = 3
_LARGEST_DOWNLOAD = 100_000_000  # bytes; a download is held in memory whole


def show_preview(workspace: Workspace, query: Query, generator: str, number: int) -> None:
    """Show the first lines of a generator's file, and say which keys each line has."""
    lines = list(islice(exported_lines(workspace.records, query, generator), _PREVIEWED))
    keys = dict.fromkeys(", ".join(json.loads(line)) for line in lines)
    st.subheader(f"{generator_name(generator)}: {count(number, 'record')}", anchor=False)
    st.caption(escape_markdown(f"JSON Lines, UTF-8. Keys of a line: {'; or '.join(keys)}."))
    if number > len(lines):
        st.caption(f"The first {len(lines)} lines:")
    st.code("\n".join(lines), language="json", wrap_lines=True, height=240 if number > 1 else "content")


def write_files(workspace: Workspace, query: Query) -> None:
    """Write the export into the workspace's folder and remember its files for `show_files`. For a callback."""
    folder = workspace.folder / "exports"
    st.session_state.pop(_WRITTEN, None)
    try:
        folder.mkdir(exist_ok=True)
        path = folder / f"{workspace.name}-{datetime.now():%Y-%m-%d-%H%M%S}.jsonl"
        st.session_state[_WRITTEN] = (query, write_export(workspace.records, query, path))
    except (DataflowError, OSError) as error:
        st.session_state[_ERROR] = f"The files could not be written: {error}"


def show_files(query: Query) -> None:
    """Offer the files last written for this query, if there are any."""
    if error := st.session_state.pop(_ERROR, ""):
        st.error(escape_markdown(error))
    written: tuple[Query, list[ExportFile]] | None = st.session_state.get(_WRITTEN)
    if written is None or written[0] != query:
        return
    with st.container(border=True):
        for file in written[1]:
            _show_file(file)


def _show_file(file: ExportFile) -> None:
    if not file.path.is_file():
        st.caption(escape_markdown(f"{file.path} is not there any more. Export again."))
        return
    size = file.path.stat().st_size
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width="content", gap="xsmall"):
            kind = f"{generator_name(file.generator)} · {count(file.records, 'record')} · {_readable(size)}"
            st.markdown(f":material/check_circle: **{kind}**")
            st.code(str(file.path), language=None, wrap_lines=True)
        if size <= _LARGEST_DOWNLOAD:
            st.download_button(
                f"Download {generator_name(file.generator).lower()}",
                file.path.read_bytes,
                file_name=file.path.name,
                mime="application/jsonl",
                icon=":material/download:",
                on_click="ignore",
                type="primary",
            )
        else:
            st.caption("Too large to pass through the browser: take the file from this folder.", width="content")


def _readable(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"

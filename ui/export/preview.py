"""The first rows of an export's files, as they will be."""

from __future__ import annotations

import json

import streamlit as st

from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.json_lines import line_of
from dataflow_core.exporting.plan import ExportPlan
from dataflow_core.models import Fields
from dataflow_core.workspace import Workspace
from ui.jobs import Job, followed
from ui.names import generator_name
from ui.text import escape_markdown

_MOST_CHARACTERS, _MOST_AT_A_GLANCE = 4_000, 1_000  # of a line, on screen; of all lines without scrolling

Rows = dict[str, list[Fields]]


def previewed(workspace: Workspace, plan: ExportPlan) -> Job[Rows]:
    key = ("preview", str(workspace.folder), repr(plan), workspace.records.version())
    return followed("export-preview", key, lambda _: workspace.exports.preview(plan))


def show_preview(plan: ExportPlan, rows: Rows) -> None:
    """Show the first lines of each generator's file, and which keys each line has."""
    exporter = EXPORTERS[plan.format]
    for generator, first in rows.items():
        title = "First lines" if len(rows) == 1 else f"First lines: {generator_name(generator).lower()}"
        st.subheader(escape_markdown(title), anchor=False)
        if exporter.suffix == ".jsonl":
            keys = "; or ".join(dict.fromkeys(", ".join(row) for row in first))
            st.caption(escape_markdown(f"JSON Lines, UTF-8. Keys of a line: {keys}."))
            lines = [_shortened(line_of(row)) for row in first]
            is_long = sum(map(len, lines)) > _MOST_AT_A_GLANCE
            st.code("\n".join(lines), language="json", wrap_lines=True, height=220 if is_long else "content")
        else:
            st.caption(f"{exporter.title}, a row for each record. The first {len(first)}:")
            columns = dict.fromkeys(name for row in first for name in row)
            st.dataframe(
                {name: [_cell(row.get(name)) for row in first] for name in columns},
                hide_index=True,
                height="content",
                alt="The first rows",
            )


def _cell(value: object) -> str:
    if value is None:
        return ""
    return _shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} … ({len(text):,} characters)"

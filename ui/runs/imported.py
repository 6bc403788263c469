"""An import among the runs: what came of its file. There is nothing of it to start, to pause or to try again."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import ReviewStatus, Run
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.format import ago, count
from ui.names import generator_name
from ui.review.filters import go_to_review_of
from ui.runs.details import show_source_lines
from ui.text import escape_markdown
from ui.use_records import use_run_menu


def show_import(workspace: Workspace, run: Run) -> None:
    records = workspace.records.count(Query(runs=(run.id,), statuses=tuple(ReviewStatus)))
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            st.subheader(escape_markdown(run.name), anchor=False, width="content")
            st.badge("Imported", color="green")
        if st.button(f"Review {count(records, 'record')}", type="primary", icon=":material/rate_review:"):
            go_to_review_of(run)
    facts = f"{generator_name(run.generator)} · {run.source.get('format', '')} · {ago(run.created_at)} · {run.id}"
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"):
        st.caption(escape_markdown(facts), width="content")
        use_run_menu(workspace, run)
    st.markdown(escape_markdown(what_came_of(run, records)))
    for note in run.source.get("notes", ()):
        st.caption(escape_markdown(str(note)))
    show_source_lines(workspace, run, why="Why it is no record")


def what_came_of(run: Run, records: int) -> str:
    """The file's lines, added up in a sentence."""
    lines, bad = int(run.source.get("lines", records)), int(run.source.get("unreadable", 0))
    blank = int(run.source.get("blank", 0))
    parts = [count(lines - bad - blank, "record")]
    parts += [f"{bad:,} that could not be used and {'was' if bad == 1 else 'were'} left out"] if bad else []
    parts += [f"{blank:,} blank"] if blank else []
    unit = "entry" if run.source.get("format") in ("JSON", "Parquet") else "line"
    whole = f"1 {unit}" if lines == 1 else f"{lines:,} {'entries' if unit == 'entry' else 'lines'}"
    return f"{whole} = {' + '.join(parts)}."

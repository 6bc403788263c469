"""What a run was made with, where its inputs came from, and what its process said."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dataflow_core.comparing import SOURCE as COMPARISON
from dataflow_core.models import Run, RunState
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.runs.failures import show_failures
from ui.runs.settings import settings_of
from ui.values import as_text

_LOG_LINES, _LOG_BYTES = 40, 20_000
_SHOWN = 500  # characters of a line that was left out


def show_details(workspace: Workspace, run: Run) -> None:
    failed = workspace.runs.progress(run.id).failed
    failures, settings, source = st.tabs([f"Failures ({failed:,})", "Settings", "Source"], key=f"details-{run.id}")
    with failures:
        show_failures(workspace, run)
    with settings:
        _show_facts(settings_of(workspace, run))
    with source:
        _show_source(workspace, run)
    if run.state is RunState.INTERRUPTED:
        _show_log(workspace, run)


def _show_facts(facts: dict[str, Any]) -> None:
    frame = pd.DataFrame({"name": list(facts), "value": [as_text(value) for value in facts.values()]})
    st.dataframe(
        frame,
        hide_index=True,
        height="content",
        column_config={
            "name": st.column_config.TextColumn("Setting", width="medium"),
            "value": st.column_config.TextColumn("Value", width="large"),
        },
        alt="Settings of the run",
    )


def _show_source(workspace: Workspace, run: Run) -> None:
    total = workspace.runs.progress(run.id).total
    facts = {name: value for name, value in run.source.items() if name not in ("lines", "skipped")}
    _show_facts(facts)
    stated, skipped = int(run.source.get("lines", total)), int(run.source.get("skipped", 0))
    st.caption(f"{count(stated, 'line')} = {count(total, 'input')} + {skipped:,} left out.")
    if run.source.get("name") == COMPARISON:
        query = {"compare": str(run.source.get("comparison", ""))}
        st.page_link(
            "pages/prompts.py", label="See the comparison", icon=":material/compare_arrows:", query_params=query
        )
    show_source_lines(workspace, run)


def show_source_lines(workspace: Workspace, run: Run, *, why: str = "Why it is no input") -> None:
    """The lines of its file that were left out, with the reasons."""
    lines, skipped = workspace.runs.source_lines(run.id, shown=_SHOWN), int(run.source.get("skipped", 0))
    if not lines:
        return
    frame = pd.DataFrame([{"line": at.line, "kind": at.kind, "reason": at.reason, "text": at.text} for at in lines])
    st.dataframe(
        frame,
        hide_index=True,
        column_config={
            "line": st.column_config.NumberColumn("Line", width=70),
            "kind": st.column_config.TextColumn("Kind", width=90),
            "reason": st.column_config.TextColumn(why, width="large"),
            "text": st.column_config.TextColumn("Text", width="large"),
        },
        alt="Lines left out",
    )
    if skipped > len(lines):
        st.caption(f"The first {len(lines):,} of them are listed.")


def _show_log(workspace: Workspace, run: Run) -> None:
    path = workspace.folder / "logs" / f"{run.id}.log"
    if not path.is_file():
        return
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _LOG_BYTES, 0))
        text = file.read().decode("utf-8", errors="replace")
    st.caption("The last lines that its process wrote")
    st.code("\n".join(text.splitlines()[-_LOG_LINES:]) or "(nothing)", language=None, wrap_lines=True, height=260)

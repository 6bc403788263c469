"""The inputs of a run that have no record: why, what they were, and what the model said."""

from __future__ import annotations

import json
import math

import streamlit as st

from dataflow_core.models import Failure, Run, Stage
from dataflow_core.workspace import Workspace
from ui.format import ago, count
from ui.names import STAGE_NAMES
from ui.text import escape_markdown, plain

_PAGE = 10


def show_failures(workspace: Workspace, run: Run) -> None:
    by_stage = workspace.runs.failures_by_stage(run.id)
    if not by_stage:
        st.caption("No input has failed.")
        return
    stage = _stage_filter(run, by_stage)
    total = by_stage[stage] if stage else sum(by_stage.values())
    pages = math.ceil(total / _PAGE)
    page = st.pagination(pages, key=f"failures-{run.id}-{stage}-{pages}") if pages > 1 else 1
    for failure in workspace.runs.failures(run.id, stage=stage, offset=(page - 1) * _PAGE, limit=_PAGE):
        _show_failure(failure)


def _stage_filter(run: Run, by_stage: dict[Stage, int]) -> Stage | None:
    labels = {f"{STAGE_NAMES[stage]} ({number:,})": stage for stage, number in by_stage.items()}
    chosen = st.pills("Failed at", list(labels), key=f"failed-at-{run.id}")
    return labels.get(chosen) if chosen else None


def _show_failure(failure: Failure) -> None:
    label = f"Input {failure.position + 1} · {STAGE_NAMES[failure.stage]} · {failure.reason}"
    with st.expander(escape_markdown(label)):
        tried = f"Tried {count(failure.attempts, 'time')}"
        st.caption(f"{tried}, last {ago(failure.at)}." if failure.at else f"{tried}.")
        plain(failure.reason)
        st.caption("The input")
        st.code(json.dumps(failure.fields, ensure_ascii=False, indent=1), language="json", wrap_lines=True)
        if failure.raw_text:
            st.caption("What the model answered")
            st.code(failure.raw_text, language=None, wrap_lines=True, height=240)
        else:
            st.caption("The model answered nothing.")

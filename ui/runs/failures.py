"""The inputs of a run that have no record: why, what they were, what the model said, and what can be done."""

from __future__ import annotations

import json
import math

import streamlit as st

from dataflow_core.models import Failure, Run, Stage
from dataflow_core.workspace import Workspace
from ui.format import ago, count
from ui.names import STAGE_NAMES
from ui.runs.actions import retry_or_queue
from ui.runs.by_hand import open_by_hand, show_written
from ui.runs.other_model import open_other_model
from ui.text import escape_markdown, plain

_PAGE = 10
_SHORT = 300  # characters


def show_failures(workspace: Workspace, run: Run) -> None:
    show_written()
    by_stage = workspace.runs.failures_by_stage(run.id)
    if not by_stage:
        st.caption("No input has failed.")
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        stage = _stage_filter(run, by_stage)
        total = by_stage[stage] if stage else sum(by_stage.values())
        with st.container(horizontal=True, width="content", gap="xsmall"):
            _show_bulk_buttons(workspace, run, stage, total)
    if run.state.is_live:
        st.caption("They can be retried, by another model too, once the run has ended or is paused.")
    pages = math.ceil(total / _PAGE)
    page = st.pagination(pages, key=f"failures-{run.id}-{stage}-{pages}") if pages > 1 else 1
    for failure in workspace.runs.failures(run.id, stage=stage, offset=(page - 1) * _PAGE, limit=_PAGE):
        _show_failure(workspace, run, failure)


def _stage_filter(run: Run, by_stage: dict[Stage, int]) -> Stage | None:
    labels = {f"{STAGE_NAMES[stage]} ({number:,})": stage for stage, number in by_stage.items()}
    chosen = st.pills("Failed at", list(labels), key=f"failed-at-{run.id}")
    return labels.get(chosen) if chosen else None


def _show_bulk_buttons(workspace: Workspace, run: Run, stage: Stage | None, total: int) -> None:
    """For the stage chosen, or all; retrying all by the same model is among the run's own buttons."""
    if run.state.is_live:
        return
    if stage is not None:
        st.button(
            f"Retry these {total:,}" if total > 1 else "Retry this one",
            icon=":material/replay:",
            on_click=retry_or_queue,
            args=(workspace, run),
            kwargs={"stage": stage},
        )
    st.button(
        "Retry with another model",
        icon=":material/model_training:",
        on_click=open_other_model,
        args=(run, total),
        kwargs={"stage": stage},
    )


def _show_failure(workspace: Workspace, run: Run, failure: Failure) -> None:
    label = f"Input {failure.position + 1} · {STAGE_NAMES[failure.stage]} · {failure.reason}"
    with st.expander(escape_markdown(label)):
        st.caption(_how_tried(failure))
        plain(failure.reason)
        st.caption("The input")
        st.code(json.dumps(failure.fields, ensure_ascii=False, indent=1), language="json", wrap_lines=True)
        if failure.raw_text:
            st.caption("What the model answered")
            is_long = len(failure.raw_text) > _SHORT
            st.code(failure.raw_text, language=None, wrap_lines=True, height=240 if is_long else "content")
        else:
            st.caption("The model answered nothing.")
        with st.container(horizontal=True, gap="xsmall"):
            _show_buttons(workspace, run, failure)


def _how_tried(failure: Failure) -> str:
    calls = count(failure.calls, "call")
    tried = f"Tried once with {calls}"
    if failure.attempts > 1:
        tried = f"Tried {failure.attempts:,} times, the last one with {calls}"
    return f"{tried}, {ago(failure.at)}." if failure.at else f"{tried}."


def _show_buttons(workspace: Workspace, run: Run, failure: Failure) -> None:
    one = {"input_ids": [failure.input_id]}
    if not run.state.is_live:
        st.button(
            "Retry",
            icon=":material/replay:",
            key=f"retry-{failure.input_id}",
            on_click=retry_or_queue,
            args=(workspace, run),
            kwargs=one,
        )
        st.button(
            "Retry with another model",
            icon=":material/model_training:",
            key=f"other-model-{failure.input_id}",
            on_click=open_other_model,
            args=(run, 1),
            kwargs=one,
        )
    st.button(
        "Write it by hand",
        icon=":material/edit:",
        key=f"by-hand-{failure.input_id}",
        on_click=open_by_hand,
        args=(run, failure),
    )

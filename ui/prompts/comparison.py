"""What two prompts made of the same inputs, side by side, and the difference in figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

from dataflow_core.comparing import Comparison, Output, Pair, Side, compare, comparisons
from dataflow_core.errors import DataflowError
from dataflow_core.generators.para_seq import task_keys
from dataflow_core.models import Fields, Run
from dataflow_core.word_diff import record_diff
from dataflow_core.workspace import Workspace
from ui.format import ago, count
from ui.names import STATE_COLORS, STATE_NAMES, STATUS_COLORS, STATUS_NAMES, TASKS
from ui.review.components.diff_view import diff_view
from ui.review.filters import FINDING_NAMES
from ui.session import pasted_key
from ui.shell import Badge, show_badge
from ui.text import escape_markdown, plain
from ui.values import as_text, is_conversation

_SIDE_BY_SIDE, _DIFFERENCES = "Side by side", "Word by word"
_SHOWN = 50
_TITLES = ("Parallel", "Subsequent", "Composition")


def show_comparison(workspace: Workspace, comparison: str) -> None:
    runs = comparisons(workspace).get(comparison)
    if runs is None:
        st.warning("There is no such comparison in this workspace.", icon=":material/search_off:")
        return
    _head(workspace, runs)
    is_live = any(run.state.is_live for run in runs)
    st.fragment(_show, run_every=1.0 if is_live else None)(workspace, runs[0].id, runs[1].id, is_live)


def _show(workspace: Workspace, run_a: str, run_b: str, was_live: bool) -> None:
    """Read anew each second as long as one of the runs goes on."""
    try:
        found = compare(workspace, run_a, run_b)
    except DataflowError as error:
        st.error(escape_markdown(str(error)))
        return
    is_live = any(side.run.state.is_live for side in (found.a, found.b))
    if was_live and not is_live:
        st.rerun()
    _figures(workspace, found)
    how = st.segmented_control(
        "Outputs",
        [_SIDE_BY_SIDE, _DIFFERENCES],
        default=_SIDE_BY_SIDE,
        required=True,
        key="comparison-how",
        persist_state="session",
        label_visibility="collapsed",
    )
    ended = [pair for pair in found.pairs if not is_live or pair.a or pair.b]
    for pair in ended[:_SHOWN]:
        _show_pair(found, pair, is_diff=how == _DIFFERENCES)
    if len(ended) > _SHOWN:
        st.caption(f"The first {_SHOWN} of {len(ended):,} inputs.")


def _head(workspace: Workspace, runs: tuple[Run, Run]) -> None:
    a, b = runs
    on = count(int(a.source.get("lines", 0)), "input")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(escape_markdown(f"{a.prompt_version} and {b.prompt_version}"), anchor=False, width="content")
        with st.container(horizontal=True, width="content", gap="small"):
            for run in runs:
                label = escape_markdown(f"Review {run.prompt_version}")
                if st.button(label, icon=":material/rate_review:", key=f"comparison-review-{run.id}"):
                    st.switch_page("pages/review.py", query_params={"run": run.id})
    st.caption(escape_markdown(f"{on} · {a.endpoint.name} ({a.endpoint.model}) · {ago(a.created_at)}"))


def _figures(workspace: Workspace, found: Comparison) -> None:
    for side in (found.a, found.b):
        _stands(workspace, side, len(found.pairs))
    a, b = found.a.taken, found.b.taken
    is_reviewed = found.a.acceptance is not None or found.b.acceptance is not None
    with st.container(horizontal=True, gap="small"):  # as wide as their figures are, in one row where there is room
        _metric("Tokens sent", a.usage.prompt_tokens, b.usage.prompt_tokens, color="off")
        _metric("Tokens received", a.usage.completion_tokens, b.usage.completion_tokens, color="off")
        _metric(
            "Seconds", a.seconds, b.seconds, color="off", digits=1, help="Of waiting for answers, one after another."
        )
        _metric("Findings", sum(found.a.findings.values()), sum(found.b.findings.values()))
        _metric("Failures", found.a.failed, found.b.failed)
        if is_reviewed:
            _acceptance(found.a, found.b)
    if kinds := _findings_in_words(found):
        st.caption(escape_markdown(kinds))


def _stands(workspace: Workspace, side: Side, inputs: int) -> None:
    """Where a run has not come to its end: how far it is, or why it stands still."""
    run = side.run
    ended = side.made + side.failed
    if run.state.is_live:
        st.progress(ended / max(inputs, 1), text=escape_markdown(f"{run.prompt_version}: {ended} of {inputs}"))
    elif ended < inputs:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            show_badge(Badge(f"{run.prompt_version}: {STATE_NAMES[run.state]}", STATE_COLORS[run.state]))
            plain(run.reason)
            if st.button("Go on", key=f"comparison-go-on-{run.id}"):
                try:
                    workspace.start(run.id, key=pasted_key)
                except DataflowError as error:
                    st.error(escape_markdown(str(error)))
                else:
                    st.rerun()


def _metric(
    label: str,
    a: float,
    b: float,
    *,
    color: Literal["inverse", "off"] = "inverse",
    digits: int = 0,
    help: str | None = None,
) -> None:
    a, b = round(a, digits), round(b, digits)
    delta = f"{b - a:+,.{digits}f}" if b != a else None
    if delta and a and color == "off":
        delta += f" ({(b - a) / a:+.0%})"
    st.metric(
        label,
        f"{a:,.{digits}f} → {b:,.{digits}f}",
        delta,
        delta_color=color,
        border=True,
        height="stretch",
        help=help,
    )


def _acceptance(a: Side, b: Side) -> None:
    said = [f"{side.acceptance:.0%}" if side.acceptance is not None else "–" for side in (a, b)]
    delta = None
    if a.acceptance is not None and b.acceptance is not None and a.acceptance != b.acceptance:
        delta = f"{100 * (b.acceptance - a.acceptance):+.0f} points"
    of = f"Of those reviewed: {a.accepted + a.rejected} and {b.accepted + b.rejected}."
    st.metric("Accepted", " → ".join(said), delta, border=True, height="stretch", help=of)


def _findings_in_words(found: Comparison) -> str:
    kinds = [check for check in FINDING_NAMES if check in found.a.findings or check in found.b.findings]
    return " · ".join(
        f"{FINDING_NAMES[check]}: {found.a.findings.get(check, 0)} → {found.b.findings.get(check, 0)}"
        for check in kinds
    )


# ---- Input by input


def _show_pair(found: Comparison, pair: Pair, *, is_diff: bool) -> None:
    run = found.a.run
    with st.container(border=True, gap="small"):
        st.markdown(f"**{pair.position + 1}.** {escape_markdown(_asked(run, pair.fields))}")
        if is_diff and pair.a and pair.b:
            _show_diff(run, pair.position, pair.a, pair.b)
            return
        for column, side, output, why_not in zip(
            st.columns(2, gap="medium"),
            (found.a, found.b),
            (pair.a, pair.b),
            (pair.why_not_a, pair.why_not_b),
            strict=True,
        ):
            with column:
                _show_output(side.run, output, why_not)


def _show_output(run: Run, output: Output | None, why_not: str) -> None:
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        show_badge(Badge(run.prompt_version, "blue"))
        if output is not None:
            status = output.record.status
            if output.record.is_edited:
                show_badge(Badge("Edited since", help="Shown as the model wrote it."))
            if status.value != "unreviewed":
                show_badge(Badge(STATUS_NAMES[status], STATUS_COLORS[status]))
            for check in dict.fromkeys(one.check for one in output.findings):
                show_badge(Badge(FINDING_NAMES.get(check, check), "orange"))
    if output is None:
        icon = "schedule" if run.state.is_live else "error"
        st.caption(f":material/{icon}: {escape_markdown(why_not)}")
        return
    for name, value in _made(run, output.fields).items():
        with st.container(gap=None):
            if not is_conversation(value):
                st.caption(escape_markdown(name))
            plain(as_text(value) or "(empty)")


def _show_diff(run: Run, position: int, a: Output, b: Output) -> None:
    diffs = record_diff(_made(run, a.fields), _made(run, b.fields))
    if diffs:
        diff_view(diffs, key=f"comparison-diff-{run.id}-{position}")
    else:
        st.caption("Both say the same.")


def _asked(run: Run, fields: Fields) -> str:
    if run.generator == TASKS:
        return as_text(fields.get(task_keys(run.params)[0]))
    return " · ".join(str(fields.get(name, "")) for name in ("intent", "flow", "topic"))


def _made(run: Run, fields: Mapping[str, object]) -> Fields:
    """What the model has made, by the names it is shown under."""
    if run.generator == TASKS:
        return {title: fields.get(key) for title, key in zip(_TITLES, task_keys(run.params)[1:], strict=True)}
    return {"conversation": fields.get("conversation")}

"""What would become of the records, told before a file is written: how many are used, and which are not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import Severity
from dataflow_core.exporting.plan import Concern, ExportPlan, Preflight
from dataflow_core.workspace import Workspace
from ui.export.problem_files import offer_problems
from ui.export.progress import told_to
from ui.export.share_bar import Part, Tone, share_bar
from ui.export.splits import SPLIT_NAMES
from ui.format import count
from ui.jobs import Job, followed
from ui.names import generator_name
from ui.shell import Color, remark
from ui.text import escape_markdown

_SHOWN = 8  # records of a reason
_HELD, _STALE = "export-looked", 20.0  # seconds for which a look is good enough while a run goes on
_TONES: dict[str, Tone] = {"": "train", "train": "train", "validation": "validation", "test": "test"}
_RULES = {
    "unanswered": "No answers yet",
    "unfit": "Not to be shown in this format",
    "no-turns": "No turns",
    "first-turn": "Does not begin with the user",
    "turn-order": "Two turns by the same role",
    "last-turn": "Ends with the user, unanswered",
    "no-answer": "No answer",
    "empty-text": "An empty text",
    "blank-text": "A text of nothing but blanks",
    "system-turn": "A system turn",
    "half-character": "Half of a character",
    "too-long": "Over the limit of tokens",
    "last-answer-only": "Only its last answer is learnt from",
    "not-carried": "More than this format carries",
    "same-answers": "Chosen and rejected say the same",
    "no-category": "No category",
}
#: Whatever is to be left out, there is nothing to write of these.
_WITHOUT_ROW = ("unanswered", "unfit")
#: Whether its records are in the files, and how that is said.
_SEVERITIES: dict[Severity, tuple[str, Color, str]] = {
    Severity.REFUSED: ("refused", "red", ":material/block:"),
    Severity.DROPPED: ("dropped", "red", ":material/block:"),
    Severity.CUT: ("cut off", "orange", ":material/content_cut:"),
    Severity.NOTED: ("noted", "gray", ":material/info:"),
}
_WORST_FIRST = list(_SEVERITIES)


def looked_at(workspace: Workspace, plan: ExportPlan) -> Job[Preflight]:
    """The look at all records of the plan: asked for once for each choice and state of the records."""
    asked = (str(workspace.folder), repr(plan))
    held: tuple[object, Job[Preflight]] | None = st.session_state.get(_HELD)
    if held and held[0] == asked and held[1].result and workspace.runs.live() and held[1].seconds_ago() < _STALE:
        return held[1]  # each record that a run brings would begin a look that never comes to its end
    key = ("preflight", *asked, workspace.records.version())
    job = followed("export-preflight", key, lambda report: workspace.exports.preflight(plan, told_to(report)))
    st.session_state[_HELD] = (asked, job)
    return job


def headline(found: Preflight | None) -> str:
    """How many records are used; always a line, so that what is below keeps its place."""
    return f"**{_headline(found)}**" if found else "**What will be exported**"


def show_findings(workspace: Workspace, plan: ExportPlan, found: Preflight) -> None:
    """Where the records go, and each reason why some are not used, with those that it is about."""
    share_bar(_parts(found), key="export-shares")
    if found.tokens:
        least, median, most = found.tokens
        st.caption(f"An example has {least:,} to {most:,} tokens, {median:,} in the median.")
    for sentence in found.refusals:
        remark(f":material/error: {escape_markdown(sentence)}", "red")
    if found.refusals and found.total:
        st.caption("The files can be written all the same; as they are, they would be refused.")
    for sentence in found.notes:
        remark(f":material/info: {escape_markdown(sentence)}", "gray")
    groups = _by_rule(found.concerns)
    for concerns in groups:
        _show_reason(workspace, plan, concerns, found.by_rule.get(concerns[0].rule, len(concerns)))
    if not groups and not found.refusals:
        remark(f":material/check_circle: {_all_good(plan)}", "green")


def _headline(found: Preflight) -> str:
    if not found.left_out:
        return f"All {count(found.total, 'record')} will be used" if found.total != 1 else "1 record will be used"
    verb = "will be used" if found.total else "can be used"
    total = f"{found.total:,}" if found.total else "None"
    return f"{total} of {count(found.found, 'record')} {verb}"


def _parts(found: Preflight) -> list[Part]:
    splits: dict[str, int] = {}
    for by_split in found.used.values():
        for split, number in by_split.items():
            splits[split] = splits.get(split, 0) + number
    is_one = set(splits) <= {""}
    parts = [
        Part("Used" if is_one else SPLIT_NAMES[split], number, _TONES[split])
        for split, number in sorted(splits.items(), key=lambda item: list(SPLIT_NAMES).index(item[0]))
    ]
    return [*parts, Part("Left out", found.left_out, "out")] if found.left_out else parts


def _all_good(plan: ExportPlan) -> str:
    trainers = EXPORTERS[plan.format].trainers or "the target"
    return escape_markdown(f"Nothing found that {trainers} would refuse, drop or cut.")


def _by_rule(concerns: Sequence[Concern]) -> list[list[Concern]]:
    """The worst first, then those of most records."""
    ordered = sorted(concerns, key=lambda concern: concern.rule)
    groups = [list(group) for _, group in groupby(ordered, key=lambda concern: concern.rule)]
    return sorted(groups, key=lambda group: (_WORST_FIRST.index(_worst(group)), -len(group)))


def _worst(concerns: Sequence[Concern]) -> Severity:
    return min((concern.severity for concern in concerns), key=_WORST_FIRST.index)


def _show_reason(workspace: Workspace, plan: ExportPlan, concerns: Sequence[Concern], number: int) -> None:
    """`concerns` are the first of one rule, `number` counts them all."""
    rule, severity = concerns[0].rule, _worst(concerns)
    fate, color, icon = _SEVERITIES[severity]
    if severity in plan.leave_out or rule in _WITHOUT_ROW:
        fate = "left out"
    messages = {concern.message for concern in concerns}
    title = messages.pop().rstrip(".") if len(messages) == 1 else _RULES.get(rule, rule.replace("-", " ").capitalize())
    label = f"{escape_markdown(title)} · **{number:,}** :{color}-badge[{icon} {fate}]"
    with st.expander(label, key=f"export-reason-{rule}"):
        is_long, wants_all = len(concerns) > _SHOWN, f"export-reason-all-{rule}"
        shown = concerns if not is_long or st.session_state.get(wants_all) else concerns[:_SHOWN]
        if not messages:
            with st.container(horizontal=True, gap="xsmall"):
                for concern in shown:
                    _link(concern)
        for concern in shown if messages else ():
            with st.container(gap=None):
                _link(concern)
                st.caption(escape_markdown(concern.message))
        if number > len(shown):
            st.caption(f"and {number - len(shown):,} more.")
        if is_long:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.toggle(f"Show {'all' if number == len(concerns) else 'the first'} {len(concerns)}", key=wants_all)
                offer_problems(workspace, plan, rule, number)


def _link(concern: Concern) -> None:
    st.page_link(
        "pages/review.py",
        label=f"Record {concern.number}",
        icon=":material/arrow_forward:",
        query_params={"record": concern.record, "kind": generator_name(concern.generator)},
        width="content",
    )

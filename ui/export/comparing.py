"""Two exports side by side: what one has that the other has not, and which settings made the difference."""

from __future__ import annotations

import json
from collections.abc import Sequence

import streamlit as st

from dataflow_core.exporting.comparison import Comparison, Difference
from dataflow_core.exporting.manifest import StoredExport
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.jobs import followed, show_progress
from ui.shell import remark
from ui.text import escape_markdown

_SHOWN = 6
_NAMES = {"query": "Records", "limit": "Tokens", "fields": "Fields", "leave out": "Leave out"}
_KINDS = {
    "added": "Only in this one",
    "removed": "Only in the other",
    "changed": "Changed since",
    "moved": "In another split",
}


def compare(workspace: Workspace, stored: StoredExport) -> None:
    """Offer to compare this export with another one of the workspace's, if there is one."""
    others = [one for one in workspace.bundles.listed(stored.path.parent) if _name(one) != _name(stored)]
    if others and st.button("Compare …", icon=":material/compare_arrows:"):
        _compare(workspace, stored, others)


@st.dialog("Compare two exports", width="medium", icon=":material/compare_arrows:")
def _compare(workspace: Workspace, stored: StoredExport, others: Sequence[StoredExport]) -> None:
    names = {_name(one): one for one in others}
    st.caption(escape_markdown(f"{_name(stored)}, compared with"))
    chosen = st.selectbox("The other export", list(names), label_visibility="collapsed")
    other = names[chosen].path
    job = followed(
        "export-compare", ("compare", other, stored.path), lambda _: workspace.bundles.compare(other, stored.path)
    )
    if job.result:
        _show(workspace, job.result)
    elif job.problem:
        st.error(escape_markdown(job.problem), icon=":material/error:")
    else:
        show_progress(job, key="export-comparing")


def _show(workspace: Workspace, found: Comparison) -> None:
    st.markdown(f"**{count(found.same, 'record')} in both, alike.**")
    if found.identical:
        remark(f":material/check_circle: {count(len(found.identical), 'file')} byte for byte the same.", "green")
    for name, label in _KINDS.items():
        difference: Difference = getattr(found, name)
        if difference.count:
            _show_difference(workspace, label, difference)
    if found.settings:
        st.markdown("**Settings that differ**")
        st.dataframe(
            {
                "Setting": [_called(setting.name) for setting in found.settings],
                "The other": [_said(setting.before) for setting in found.settings],
                "This one": [_said(setting.after) for setting in found.settings],
            },
            hide_index=True,
            height="content" if len(found.settings) <= 6 else 240,
            alt="Settings that differ",
        )


def _show_difference(workspace: Workspace, label: str, difference: Difference) -> None:
    st.markdown(f"{label}: **{difference.count:,}**")
    with st.container(horizontal=True, gap="xsmall"):
        for record_id in difference.ids[:_SHOWN]:
            record = workspace.records.get(record_id)
            if record is not None:
                st.page_link(
                    "pages/review.py",
                    label=f"Record {record.number}",
                    icon=":material/arrow_forward:",
                    query_params={"record": record_id},
                    width="content",
                )


def _called(name: str) -> str:
    """A setting by what the page calls it: "splits.validation" is "Splits: validation"."""
    within, _, last = name.replace("_", " ").rpartition(".")
    return f"{_NAMES.get(within, within.capitalize())}: {last}" if within else _NAMES.get(last, last.capitalize())


def _said(value: object) -> str:
    if value in (None, "", [], {}):
        return "—"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _name(stored: StoredExport) -> str:
    return stored.manifest.name

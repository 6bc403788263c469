"""The versions of a prompt: who saved them, what has changed between any two, and the way back to each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dataflow_core.models import PromptTexts
from dataflow_core.prompts.builtin import SLOTS
from dataflow_core.storage.prompts import SavedPrompt
from dataflow_core.word_diff import record_diff
from ui.format import ago
from ui.prompts.address import open_prompt
from ui.review.components.diff_view import diff_view
from ui.text import escape_markdown


def show_versions(history: Sequence[SavedPrompt], opened: PromptTexts) -> None:
    """`history` is newest first."""
    if len(history) == 1:
        st.caption("This is the only version. What changes from one to the next is shown here.")
        return
    by_version = {one.prompt.version: one for one in history}
    labels = {version: f"{version} · {one.author}, {ago(one.at)}" for version, one in by_version.items()}
    name, present = opened.name, opened.version
    left, right = st.columns(2, gap="small")
    before = left.selectbox(
        "Before",
        list(labels),
        list(labels).index(max(present - 1, 1)),
        format_func=labels.__getitem__,
        key=f"prompt-before-{name}-{present}",
    )
    after = right.selectbox(
        "After",
        list(labels),
        list(labels).index(present),
        format_func=labels.__getitem__,
        key=f"prompt-after-{name}-{present}",
    )
    titles = {slot.name: slot.label for slot in SLOTS[opened.generator]}
    texts = [{titles[key]: text for key, text in by_version[one].prompt.texts.items()} for one in (before, after)]
    diffs = record_diff(*texts)
    if diffs:
        diff_view(diffs, key=f"prompt-diff-{name}")
    else:
        st.caption("These two say the same.")
    with st.container(horizontal=True, gap="small"):
        for version in dict.fromkeys((before, after)):
            if version != present:
                st.button(
                    escape_markdown(f"Open version {version}"),
                    icon=":material/history:",
                    key=f"prompt-open-{name}-{version}",
                    on_click=open_prompt,
                    args=(f"{name}/{version}",),
                    help="Saving it makes it the newest version.",
                )

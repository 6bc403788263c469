"""The list of prompts: built-in and own ones, each in its newest version, by what they make."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dataflow_core.models import PromptTexts
from dataflow_core.prompts.builtin import builtin_prompts
from dataflow_core.workspace import Workspace
from ui.names import DIALOGUES, TASKS, generator_name
from ui.prompts.address import open_prompt
from ui.text import escape_markdown


def show_list(workspace: Workspace, opened: PromptTexts) -> None:
    newest: dict[str, PromptTexts] = {}
    for prompt in workspace.prompts.all():
        newest.setdefault(prompt.name, prompt)
    with st.container(border=True, gap="medium"):
        for generator in (TASKS, DIALOGUES):
            of_it = [one for one in (*builtin_prompts(), *newest.values()) if one.generator == generator]
            _show_group(generator, sorted(of_it, key=lambda one: one.recipe == "small"), opened)


def _show_group(generator: str, prompts: Sequence[PromptTexts], opened: PromptTexts) -> None:
    key = f"prompts-of-{generator}"
    labels = [one.label for one in prompts]
    open_here = next((one.label for one in prompts if one.name == opened.name), None)
    st.session_state[key] = open_here
    st.radio(
        generator_name(generator),
        labels,
        index=None,
        format_func=lambda label: escape_markdown(prompts[labels.index(label)].name),
        captions=[_about(one) for one in prompts],
        key=key,
        on_change=_open,
        args=(key,),
    )


def _open(key: str) -> None:
    if label := st.session_state.get(key):
        open_prompt(label)


def _about(prompt: PromptTexts) -> str:
    if prompt.version:
        return f"Version {prompt.version}"
    return "Built-in" if prompt.recipe == "capable" else "Built-in, for small models"

"""Choosing the prompt of a run, where its other options are chosen."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import Endpoint, PromptTexts
from dataflow_core.prompts.builtin import builtin_prompts
from dataflow_core.workspace import Workspace


def prompts_for(workspace: Workspace, generator: str, *, recipe: str = "capable") -> list[PromptTexts]:
    """The built-in one of the generator, then all versions of a person's own, the newest first."""
    known = [*builtin_prompts(), *workspace.prompts.all(generator)]
    return [one for one in known if (one.generator, one.recipe) == (generator, recipe)]


def choose_prompt(workspace: Workspace, generator: str, endpoint: Endpoint, key: str) -> PromptTexts | None:
    """Return the chosen one; None for the built-in one."""
    key = f"{key}-{endpoint.recipe}"
    known = {one.label: one for one in prompts_for(workspace, generator, recipe=endpoint.recipe)}
    if st.session_state.get(key) not in known:
        st.session_state[key] = next(iter(known))
    is_small = endpoint.recipe == "small"
    label = st.selectbox(
        "Prompt",
        list(known),
        format_func=lambda name: prompt_label(known[name]),
        key=key,
        persist_state="session",
        disabled=is_small,
        help="A small model follows the examples of its own prompt."
        if is_small
        else "Your own are written on the Prompts page.",
    )
    return known[label] if known[label].version else None


def prompt_label(prompt: PromptTexts) -> str:
    return prompt.label if prompt.version else f"{prompt.label} · built-in"

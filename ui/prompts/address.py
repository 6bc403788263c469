"""What the Prompts page shows, which is all in its address."""

from __future__ import annotations

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.models import PromptTexts
from dataflow_core.prompts.builtin import builtin_prompts
from dataflow_core.workspace import Workspace

_PROMPT, _COMPARISON = "prompt", "compare"
_LAST = "prompts-last"
#: In the address, where two prompts are still to be chosen.
NEW = "new"


def opened_prompt(workspace: Workspace) -> PromptTexts:
    """The one in the address, else the one that was open before, else the first one."""
    for label in (st.query_params.get(_PROMPT, ""), st.session_state.get(_LAST, "")):
        try:
            prompt = workspace.prompts.get(label)
        except UsageError:
            continue
        st.session_state[_LAST] = prompt.label
        return prompt
    return builtin_prompts()[0]


def open_prompt(label: str) -> None:
    st.query_params.pop(_COMPARISON, None)
    st.query_params[_PROMPT] = label


def opened_comparison() -> str:
    """The id of a comparison, `NEW`, or ""."""
    return st.query_params.get(_COMPARISON, "")


def open_comparison(comparison: str = NEW) -> None:
    st.query_params[_COMPARISON] = comparison


def close_comparison() -> None:
    st.query_params.pop(_COMPARISON, None)

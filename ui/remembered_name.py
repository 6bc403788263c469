"""The reviewer's name, remembered by the browser: asked for once, not once a session.

What the browser keeps is its own word for who sits there: it stands beside edits as a
signature does, and opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui.session import has_chosen_name, name_reviewer, own_name

_KEY = "reviewer_remembered"
_render = st.components.v2.component(
    "dataflow_studio.remembered_name",
    html="<span hidden></span>",
    js="""
      const KEY = 'dataflow-studio-reviewer';

      export default function ({ data, setStateValue }) {
        try {
          const known = localStorage.getItem(KEY) || '';
          if (!data.isChosen && known) setStateValue('name', known);
          else if (data.isChosen && data.name) localStorage.setItem(KEY, data.name);
          else if (data.isChosen) localStorage.removeItem(KEY);
        } catch {
          // A browser that keeps nothing asks again in the next session.
        }
      }
    """,
)


def remember_name() -> None:
    """Take over the name that this browser was given before; have it keep the one that is given now."""
    state: Any = st.session_state.get(_KEY)
    known = state.get("name") if isinstance(state, Mapping) else None
    if isinstance(known, str) and known.strip() and not has_chosen_name():
        name_reviewer(known.encode("utf-8", "replace").decode("utf-8"))
    _render(key=_KEY, data={"name": own_name(), "isChosen": has_chosen_name()}, on_name_change=lambda: None)

"""What one click brought is kept when the next one comes before Streamlit has read it.

A rerun that is asked for while another one waits takes its place, and what the widgets of the first had to say is
dropped where the second does not say it again: a cell that was edited right before its page was left. And a rerun that
is asked for while callbacks are being called breaks them off at the first touch of the session's state. Neither can be
switched off in Streamlit, so both places are wrapped here.
"""

from __future__ import annotations

from typing import Any

from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner_utils import script_requests
from streamlit.runtime.state.safe_session_state import SafeSessionState

_coalesce = script_requests._coalesce_widget_states
_apply = SafeSessionState.on_script_will_rerun


def keep_what_was_sent() -> None:
    """To be called before the server starts, or as early as can be; again does no harm."""
    script_requests._coalesce_widget_states = coalesce_all
    SafeSessionState.on_script_will_rerun = apply_to_the_end  # type: ignore[method-assign]


def coalesce_all(old_states: WidgetStates | None, new_states: WidgetStates | None) -> WidgetStates | None:
    merged = _coalesce(old_states, new_states)
    if merged is not None and old_states is not None and merged is not old_states:
        known = {state.id for state in merged.widgets}
        merged.widgets.extend(state for state in old_states.widgets if state.id not in known)
    return merged


def apply_to_the_end(self: SafeSessionState, *args: Any, **others: Any) -> None:
    interrupt = self._yield_callback
    object.__setattr__(self, "_yield_callback", lambda: None)
    try:
        _apply(self, *args, **others)
    finally:
        object.__setattr__(self, "_yield_callback", interrupt)

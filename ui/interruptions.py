"""What one click brought is kept when the next one comes before Streamlit has read it.

A rerun that is asked for while another one waits takes its place, and what the widgets of the first had to say is
dropped where the second does not say it again: a cell that was edited right before its page was left. A rerun that is
asked for while callbacks are being called breaks them off at the first touch of the session's state. And one that is
asked for while the script runs breaks that off, before or after it has reached the button that was pressed. None of it
can be switched off in Streamlit, so these places are wrapped here. `runner.fastReruns` has to be off: with it, what is
under way is told to stop rather than asked for a rerun.
"""

from __future__ import annotations

from typing import Any

from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils import script_requests
from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequest,
    ScriptRequests,
    ScriptRequestType,
)
from streamlit.runtime.state.safe_session_state import SafeSessionState

_coalesce = script_requests._coalesce_widget_states
_apply = SafeSessionState.on_script_will_rerun
_ask = ScriptRequests.request_rerun
_ask_all = ScriptRequests.request_rerun_batch
_yield = ScriptRequests.on_scriptrunner_yield

# Attributes that this module adds to a session's ScriptRequests.
_IS_PRESSED = "_runs_for_a_button"  # the run under way was asked for by a button
_IS_OWN = "_asked_by_the_script"  # the rerun that waits is the script's own (st.rerun, st.switch_page)


def keep_what_was_sent() -> None:
    """To be called before the server starts, or as early as can be; again does no harm."""
    script_requests._coalesce_widget_states = coalesce_all
    SafeSessionState.on_script_will_rerun = apply_to_the_end  # type: ignore[method-assign]
    ScriptRequests.request_rerun = ask  # type: ignore[method-assign]
    ScriptRequests.request_rerun_batch = ask_all  # type: ignore[method-assign]
    ScriptRequests.on_scriptrunner_yield = yield_unless_pressed  # type: ignore[method-assign]


def coalesce_all(old_states: WidgetStates | None, new_states: WidgetStates | None) -> WidgetStates | None:
    merged = _coalesce(old_states, new_states)
    if merged is not None and old_states is not None and merged is not old_states:
        known = {state.id for state in merged.widgets}
        merged.widgets.extend(state for state in old_states.widgets if state.id not in known)
    return merged


def apply_to_the_end(self: SafeSessionState, fresh_widget_states: WidgetStates | None, **others: Any) -> None:
    if (context := get_script_run_ctx(suppress_warning=True)) and context.script_requests:
        setattr(context.script_requests, _IS_PRESSED, _is_pressed(fresh_widget_states))
        setattr(context.script_requests, _IS_OWN, False)
    interrupt = self._yield_callback
    object.__setattr__(self, "_yield_callback", lambda: None)
    try:
        _apply(self, fresh_widget_states, **others)
    finally:
        object.__setattr__(self, "_yield_callback", interrupt)


def _is_pressed(states: WidgetStates | None) -> bool:
    return states is not None and any(script_requests._has_active_trigger_value(state) for state in states.widgets)


def ask(self: ScriptRequests, new_data: RerunData) -> bool:
    if get_script_run_ctx(suppress_warning=True):
        setattr(self, _IS_OWN, True)
    return _ask(self, new_data)


def ask_all(self: ScriptRequests, rerun_batch: list[RerunData]) -> bool:
    setattr(self, _IS_OWN, True)  # only callbacks ask so
    return _ask_all(self, rerun_batch)


def yield_unless_pressed(self: ScriptRequests) -> ScriptRequest | None:
    is_others = self._state == ScriptRequestType.RERUN and not getattr(self, _IS_OWN, False)
    if is_others and getattr(self, _IS_PRESSED, False):
        return None  # it comes when this run has ended
    return _yield(self)

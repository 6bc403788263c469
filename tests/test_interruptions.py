"""What Streamlit drops when a click follows another at once is kept: see ui/interruptions.py."""

from __future__ import annotations

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.scriptrunner_utils import script_requests
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState
from streamlit.runtime.state import SessionState
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.safe_session_state import SafeSessionState

from ui import interruptions
from ui.interruptions import keep_what_was_sent


@pytest.fixture(autouse=True)
def by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit as it comes; another test may have run the app in this process."""
    monkeypatch.setattr(script_requests, "_coalesce_widget_states", interruptions._coalesce)
    monkeypatch.setattr(SafeSessionState, "on_script_will_rerun", interruptions._apply)


class OtherRerunError(Exception):
    """Stands for the rerun that breaks another off."""


def states(**texts: str) -> WidgetStates:
    return WidgetStates(widgets=[WidgetState(id=name, string_value=text) for name, text in texts.items()])


def waiting_after(*asked: WidgetStates) -> dict[str, str]:
    requests = ScriptRequests()
    for widget_states in asked:
        requests.request_rerun(RerunData(widget_states=widget_states))
    request = requests.on_scriptrunner_ready()
    assert request.rerun_data.widget_states is not None
    return {state.id: state.string_value for state in request.rerun_data.widget_states.widgets}


def test_what_a_waiting_rerun_brought_is_added_to_the_one_that_takes_its_place() -> None:
    edit, page = states(cell="edited", search="a"), states(search="b")
    assert waiting_after(edit, page) == {"search": "b"}  # by itself
    keep_what_was_sent()
    assert waiting_after(edit, page) == {"search": "b", "cell": "edited"}


def test_callbacks_are_called_to_their_end_while_another_rerun_waits() -> None:
    saved: list[str] = []
    ThreadState.initialize()

    def interrupt() -> None:
        raise OtherRerunError

    def session() -> SafeSessionState:
        state = SessionState()
        safe = SafeSessionState(state, interrupt)

        def save() -> None:
            saved.append(safe["$$ID-1-cell"])

        state._set_widget_metadata(
            WidgetMetadata("$$ID-1-cell", lambda value: value, lambda value: value, "string_value", callback=save)
        )
        return safe

    with pytest.raises(OtherRerunError):
        session().on_script_will_rerun(states(**{"$$ID-1-cell": "edited"}))
    assert not saved
    keep_what_was_sent()
    kept = session()
    kept.on_script_will_rerun(states(**{"$$ID-1-cell": "edited"}))
    assert saved == ["edited"]
    with pytest.raises(OtherRerunError):  # the script itself is broken off as before
        _ = kept["$$ID-1-cell"]

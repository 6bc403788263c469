"""What Streamlit drops when a click follows another at once is kept: see ui/interruptions.py."""

from __future__ import annotations

import tomllib
from pathlib import Path
from threading import Thread, current_thread
from types import SimpleNamespace

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.scriptrunner_utils import script_requests
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState
from streamlit.runtime.scriptrunner_utils.script_run_context_attr import SCRIPT_RUN_CONTEXT_ATTR_NAME
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
    monkeypatch.setattr(ScriptRequests, "request_rerun", interruptions._ask)
    monkeypatch.setattr(ScriptRequests, "request_rerun_batch", interruptions._ask_all)
    monkeypatch.setattr(ScriptRequests, "on_scriptrunner_yield", interruptions._yield)


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


def begin(requests: ScriptRequests, monkeypatch: pytest.MonkeyPatch, asked: WidgetStates) -> None:
    """From here on this thread runs the script that `asked` has brought about."""
    ThreadState.initialize()
    context = SimpleNamespace(script_requests=requests, page_script_hash="")
    monkeypatch.setattr(current_thread(), SCRIPT_RUN_CONTEXT_ATTR_NAME, context, raising=False)
    SafeSessionState(SessionState(), lambda: None).on_script_will_rerun(asked)


def click(requests: ScriptRequests) -> None:
    """Somewhere else on the page; it comes by another thread, as the server's do."""
    thread = Thread(target=requests.request_rerun, args=(RerunData(widget_states=states(cell="edited")),))
    thread.start()
    thread.join()


def test_a_run_that_a_button_has_asked_for_is_not_broken_off_by_the_next_click(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed = WidgetStates(widgets=[WidgetState(id="save", trigger_value=True)])
    requests = ScriptRequests()
    begin(requests, monkeypatch, pressed)
    click(requests)
    assert requests.on_scriptrunner_yield() is not None  # by itself
    keep_what_was_sent()

    begin(requests, monkeypatch, pressed)
    click(requests)
    assert requests.on_scriptrunner_yield() is None
    after = requests.on_scriptrunner_ready().rerun_data.widget_states  # once the run has ended
    assert after is not None
    assert [state.string_value for state in after.widgets] == ["edited"]

    begin(requests, monkeypatch, states(search="a"))  # no button: as before
    click(requests)
    assert requests.on_scriptrunner_yield() is not None


def test_a_rerun_of_its_own_ends_a_run_that_a_button_has_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_what_was_sent()
    pressed = WidgetStates(widgets=[WidgetState(id="save", trigger_value=True)])
    requests = ScriptRequests()
    begin(requests, monkeypatch, pressed)
    click(requests)
    requests.request_rerun(RerunData())  # st.rerun
    request = requests.on_scriptrunner_yield()
    assert request is not None
    assert request.type == ScriptRequestType.RERUN

    begin(requests, monkeypatch, pressed)
    requests.request_rerun_batch([RerunData()])  # st.rerun in a callback
    assert requests.on_scriptrunner_yield() is not None

    begin(requests, monkeypatch, pressed)
    requests.request_stop()  # the tab has been closed
    stopped = requests.on_scriptrunner_yield()
    assert stopped is not None
    assert stopped.type == ScriptRequestType.STOP


def test_a_session_runs_one_script_at_a_time() -> None:
    """What keeps a pressed button's run together works with this setting alone."""
    config = tomllib.loads((Path(__file__).parents[1] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["runner"]["fastReruns"] is False

"""What a browser session works on: its workspace, the server's pasted keys, and the reviewer's name."""

from __future__ import annotations

import gc
from contextlib import suppress
from pathlib import Path

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.home import Home
from dataflow_core.models import Endpoint
from dataflow_core.serving.keys import base_url_of
from dataflow_core.settings import Settings
from dataflow_core.workspace import Workspace

_CHOSEN = "workspace name"
#: Where a session keeps the name that the person gave.
REVIEWER_NAME = "reviewer name"


@st.cache_resource(show_spinner=False)
def home() -> Home:
    return Home(Settings.from_environment().home)


@st.cache_resource(show_spinner=False)
def _opened(name: str) -> Workspace:
    workspace = home().open(name)
    workspace.recheck()
    # Streamlit collects garbage after each run of a script: without this it would go through all that was imported.
    gc.freeze()
    return workspace


def current_workspace() -> Workspace:
    """The session's workspace: the one it chose, else the one last opened; a first one is made where there is none."""
    name = st.session_state.get(_CHOSEN)
    if name is None or name not in home().names():
        if not (name := home().last_opened()):
            home().open_last().close()
            name = home().last_opened()
        st.session_state[_CHOSEN] = name
    return _opened(name)


def chosen_name() -> str:
    """The name of the session's workspace, also where it cannot be opened; "" while there is none."""
    return str(st.session_state.get(_CHOSEN, ""))


def choose_workspace(name: str) -> None:
    """Work on another workspace from the next rerun on, in this session and in new ones.

    Raises `DataflowError` where it cannot be opened; the session stays where it is.
    """
    _opened(name)
    with suppress(OSError, DataflowError):  # a home that cannot be written to must not keep anybody from a workspace
        home().remember(name)
    person = st.session_state.get(REVIEWER_NAME)
    st.session_state.clear()
    st.session_state[_CHOSEN] = name
    if person is not None:
        st.session_state[REVIEWER_NAME] = person


def forget_workspace(name: str) -> None:
    """Close a workspace that is about to be deleted, and drop the keys pasted for it: its name may be used again."""
    workspace = _opened(name)
    workspace.close()
    _opened.clear(name)
    for place in [place for place in _pasted() if place[0] == workspace.folder]:
        _pasted().pop(place, None)


@st.cache_resource(show_spinner=False)
def _pasted() -> dict[tuple[Path, str], tuple[str, str]]:
    """By workspace folder and endpoint name: the address that a key was pasted for, and the key.

    In this server's memory only, for as long as it lives.
    """
    return {}


def pasted_key(endpoint: Endpoint) -> str | None:
    """The key that a person has pasted for this endpoint at this address: it must reach no other."""
    base_url, key = _pasted().get((current_workspace().folder, endpoint.name), ("", None))
    return key if base_url == base_url_of(endpoint) else None


def keep_pasted_key(endpoint: Endpoint, key: str) -> None:
    _pasted()[current_workspace().folder, endpoint.name] = (base_url_of(endpoint), key)


def forget_pasted_key(name: str) -> None:
    _pasted().pop((current_workspace().folder, name), None)


def reviewer() -> str:
    """The name written beside this session's edits and decisions."""
    return _signed_in() or own_name() or "reviewer"


def has_name() -> bool:
    return reviewer() != "reviewer"


def own_name() -> str:
    """The name that the person gave, "" while there is none."""
    return str(st.session_state.get(REVIEWER_NAME, ""))


def has_chosen_name() -> bool:
    """Whether a name was given in this session, or taken away."""
    return REVIEWER_NAME in st.session_state


def name_reviewer(name: str) -> None:
    st.session_state[REVIEWER_NAME] = name.strip()[:80]


def _signed_in() -> str:
    """The name that sign-in tells, where the server is configured for it."""
    user = st.user.to_dict() if "is_logged_in" in st.user and st.user.is_logged_in else {}
    return str(user.get("name") or user.get("email") or "").strip()


def is_for_this_machine_alone() -> bool:
    """Whether nobody at another machine sees the pages: then paths on this one may be typed into them."""
    return st.get_option("server.address") in ("127.0.0.1", "::1", "localhost")

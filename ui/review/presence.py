"""Which records the people at this server have open at the moment, so that two need not read the same one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import uuid4

import streamlit as st

from ui.session import current_workspace, reviewer

_SESSION = "review_session"
#: How often an open page says that it is still there, and after how many seconds without a word it is not, any more.
HEARTBEAT, LEFT_AFTER = 20.0, 45.0


@dataclass(frozen=True, slots=True)
class _Open:
    record: int
    reviewer: str
    at: float


def note_open(record: int | None) -> None:
    """This session has the record of this number open, and no other; None for none."""
    places = _open_in(str(current_workspace().folder))
    if record is None:
        places.pop(_session(), None)
    else:
        now = time.monotonic()
        for session in [session for session, one in list(places.items()) if now - one.at > LEFT_AFTER]:
            places.pop(session, None)
        places[_session()] = _Open(record, reviewer(), now)


@st.fragment(run_every=HEARTBEAT)
def stay_open(record: int) -> None:
    """Have it noted, as long as the page is open, that this session has the record open."""
    note_open(record)


def open_by_others() -> dict[int, str]:
    """The records that other sessions have open, by number, with the reviewers' names."""
    now, own = time.monotonic(), _session()
    places = list(_open_in(str(current_workspace().folder)).items())
    return {one.record: one.reviewer for session, one in places if session != own and now - one.at < LEFT_AFTER}


def _session() -> str:
    session: str = st.session_state.setdefault(_SESSION, str(uuid4()))
    return session


@st.cache_resource(show_spinner=False)
def _open_in(folder: str) -> dict[str, _Open]:
    """By session. Never more than a moment's memory: nothing of it is stored."""
    return {}

"""The list of records that a query has found, as it was when it was asked, shared among the sessions that ask alike."""

from __future__ import annotations

import math
import time
from array import array
from dataclasses import dataclass, replace

import streamlit as st

from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace

Version = tuple[float, ...]

_SNAPSHOT, _GENERATION = "review_snapshot", "review_generation"


@dataclass(frozen=True)
class Snapshot:
    """The records found for a query at one moment, by number: pages cut from it do not shift while one works."""

    folder: str
    query: Query
    numbers: array[int]
    newest: int  # the number of the last record there was
    taken_at: float

    def pages(self, size: int) -> int:
        return max(1, math.ceil(len(self.numbers) / size))

    def page(self, number: int, size: int) -> array[int]:
        return self.numbers[(number - 1) * size : number * size]

    def place_of(self, number: int, hint: int = -1) -> int | None:
        """Where the record stands in the list, from 0; None where it is not in it. `hint` is where it may be."""
        if 0 <= hint < len(self.numbers) and self.numbers[hint] == number:
            return hint
        try:
            return self.numbers.index(number)
        except ValueError:
            return None


def snapshot_of(workspace: Workspace, query: Query) -> Snapshot:
    """Return the records of the query as they were when it was first asked for, or since `take_new_snapshot`."""
    snapshot: Snapshot | None = st.session_state.get(_SNAPSHOT)
    if snapshot is None or (snapshot.folder, snapshot.query) != (str(workspace.folder), query):
        taken_at, version = time.time(), _version(workspace, query)
        numbers = _numbers(str(workspace.folder), query, version, workspace)
        snapshot = Snapshot(str(workspace.folder), query, numbers, int(version[0]), taken_at)
        st.session_state[_SNAPSHOT] = snapshot
    return snapshot


def take_new_snapshot() -> None:
    """Have the list made anew, and the table with it. For a callback, or before `st.rerun`."""
    st.session_state.pop(_SNAPSHOT, None)
    read_anew()


def read_anew() -> None:
    """Have the table and the open record show their text as it is now."""
    st.session_state[_GENERATION] = generation() + 1


def generation() -> int:
    """Counts the times that everything was read anew."""
    count: int = st.session_state.get(_GENERATION, 0)
    return count


def statuses_of(workspace: Workspace, query: Query) -> dict[ReviewStatus, int]:
    """How many of the query's records there are of each status, its own filter by status aside."""
    return _statuses(str(workspace.folder), _asked(query), _version(workspace, query), workspace)


def findings_of(workspace: Workspace, query: Query) -> dict[str, int]:
    """About how many of the query's records each check has found something, its own filter by findings aside."""
    return _findings(str(workspace.folder), _asked(query), _version(workspace, query), workspace)


def options_of(workspace: Workspace) -> dict[str, list[str]]:
    """What records may be filtered by: the models, intents, reviewers, reasons and tags that there are."""
    return _options(str(workspace.folder), workspace)


def proposals_waiting(workspace: Workspace) -> int:
    """How many proposals nobody has decided yet, for records of any kind."""
    return _proposals_waiting(str(workspace.folder), workspace.proposals.version(), workspace)


def asked_for(workspace: Workspace) -> dict[str, str]:
    """What was asked for in the rewriting runs that have undecided proposals, by run, newest first."""
    return _asked_for(str(workspace.folder), workspace.proposals.version(), workspace)


def _version(workspace: Workspace, query: Query) -> Version:
    """Another one whenever something else may be found."""
    records = workspace.records.version()
    return (*records, *workspace.proposals.version()) if query.proposals else records


def _asked(query: Query) -> Query:
    """Counts do not depend on the order."""
    return replace(query, sort="oldest")


# What is kept is never changed, so it may be shared; 8 bytes a record found.
@st.cache_resource(max_entries=16, show_spinner=False)
def _numbers(folder: str, query: Query, version: Version, _workspace: Workspace) -> array[int]:
    return _workspace.records.numbers(query)


@st.cache_data(max_entries=256, show_spinner=False)
def _statuses(folder: str, query: Query, version: Version, _workspace: Workspace) -> dict[ReviewStatus, int]:
    return _workspace.records.count_by_status(query)


@st.cache_data(max_entries=256, show_spinner=False)
def _findings(folder: str, query: Query, version: Version, _workspace: Workspace) -> dict[str, int]:
    return _workspace.records.count_by_finding(query)


@st.cache_data(max_entries=16, show_spinner=False)
def _proposals_waiting(folder: str, version: Version, _workspace: Workspace) -> int:
    return _workspace.proposals.count_open()


@st.cache_data(max_entries=16, show_spinner=False)
def _asked_for(folder: str, version: Version, _workspace: Workspace) -> dict[str, str]:
    return _workspace.proposals.waiting()


@st.cache_data(max_entries=16, ttl=10, show_spinner=False)
def _options(folder: str, _workspace: Workspace) -> dict[str, list[str]]:
    facets = ("models", "intents", "reviewers", "reasons", "tags")
    return {facet: sorted(_workspace.records.values(facet), key=str.casefold) for facet in facets}

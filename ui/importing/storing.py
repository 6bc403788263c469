"""The import itself: its records stored beside the page, and what comes after."""

from __future__ import annotations

import secrets
from collections.abc import Hashable
from dataclasses import dataclass

import streamlit as st

from dataflow_core.importers.base import ImportMapping
from dataflow_core.models import Endpoint, Run
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.endpoints import choose_endpoint
from ui.importing.checked import told_to
from ui.importing.source import Source
from ui.jobs import Job, Report, jobs
from ui.names import DIALOGUES
from ui.session import reviewer

_STORING = "import-storing"
_REVIEW, _ANSWER = "Review them", "Have a model answer anew"


@dataclass(frozen=True, slots=True)
class Stored:
    """The import, and the run that is planned to answer its dialogues anew, if that was asked for."""

    run: Run
    answers: Run | None = None


def choose_next(workspace: Workspace, mapping: ImportMapping) -> Endpoint | None:
    """What is to be done with dialogues once they are here; returns the model that answers them anew, if one is to."""
    if mapping.kind != DIALOGUES:
        return None
    then = st.segmented_control(
        "After importing",
        [_REVIEW, _ANSWER],
        default=_REVIEW,
        required=True,
        key="import-then",
        persist_state="session",
        wrap=True,
        help="The user's turns stay as they are; a model writes other answers, as records of their own.",
    )
    if then == _REVIEW:
        return None
    endpoint = choose_endpoint(workspace, "import-endpoint")
    st.caption("The run is planned, not started: the next page shows it, and lets you try a few first.")
    return endpoint


def start_storing(
    workspace: Workspace, source: Source, mapping: ImportMapping, skip_bad: bool, answers_by: Endpoint | None
) -> None:
    """To be followed by a rerun."""
    key = ("import", str(workspace.folder), secrets.token_hex(8))
    author = reviewer()

    def store(report: Report) -> Stored:
        tell = told_to(report, "Stored")
        run = workspace.imports.store(
            source.path, source.name, mapping, skip_bad=skip_bad, author=author, progress=tell
        )
        return Stored(run, _answered_anew(workspace, run, answers_by) if answers_by else None)

    st.session_state[_STORING] = key
    jobs().job(key, store).wait(1.0)


def being_stored() -> Job[Stored] | None:
    """The import that goes on for this session."""
    key: Hashable = st.session_state.get(_STORING)
    return jobs().find(key) if key else None


def stop_storing() -> None:
    """For a callback. Nothing of the file is stored then."""
    if (job := being_stored()) is not None:
        job.stop()


def forget_storing() -> None:
    """Take note that it has come to its end."""
    jobs().forget(st.session_state.pop(_STORING, None))


def _answered_anew(workspace: Workspace, run: Run, endpoint: Endpoint) -> Run:
    dialogues = (record.fields for record in workspace.records.stream(Query(runs=(run.id,))))
    return workspace.plan_answers(
        dialogues, endpoint=endpoint, name=f"{run.name}, answered anew", source={"name": run.name}
    )

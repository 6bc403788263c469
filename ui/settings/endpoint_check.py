"""An endpoint called once, beside the page: an address that stays silent must not hold up anything else."""

from __future__ import annotations

import streamlit as st
from ulid import ULID

from dataflow_core.models import Endpoint
from dataflow_core.serving.keys import base_url_of
from dataflow_core.serving.probe import EndpointCheck, try_endpoint_now
from dataflow_core.workspace import Workspace
from ui.jobs import Job, jobs, show_progress
from ui.text import escape_markdown

_TEST = "endpoint-test-"
_AT_ONCE = 1.0  # seconds that the page waits: most endpoints have answered by then


def begin_test(workspace: Workspace, endpoint: Endpoint, key: str | None, *, slot: str) -> None:
    """Call the endpoint once. Where it answers, runs find out afresh how it wants to be asked: it may have changed."""

    def call() -> EndpointCheck:
        check = try_endpoint_now(endpoint, key)
        if check.ok and endpoint.kind != "embedded":
            workspace.dialects.forget(base_url_of(endpoint), endpoint.model)
        return check

    name = (_TEST, str(ULID()))
    st.session_state[_TEST + slot] = endpoint, name, None
    job = jobs().job(name, lambda _: call())
    job.sentence = "Calling it once …"
    job.wait(_AT_ONCE)


def show_test(endpoint: Endpoint, *, slot: str) -> None:
    """What the last test of this slot says, as long as the endpoint is what was tested."""
    tested, name, check = st.session_state.get(_TEST + slot, (None, None, None))
    job: Job[EndpointCheck] | None = jobs().find(name)
    if job is not None and job.is_done:
        check = job.result or EndpointCheck(False, job.problem)
        st.session_state[_TEST + slot] = tested, None, check
        jobs().forget(name)  # and the key with it
    if tested != endpoint:
        return
    if check is not None:
        show_check(check)
    elif job is not None:
        show_progress(job, key=f"testing-{slot}")


def show_check(check: EndpointCheck) -> None:
    show = st.success if check.ok else st.error
    show(escape_markdown(check.sentence), icon=":material/check:" if check.ok else ":material/error:")

"""Choosing the model of a run, and what has to be said of each."""

from __future__ import annotations

import os

import streamlit as st

from dataflow_core.models import Endpoint
from dataflow_core.serving.keys import base_url_of, key_source, why_only_a_script
from dataflow_core.workspace import Workspace
from ui.session import pasted_key
from ui.shell import Badge
from ui.text import escape_markdown

EMBEDDED_LIMITS = (
    "The embedded model runs on this machine, without a key or a network. It is tiny (135 million parameters): about "
    "one task record in four is usable as it comes, and its dialogue answers read well but are often false. It shows "
    "how everything works; for data to train on, add a larger model under Settings."
)


def choose_endpoint(workspace: Workspace, key: str) -> Endpoint:
    """Let the person choose among the workspace's endpoints, and say what speaks against the one chosen."""
    endpoints = {endpoint.name: endpoint for endpoint in workspace.endpoints.all()}
    if st.session_state.get(key) not in endpoints:
        st.session_state[key] = workspace.endpoints.default().name
    name = st.selectbox(
        "Model",
        list(endpoints),
        format_func=lambda name: endpoint_label(endpoints[name]),
        key=key,
        persist_state="session",
    )
    endpoint = endpoints[name]
    if endpoint.kind == "embedded":
        st.caption(EMBEDDED_LIMITS)
    if problem := endpoint_warning(endpoint):
        st.markdown(f":small[:orange[:material/warning:] {escape_markdown(problem)}]")
    return endpoint


def endpoint_warning(endpoint: Endpoint) -> str | None:
    """What can be seen to be missing without calling anybody: the key, or the embedded model's files."""
    if endpoint.kind == "embedded":
        from dataflow_core.serving.embedded import embedded_problem  # it loads the openai package: not at start-up

        return embedded_problem()
    if endpoint.kind == "script":
        return why_only_a_script(endpoint)
    source = key_source(endpoint)
    if source is None or os.environ.get(source) or pasted_key(endpoint):
        return None
    return f"{source}, the variable that this endpoint's key is read from, is not set. Settings lets you paste a key."


def key_badge(endpoint: Endpoint) -> Badge:
    """Where the endpoint's key comes from now, never what it is."""
    if endpoint.kind == "embedded":
        return Badge("No key needed", "gray", ":material/computer:")
    if pasted_key(endpoint):
        return Badge("Key pasted", "green", ":material/key:", help="Kept in this app's memory until it stops.")
    source = key_source(endpoint)
    if source is None:
        return Badge("Sends no key", "gray", ":material/key_off:")
    if os.environ.get(source):
        return Badge(f"{source} is set", "green", ":material/key:")
    return Badge(f"{source} is not set", "orange", ":material/key_off:")


def address(endpoint: Endpoint) -> str:
    if endpoint.kind == "script":
        return "a script"
    return "this machine" if endpoint.kind == "embedded" else base_url_of(endpoint)


def endpoint_label(endpoint: Endpoint) -> str:
    return endpoint.name if endpoint.kind == "embedded" else f"{endpoint.name} · {endpoint.model}"

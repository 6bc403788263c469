"""The list of endpoints: their state, trying them, and the way to add, change and delete them."""

from __future__ import annotations

import streamlit as st

from dataflow_core.models import Endpoint
from dataflow_core.workspace import Workspace
from ui.endpoints import EMBEDDED_LIMITS, address, key_badge
from ui.format import count
from ui.session import forget_pasted_key, pasted_key
from ui.settings.endpoint_check import begin_test, show_test
from ui.settings.endpoint_form import endpoint_form, open_endpoint_form
from ui.settings.limits import limits_in_words
from ui.settings.workspaces import do
from ui.text import escape_markdown


def endpoint_list(workspace: Workspace) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption("Where records can be generated. The default is chosen for new runs.", width="content")
        st.button("Add an endpoint", type="primary", icon=":material/add:", on_click=open_endpoint_form, args=(None,))
    default = workspace.endpoints.default()
    for number, endpoint in enumerate(workspace.endpoints.all()):
        _card(workspace, endpoint, number, is_default=endpoint.name == default.name)
    endpoint_form(workspace)


def _card(workspace: Workspace, endpoint: Endpoint, number: int, *, is_default: bool) -> None:
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.markdown(f"**{escape_markdown(endpoint.name)}**", width="content")
            if is_default:
                st.badge("Default", color="blue", icon=":material/star:")
            badge = key_badge(endpoint)
            st.badge(escape_markdown(badge.label), color=badge.color, icon=badge.icon, help=badge.help)
        at_once = count(endpoint.max_workers, "call") + " at a time"
        st.caption(escape_markdown(f"{endpoint.model} · {address(endpoint)} · {at_once}"))
        if limits := limits_in_words(endpoint):
            st.caption(escape_markdown(limits))
        if endpoint.kind == "embedded":
            st.caption(EMBEDDED_LIMITS)
        with st.container(horizontal=True, gap="small"):
            _actions(workspace, endpoint, number, is_default=is_default)
        show_test(endpoint, slot=endpoint.name)


def _actions(workspace: Workspace, endpoint: Endpoint, number: int, *, is_default: bool) -> None:
    if st.button("Test", icon=":material/network_check:", key=f"test-{number}"):
        begin_test(workspace, endpoint, pasted_key(endpoint), slot=endpoint.name)
    if not is_default and st.button("Make default", key=f"default-{number}"):
        do(lambda: workspace.endpoints.make_default(endpoint.name))
    if pasted_key(endpoint) and st.button("Forget the key", key=f"forget-{number}"):
        forget_pasted_key(endpoint.name)
        st.rerun()
    if endpoint.kind == "embedded":
        return
    st.button("Edit", key=f"edit-{number}", on_click=open_endpoint_form, args=(endpoint,))
    with st.popover("Delete", type="tertiary"):
        st.caption(
            "Records and runs made with it stay. A run that is not finished goes on with the settings it was last "
            "started with, but without a key that was pasted here."
        )
        if st.button("Delete this endpoint", key=f"delete-{number}"):
            do(lambda: _delete(workspace, endpoint.name))


def _delete(workspace: Workspace, name: str) -> None:
    forget_pasted_key(name)
    workspace.endpoints.delete(name)

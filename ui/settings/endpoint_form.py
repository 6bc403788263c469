"""The dialog in which an endpoint is added or changed, and tried before it is saved."""

from __future__ import annotations

import os

import streamlit as st
from ulid import ULID

from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.models import Endpoint
from dataflow_core.serving.keys import OPENAI_BASE_URL, check_endpoint, looks_like_a_key
from dataflow_core.workspace import Workspace
from ui.session import forget_pasted_key, keep_pasted_key, pasted_key
from ui.settings.endpoint_check import begin_test, show_test
from ui.settings.limits import limits_and_prices
from ui.shell import remark
from ui.text import escape_markdown, without_invisible

_OPEN = "endpoint-form"
#: What the address and the key's variable usually are.
PRESETS = {
    "OpenAI": (OPENAI_BASE_URL, "OPENAI_API_KEY"),
    "vLLM on this machine": ("http://127.0.0.1:8000/v1", ""),
    "Ollama on this machine": ("http://127.0.0.1:11434/v1", ""),
    "llama.cpp on this machine": ("http://127.0.0.1:8080/v1", ""),
    "Another OpenAI-compatible server": ("", ""),
}


def open_endpoint_form(endpoint: Endpoint | None) -> None:
    """Have the dialog shown from the next rerun on; without `endpoint`, to add one."""
    st.session_state[_OPEN] = (str(ULID()), endpoint)  # new widgets each time: a typed key is never shown again


def endpoint_form(workspace: Workspace) -> None:
    """Show the dialog while it is open: a rerun of the page, as when a run ends, must not close it."""
    if _OPEN in st.session_state:
        form, endpoint = st.session_state[_OPEN]
        title = "Add an endpoint" if endpoint is None else "Edit the endpoint"
        st.dialog(title, width="medium", dismissible=False)(_form)(workspace, form, endpoint)


def _close() -> None:
    st.session_state.pop(_OPEN, None)


def _form(workspace: Workspace, form: str, before: Endpoint | None) -> None:
    if before is None:
        st.selectbox(
            "Server",
            list(PRESETS),
            key=f"{form}-preset",
            on_change=_apply_preset,
            args=(form,),
            help="Fills in the rest.",
        )
    typed, key = _fields(form, before or Endpoint("", "openai", *_first_preset()))
    outcome = st.container()  # above the buttons: below them it would be out of sight
    with st.container(horizontal=True, gap="small"):
        is_saved = st.button("Save", type="primary")
        is_tested = st.button("Test", icon=":material/network_check:")
        if st.button("Cancel", type="tertiary", on_click=_close):
            st.rerun()
    try:
        if is_tested:
            begin_test(workspace, typed, key or pasted_key(typed), slot=form)
        with outcome:
            show_test(typed, slot=form)
        if is_saved:
            _save(workspace, typed, key, before)
            _close()
            st.rerun()
    except DataflowError as error:
        outcome.error(escape_markdown(str(error)))


def _fields(form: str, endpoint: Endpoint) -> tuple[Endpoint, str]:
    """The endpoint as typed, and the key that was pasted."""
    is_new = not endpoint.name
    name = st.text_input(
        "Name",
        endpoint.name,
        key=f"{form}-name",
        disabled=not is_new,
        placeholder="My server",
        help=None if is_new else "The name stays, because runs refer to it.",
    )
    base_url = st.text_input("Base URL", endpoint.base_url, key=f"{form}-url", placeholder="https://host/v1")
    model = st.text_input("Model", endpoint.model, key=f"{form}-model", help="As its server calls it.")
    left, right = st.columns(2)
    variable = left.text_input(
        "Key's environment variable",
        endpoint.key_env,
        key=f"{form}-env",
        help="Its name, never the key itself.",
    )
    with left:
        _say_whether_set(variable.strip())
    workers = right.number_input("Calls at a time", 1, 512, endpoint.max_workers, key=f"{form}-workers")
    pasted = st.text_input(
        "Or paste a key",
        type="password",
        key=f"{form}-key",
        autocomplete="off",
        live="0ms",  # or a key typed would wait in the browser for as long as the eye beside it has the focus
        help="Kept in this app's memory until it stops. It is never written down or shown again.",
    )
    name, base_url, model, variable, key = map(without_invisible, (name, base_url, model, variable, pasted))
    return limits_and_prices(form, endpoint, Endpoint(name, "openai", base_url, model, variable, int(workers))), key


def _say_whether_set(variable: str) -> None:
    """Always a line: one that comes while a button below is being pressed would move it away."""
    if not variable:
        st.caption("Without it, only a pasted key is sent.")
    elif looks_like_a_key(variable):
        st.caption("Its name, never the key itself.")
    else:
        shown = escape_markdown(variable)
        if os.environ.get(variable):
            st.caption(f"{shown} is set.")
        else:
            remark(f":material/warning: {shown} is not set where this app was started.", "orange")


def _save(workspace: Workspace, typed: Endpoint, key: str, before: Endpoint | None) -> None:
    if before is None and any(known.name == typed.name for known in workspace.endpoints.all()):
        raise UsageError(f"There is an endpoint named {typed.name} already. Choose another name, or edit that one.")
    check_endpoint(typed)
    if key:
        keep_pasted_key(typed, key)
    elif pasted_key(typed) is None:
        forget_pasted_key(typed.name)  # one for another address
    workspace.endpoints.save(typed)


def _first_preset() -> tuple[str, str, str]:
    base_url, variable = next(iter(PRESETS.values()))
    return base_url, "", variable


def _apply_preset(form: str) -> None:
    base_url, variable = PRESETS[st.session_state[f"{form}-preset"]]
    st.session_state[f"{form}-url"] = base_url
    st.session_state[f"{form}-env"] = variable

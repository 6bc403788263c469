"""Pushing an export to the Hugging Face Hub: where to, asked in a dialog; how it goes, on the page."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from dataflow_core.exporting.hub import ENDPOINT, TOKEN, Pushed
from dataflow_core.exporting.manifest import StoredExport
from dataflow_core.workspace import Workspace
from ui.jobs import Job, Report, jobs, show_progress
from ui.shell import Badge, remark, show_badge
from ui.text import escape_markdown, without_invisible

_PUSHED = "export_push"


def push_button(workspace: Workspace, stored: StoredExport) -> None:
    if st.button("Push to the Hub …", icon=":material/cloud_upload:"):
        _ask(workspace, stored)


@st.dialog("Push to the Hugging Face Hub", icon=":material/cloud_upload:")
def _ask(workspace: Workspace, stored: StoredExport) -> None:
    has_token = bool(os.environ.get(TOKEN))
    where = os.environ.get(ENDPOINT) or "huggingface.co"
    st.caption(escape_markdown(f"{stored.manifest.name} becomes a dataset on {where}, with its card and its manifest."))
    repo = st.text_input("Repository", placeholder="your-name/your-dataset", key="export_push_repo")
    is_private = st.toggle("Private", True, key="export_push_private", help="Only you and your organisation see it.")
    if has_token:
        show_badge(Badge(f"{TOKEN} is set", "green", ":material/key:"))
        st.caption("The token comes from the environment that this app was started with. It is stored nowhere.")
    else:
        show_badge(Badge(f"{TOKEN} is not set", "orange", ":material/key_off:"))
        st.caption(
            f"The token is read from the environment alone: stop the app, set {TOKEN} to a token that may write, and "
            "start it again."
        )
    _show_licence(stored)
    if st.button("Push", type="primary", disabled=not has_token):
        if name := without_invisible(repo or ""):
            _start(workspace, stored.path, name, is_private)
            st.rerun()
        st.error("Write the name of the repository, such as your-name/your-dataset.")


def _show_licence(stored: StoredExport) -> None:
    """Which one goes along, and where another is chosen: the files are sent as they are."""
    licence = stored.manifest.about.licence
    if licence:
        show_badge(Badge(f"Licence: {licence}", "gray", ":material/balance:"))
    else:
        show_badge(Badge("No licence is said", "orange", ":material/balance:"))
    st.caption(
        "The licence is part of the card. For another one, close this and choose Export again, which asks for it."
    )


def show_push(path: Path) -> None:
    """How the push of this export goes, or went."""
    job: Job[Pushed] | None = jobs().find(st.session_state.get(_PUSHED))
    if job is None or st.session_state[_PUSHED][1] != path:
        return
    if not job.is_done:
        show_progress(job, key="export-pushing")
    elif job.problem:
        st.error(escape_markdown(job.problem), icon=":material/error:")
    elif job.result:
        seen = "for you alone" if job.result.is_private else "for everybody"
        remark(f":material/check_circle: Pushed to {escape_markdown(job.result.repo)}, {seen} to see.", "green")
        if job.result.url.startswith("https://"):
            st.link_button("See it on the Hub", job.result.url, icon=":material/open_in_new:")


def _start(workspace: Workspace, path: Path, repo: str, is_private: bool) -> None:
    key = ("push", path, repo, is_private)

    def push(report: Report) -> Pushed:
        return workspace.bundles.push(
            path, repo, is_private=is_private, progress=lambda sentence: report(0.5, sentence)
        )

    jobs().forget(key)
    jobs().job(key, push)
    st.session_state[_PUSHED] = key

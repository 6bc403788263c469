"""One prompt: its texts to be read or edited, and how it is copied or saved as a new version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.generators.prompt_check import check_prompt
from dataflow_core.models import PromptTexts
from dataflow_core.prompts.builtin import SLOTS, TextSlot
from dataflow_core.storage.prompts import SavedPrompt
from dataflow_core.workspace import Workspace
from ui.format import ago
from ui.names import generator_name
from ui.prompts.address import open_prompt
from ui.prompts.versions import show_versions
from ui.session import reviewer
from ui.shell import Badge, remark, show_badge
from ui.text import escape_markdown

_SAID = "prompts-said"
_DRAFTS = "prompts"
_FIXED = (
    "A small model copies a pattern and cannot follow a description of it. So this prompt is made of examples, which "
    "the rules that pick among its answers know as well: it can be read, but not changed."
)


def show_prompt(workspace: Workspace, prompt: PromptTexts) -> None:
    history = workspace.prompts.history(prompt.name) if prompt.version else []
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            st.subheader(escape_markdown(prompt.name), anchor=False, width="content")
            for badge in _badges(prompt, history):
                show_badge(badge)
        actions = st.container(horizontal=True, width="content", gap="small")
    with st.container():  # always there: what is below keeps its place while someone types in it
        if said := st.session_state.pop(_SAID, ""):
            remark(f":material/check: {escape_markdown(said)}", "green")
    if prompt.recipe == "small":
        st.caption(_FIXED)
        _show_texts({name: name.capitalize() for name in prompt.texts}, prompt)
    elif not prompt.version:
        st.caption("It stays as it is. A copy is yours to change.")
        with actions:
            _copy(workspace, prompt, "Copy and edit", is_primary=True)
        _show_texts({slot.name: slot.label for slot in SLOTS[prompt.generator]}, prompt)
    else:
        _show_own(workspace, prompt, history, actions)


def _badges(prompt: PromptTexts, history: list[SavedPrompt]) -> list[Badge]:
    of = Badge(generator_name(prompt.generator))
    if not prompt.version:
        return [of, Badge("Built-in", icon=":material/lock:")]
    newest = history[0].prompt.version
    if prompt.version == newest:
        return [of, Badge(f"Version {prompt.version}", "blue")]
    return [of, Badge(f"Version {prompt.version} of {newest}", "orange", ":material/history:")]


def _show_texts(labels: Mapping[str, str], prompt: PromptTexts) -> None:
    about = {slot.name: slot.about for slot in SLOTS[prompt.generator]}
    for name, label in labels.items():
        with st.container(gap="xsmall"):
            st.markdown(f"**{escape_markdown(label)}**", help=about.get(name))
            st.code(prompt.texts[name], language=None, wrap_lines=True)


def _show_own(workspace: Workspace, prompt: PromptTexts, history: list[SavedPrompt], actions: DeltaGenerator) -> None:
    saved = next(one for one in history if one.prompt.version == prompt.version)
    newest = history[0].prompt.version
    st.caption(
        escape_markdown(f"Saved by {saved.author}, {ago(saved.at)}. Runs keep the version that they were planned with.")
    )
    problems = st.container()  # above the texts, which are long
    texts_tab, versions_tab = st.tabs(["Texts", f"Versions ({len(history)})"], key=f"prompt-tabs-{prompt.name}")
    with texts_tab:
        kept = workspace.preferences.drafts(_DRAFTS, reviewer()).get(prompt.label) or {}
        texts = {slot.name: _edit(prompt, slot, kept.get(slot.name)) for slot in SLOTS[prompt.generator]}
        draft = replace(prompt, texts=texts)
    with versions_tab:
        show_versions(history, prompt)
    is_changed = draft.texts != prompt.texts
    if kept != (draft.texts if is_changed else {}):
        workspace.preferences.keep_draft(_DRAFTS, reviewer(), prompt.label, draft.texts if is_changed else None)
    with actions:
        # Always there: a button that comes while another is being pressed takes its place, and the press is lost.
        st.button("Discard changes", type="tertiary", disabled=not is_changed, on_click=_discard, args=(prompt,))
        _copy(workspace, draft, "Save as…")
        # Always enabled: what is being typed is sent by the click itself.
        if st.button(f"Save as version {newest + 1}", type="primary", icon=":material/save:"):
            with problems:
                _save(workspace, draft)
        elif is_changed and (problem := _problem(draft)):
            with problems:
                remark(f":material/warning: {escape_markdown(problem)}", "orange")


def _edit(prompt: PromptTexts, slot: TextSlot, kept: str | None) -> str:
    """`kept` is what was typed before the page was loaded anew, None where that is what was saved."""
    key = _key(prompt, slot.name)
    st.session_state.setdefault(key, prompt.texts[slot.name] if kept is None else kept)
    with st.container(gap="xxsmall"):
        text = st.text_area(
            slot.label,
            height="content",
            key=key,
            persist_state="session",
            help="  \n".join([slot.about, *(f"`{{{name}}}` {about}" for name, about in slot.placeholders.items())]),
        )
        if slot.placeholders:
            st.caption("May use " + " ".join(f"`{{{name}}}`" for name in slot.placeholders))
        elif slot.is_literal:
            st.caption("Sent as it stands.")
    return text or ""


def _copy(workspace: Workspace, prompt: PromptTexts, label: str, *, is_primary: bool = False) -> None:
    with st.popover(
        label,
        type="primary" if is_primary else "secondary",
        icon=":material/content_copy:",
        key=f"prompt-copy-{prompt.label}",
    ):
        name = st.text_input("Name", key=f"prompt-copy-name-{prompt.label}", placeholder="short words").strip()
        st.caption("It becomes version 1 of that name. Records are marked with both.")
        if st.button("Save the copy", type="primary", key=f"prompt-copy-save-{prompt.label}"):
            _save_copy(workspace, replace(prompt, name=name, version=0))


def _save_copy(workspace: Workspace, copy: PromptTexts) -> None:
    if not copy.name:
        st.error("Give the copy a name.")
    elif workspace.prompts.history(copy.name):
        st.error(escape_markdown(f"There is a prompt “{copy.name}” already. Choose another name."))
    else:
        _save(workspace, copy)


def _save(workspace: Workspace, draft: PromptTexts) -> None:
    try:
        check_prompt(draft)
        saved = workspace.prompts.save(draft, author=reviewer())
    except DataflowError as error:
        st.error(escape_markdown(str(error)))
        return
    is_new = saved.version != draft.version or saved.name != draft.name
    st.session_state[_SAID] = f"Saved as {saved.label}." if is_new else f"Nothing has changed since {saved.label}."
    _forget(draft)
    workspace.preferences.keep_draft(_DRAFTS, reviewer(), draft.label, None)
    open_prompt(saved.label)
    st.rerun()


def _problem(draft: PromptTexts) -> str:
    try:
        check_prompt(draft)
    except UsageError as error:
        return str(error)
    return ""


def _discard(prompt: PromptTexts) -> None:
    for slot in SLOTS[prompt.generator]:
        st.session_state[_key(prompt, slot.name)] = prompt.texts[slot.name]


def _forget(prompt: PromptTexts) -> None:
    for slot in SLOTS[prompt.generator]:
        st.session_state.pop(_key(prompt, slot.name), None)


def _key(prompt: PromptTexts, name: str) -> str:
    return f"prompt-text-{prompt.label}-{name}"

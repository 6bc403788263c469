"""Which recipe is being worked on: a saved one, one to start from, one from a file, or a new one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from ulid import ULID

from dataflow_core.errors import UsageError
from dataflow_core.models import CustomRecipe
from dataflow_core.planning.recipes import builtin_recipes, recipe_as_yaml, recipe_from_yaml
from dataflow_core.workspace import Workspace
from ui.custom.draft import Draft, draft_of
from ui.session import reviewer
from ui.shell import remark
from ui.text import escape_markdown

_CHOICE, _NEXT, _SLOTS, _UPLOADS = "custom-choice", "custom-choose", "custom-slots", "custom-uploads"
_TURN = "custom-choice-turn"
_PROBLEM = "custom-problem"
_DRAFTS = "recipes"
_NEW = "new"
_SAVED, _BUILTIN, _FILE, _DELETED = "saved:", "builtin:", "file:", "deleted:"
_TYPES = ["yaml", "yml", "json"]
_LARGEST_FILE = 1  # megabytes


@dataclass(frozen=True, slots=True)
class Slot:
    """One recipe being worked on. `key` is what its widgets' keys begin with; `beginning` is what they begin with.

    `stored` is what it replaces when it is saved: the saved recipe as it was opened, or saved last. `original` is what
    was opened where the widgets begin with what a person had made of it before.
    """

    key: str
    beginning: Draft
    choice: str
    stored: CustomRecipe | None = None
    original: Draft | None = None

    def is_changed(self, draft: Draft) -> bool:
        """Whether somebody would miss it."""
        is_nowhere_else = self.choice.startswith((_NEW, _FILE, _DELETED))
        return not draft.is_empty and (is_nowhere_else or draft != (self.original or self.beginning))


def choose_recipe(workspace: Workspace) -> tuple[Slot, DeltaGenerator]:
    """Let the person choose; return the recipe and the place for what else can be done with it.

    What was typed into one that is left is there again when it is chosen again.
    """
    kept = _kept(workspace)
    known = _known(workspace, kept)
    if (wanted := st.session_state.pop(_NEXT, None)) in known:
        # Another widget: what the browser still sends of the one before, as it was, must not choose for this one.
        st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
        st.session_state[_choice_key()] = wanted
    key = _choice_key()
    if st.session_state.get(key) not in known:
        st.session_state[key] = next((choice for choice in reversed(kept) if choice in known), next(iter(known)))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        choice = st.selectbox(
            "Recipe", list(known), format_func=_label, key=key, persist_state="session", width="stretch"
        )
        more = st.container(width="content")
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(escape_markdown(problem))
    return _slot(workspace, choice, known[choice], kept.get(choice)), more


def offer_saving(workspace: Workspace, slot: Slot, draft: Draft, more: DeltaGenerator) -> None:
    """The button that saves, and whether there is something to be saved; the rest goes to the place for `more`."""
    try:
        recipe: CustomRecipe | None = draft.recipe(columns=None)
    except UsageError:
        recipe = None
    stored = workspace.recipes.get(recipe.name) if recipe else None
    is_saved = stored is not None and stored == recipe and slot.choice == _SAVED + stored.name
    if is_saved:
        remark(":material/check: Saved", "green", width="content")
    elif slot.is_changed(draft):
        remark("Not saved yet", "gray", width="content")
    _keep(workspace, slot.choice, draft if slot.is_changed(draft) and not is_saved else None)
    if st.button("Save recipe", icon=":material/save:", disabled=is_saved or draft.is_empty):
        _save(workspace, slot, draft)
    with more:
        _more(workspace, slot, recipe)


def _save(workspace: Workspace, slot: Slot, draft: Draft) -> None:
    try:
        recipe = draft.recipe(columns=None)
        stored = workspace.recipes.get(recipe.name)
        if stored is not None and slot.choice != _SAVED + recipe.name:
            raise UsageError(
                f"There is a recipe “{recipe.name}” already. Give this one another name, or open that one."
            )
        if stored not in (None, slot.stored):
            raise UsageError(
                f"“{recipe.name}” was changed elsewhere since it was opened here. Give this one another name, and both "
                "are kept."
            )
    except UsageError as error:
        st.session_state[_PROBLEM] = f"It was not saved. {error}"
    else:
        workspace.recipes.save(recipe)
        slots = _slots()
        slots.pop(slot.choice, None)  # what it was opened from is opened anew next time
        _keep(workspace, slot.choice, None)
        choice = _SAVED + recipe.name
        slots[choice] = Slot(slot.key, slot.beginning, choice, recipe)
        st.session_state[_NEXT] = choice
    st.rerun()


def _more(workspace: Workspace, slot: Slot, recipe: CustomRecipe | None) -> None:
    number = st.session_state.setdefault(_UPLOADS, 0)
    # Another one after each file, so that it closes: what is said of the file would lie under it.
    with st.popover("More", icon=":material/more_horiz:", width="content", key=f"custom-more-{number}"):
        st.download_button(
            "Download as YAML",
            recipe_as_yaml(recipe) if recipe else "",
            file_name=f"{_file_name(recipe.name)}.yaml" if recipe else "recipe.yaml",
            mime="application/yaml",
            icon=":material/download:",
            disabled=recipe is None,
            on_click="ignore",
            width="stretch",
        )
        if slot.choice.startswith(_SAVED):
            st.button(
                "Delete this recipe",
                icon=":material/delete:",
                help="Runs and records made by it stay as they are.",
                on_click=_delete,
                args=(workspace, slot),
                width="stretch",
            )
        elif slot.choice.startswith((_BUILTIN, _NEW)):
            st.button(
                "Begin anew", icon=":material/restart_alt:", on_click=_forget, args=(workspace, slot), width="stretch"
            )
        file = st.file_uploader(
            "Open a recipe from YAML",
            ["yaml", "yml", "json"],
            key=f"custom-open-{number}",
            max_upload_size=_LARGEST_FILE,
        )
        if file is not None:
            _open(file.getvalue(), file.name)


def _open(data: bytes, name: str) -> None:
    """From its file on it is a recipe like any other, saved when the person says so."""
    st.session_state[_UPLOADS] += 1  # the next file goes to another widget: this one would be read again and again
    try:
        recipe = recipe_from_yaml(data.decode("utf-8-sig"), columns=None)
    except UnicodeDecodeError:
        st.session_state[_PROBLEM] = f"{name} is no text in UTF-8."
    except UsageError as error:
        st.session_state[_PROBLEM] = f"{name} cannot be opened. {error}"
    else:
        choice = f"{_FILE}{recipe.name}"
        _slots()[choice] = Slot(f"custom-{ULID()}", draft_of(recipe), choice)
        st.session_state[_NEXT] = choice
    st.rerun()


def _delete(workspace: Workspace, slot: Slot) -> None:
    """It stays open as long as the session lasts: saving it brings it back."""
    name = slot.choice.removeprefix(_SAVED)
    recipe = workspace.recipes.get(name)
    workspace.recipes.remove(name)
    _forget(workspace, slot)
    if recipe is not None:
        choice = _DELETED + name
        _slots()[choice] = Slot(slot.key, draft_of(recipe), choice)
        st.session_state[_NEXT] = choice
    st.session_state[_UPLOADS] += 1  # closes the menu, where the same button would delete another recipe


def _forget(workspace: Workspace, slot: Slot) -> None:
    _slots().pop(slot.choice, None)
    _keep(workspace, slot.choice, None)


def _kept(workspace: Workspace) -> dict[str, Draft]:
    """What this person has changed and not saved, by choice: also before the page was loaded anew."""
    return {choice: Draft.of(fields) for choice, fields in workspace.preferences.drafts(_DRAFTS, reviewer()).items()}


def _keep(workspace: Workspace, choice: str, draft: Draft | None) -> None:
    if _kept(workspace).get(choice) != draft:
        workspace.preferences.keep_draft(_DRAFTS, reviewer(), choice, draft and draft.as_fields())


def _known(workspace: Workspace, kept: Mapping[str, Draft]) -> dict[str, Draft]:
    """What can be chosen, and how each begins."""
    saved = {_SAVED + recipe.name: draft_of(recipe) for recipe in workspace.recipes.all()}
    opened = {choice: draft for choice, draft in kept.items() if choice.startswith((_FILE, _DELETED))}
    opened |= {choice: slot.beginning for choice, slot in _slots().items() if choice.startswith((_FILE, _DELETED))}
    builtin = {_BUILTIN + recipe.name: draft_of(recipe) for recipe in builtin_recipes()}
    return saved | opened | builtin | {_NEW: Draft(outputs=({"name": "text", "type": "text", "description": ""},))}


def _slot(workspace: Workspace, choice: str, original: Draft, kept: Draft | None) -> Slot:
    slots = _slots()
    if choice not in slots:
        stored = workspace.recipes.get(choice.removeprefix(_SAVED)) if choice.startswith(_SAVED) else None
        original = original if stored is None else draft_of(stored)
        slots[choice] = Slot(f"custom-{ULID()}", kept or original, choice, stored, original)
    return slots[choice]


def _slots() -> dict[str, Slot]:
    slots: dict[str, Slot] = st.session_state.setdefault(_SLOTS, {})
    return slots


def _choice_key() -> str:
    return f"{_CHOICE}-{st.session_state.get(_TURN, 0)}"


def _label(choice: str) -> str:
    if choice == _NEW:
        return "New recipe"
    kind, _, name = choice.partition(":")
    return {
        "saved": name,
        "builtin": f"{name} · to start from",
        "file": f"{name} · from a file",
        "deleted": f"{name} · deleted",
    }[kind]


def _file_name(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-").lower()[:60] or "recipe"

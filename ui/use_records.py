"""Records as the inputs of another run: where a person says so, and what the page that takes them is handed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dataflow_core.models import Run
from dataflow_core.record_inputs import RecordChoice
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.names import run_label

_PAGES = Path(__file__).parents[1] / "pages"
_WISH = "use-records"
#: Labels of what takes records, with the page, and where that looks for them in the session.
_TAKERS = {
    ":material/account_tree: Use as input for tasks…": ("pages/tasks.py", "tasks-source"),
    ":material/edit_square: Use as input for a recipe…": ("pages/custom.py", "custom-records"),
}


@dataclass(frozen=True, slots=True)
class Handed:
    """Records that were handed to a page. Another workspace's would be others of the same numbers."""

    choice: RecordChoice
    folder: Path


def takers() -> list[str]:
    """The labels of what takes records, for a menu."""
    return [label for label, (page, _) in _TAKERS.items() if (_PAGES.parent / page).is_file()]


def use_records(workspace: Workspace, label: str, choice: RecordChoice) -> None:
    """Hand the records to what has this label; `go_where_records_are_used` opens its page. For a callback."""
    page, key = _TAKERS[label]
    st.session_state[key] = Handed(choice, workspace.folder)
    st.session_state[_WISH] = page


def go_where_records_are_used() -> None:
    """Open the page that records were just handed to, if any were."""
    if page := st.session_state.pop(_WISH, ""):
        st.switch_page(page)


def use_run_menu(workspace: Workspace, run: Run) -> None:
    """Offer to use the run's records."""
    key = f"use-run-{run.id}"

    def use() -> None:
        use_records(workspace, st.session_state[key], records_of(run))

    st.menu_button("Use its records", takers(), icon=":material/output:", type="tertiary", key=key, on_click=use)
    go_where_records_are_used()


def records_of(run: Run) -> RecordChoice:
    return RecordChoice(Query(runs=(run.id,)), name=f"Records of {run_label(run)}")

"""Records as the inputs of another run: where a person says so, and what the page that takes them is handed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from dataflow_core.flows.record_inputs import RecordChoice
from dataflow_core.models import Run
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.names import run_label

_PAGES = Path(__file__).parents[1] / "pages"
#: Where the Custom page looks for records that it was handed.
CUSTOM_RECORDS = "custom-records"
_WISH = "use-records"
_ACCEPTED, _ALL = "Only accepted", "All but rejected"
#: Labels of what takes records, with the page, and where that looks for them in the session.
_TAKERS = {
    ":material/account_tree: Use as input for tasks…": ("pages/tasks.py", "tasks-source"),
    ":material/edit_square: Use as input for a recipe…": ("pages/custom.py", CUSTOM_RECORDS),
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


def choose_which(workspace: Workspace, given: RecordChoice, key: str) -> tuple[RecordChoice, int]:
    """Let the person choose accepted records or all but rejected ones, and return these with their number."""
    counts = {
        name: replace(given, only_accepted=name == _ACCEPTED).count(workspace.records) for name in (_ACCEPTED, _ALL)
    }
    which = st.segmented_control(
        "Which of them",
        list(counts),
        format_func=lambda name: f"{name} ({counts[name]:,})",
        default=_ACCEPTED,
        required=True,
        key=key,
        persist_state="session",
    )
    return replace(given, only_accepted=which == _ACCEPTED), counts[which]


def say_why_none(workspace: Workspace, given: RecordChoice) -> None:
    """Where none of the records that were chosen can be used."""
    sentence = "None of them can be used: they are gone, rejected, or not written to their end."
    if replace(given, only_accepted=False).count(workspace.records):
        sentence = f"None of them is accepted yet. Review them first, or choose “{_ALL}”."
    st.info(sentence, icon=":material/rate_review:")


def records_of(run: Run) -> RecordChoice:
    label = run_label(run)
    return RecordChoice(Query(runs=(run.id,)), name=label if label.startswith("Records ") else f"Records of {label}")

"""The dialogues of a run whose questions are reviewed before they are answered."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dataflow_core.models import ReviewStatus, Run
from dataflow_core.workspace import Workspace
from ui.runs.actions import answer_accepted

_TO_REVIEW = (ReviewStatus.UNREVIEWED, ReviewStatus.FLAGGED)
_TURNED_DOWN = (ReviewStatus.REJECTED, ReviewStatus.DELETED)


def waiting_in_words(waiting: Mapping[ReviewStatus, int]) -> str:
    """Say how many wait for what, by how their questions have been judged; "" where none waits."""
    to_review, turned_down = count_to_review(waiting), sum(waiting.get(status, 0) for status in _TURNED_DOWN)
    accepted = waiting.get(ReviewStatus.ACCEPTED, 0)
    parts = []
    if to_review:
        parts.append(
            f"{to_review:,} {'waits for review of its' if to_review == 1 else 'wait for review of their'} questions"
        )
    if accepted:
        parts.append(f"{accepted:,} {'is' if accepted == 1 else 'are'} accepted, without answers yet")
    if turned_down:
        parts.append(f"{turned_down:,} {'was' if turned_down == 1 else 'were'} turned down")
    return f"{'; '.join(parts)}." if parts else ""


def count_to_review(waiting: Mapping[ReviewStatus, int]) -> int:
    return sum(waiting.get(status, 0) for status in _TO_REVIEW)


def answer_button(workspace: Workspace, run: Run, accepted: int, *, is_primary: bool) -> None:
    st.button(
        f"Get answers for {accepted:,} accepted",
        type="primary" if is_primary else "secondary",
        icon=":material/forum:",
        on_click=answer_accepted,
        args=(workspace, run),
    )

"""A decision is about the text that was on screen, whatever the server has forgotten meanwhile."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.models import ReviewStatus
from dataflow_core.workspace import Workspace


def decides(stamp: str) -> None:
    """What a press does in a session that knows nothing of what was on screen before."""
    import streamlit as st

    from dataflow_core.models import ReviewStatus
    from ui.review.draft import open_draft
    from ui.review.saving import show_problems
    from ui.session import current_workspace

    workspace = current_workspace()
    record = workspace.records.get(stamp.partition(":")[0])
    assert record is not None
    st.session_state["decided"] = open_draft(record).decide(workspace, stamp, ReviewStatus.ACCEPTED)
    show_problems(workspace)


@pytest.mark.parametrize(("seen", "is_decided"), [(1, False), (2, True)])
def test_a_press_that_comes_after_a_restart_decides_only_the_text_that_was_on_screen(
    filled_workspace: Workspace, seen: int, is_decided: bool
) -> None:
    record = filled_workspace.records.page([1])[0]
    filled_workspace.review.edit(record.id, {"parallel_task": "Ben's."}, base_revision=1, author="Ben")
    page = AppTest.from_function(decides, kwargs={"stamp": f"{record.id}:{seen}"}, default_timeout=20).run()
    assert not page.exception
    assert page.session_state["decided"] is is_decided
    status = filled_workspace.records.page([1])[0].status
    assert status is (ReviewStatus.ACCEPTED if is_decided else ReviewStatus.UNREVIEWED)
    assert bool(page.warning) is not is_decided


def accepts_with_a_problem(record_id: str) -> None:
    import streamlit as st

    from dataflow_core.models import ReviewStatus
    from ui.review.draft import open_draft
    from ui.session import current_workspace

    workspace = current_workspace()
    record = workspace.records.get(record_id)
    assert record is not None
    draft = open_draft(record)
    draft.problems["stars"] = "Not saved: this must be a number."
    st.session_state["accepted"] = draft.decide(workspace, draft.stamp, ReviewStatus.ACCEPTED)
    st.session_state["rejected"] = draft.decide(workspace, draft.stamp, ReviewStatus.REJECTED)


def test_a_record_is_not_accepted_while_what_was_typed_into_it_could_not_be_saved(filled_workspace: Workspace) -> None:
    record = filled_workspace.records.page([1])[0]
    page = AppTest.from_function(accepts_with_a_problem, args=(record.id,), default_timeout=20).run()
    assert not page.exception
    assert page.session_state["accepted"] is False
    assert "“stars”" in page.toast[0].value
    assert page.session_state["rejected"] is True
    assert filled_workspace.records.page([1])[0].status is ReviewStatus.REJECTED

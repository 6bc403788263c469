"""What the pages say and offer of a run whose questions are reviewed before they are answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.models import SKELETON, InputState, ReviewStatus, Run, RunState
from dataflow_core.storage.ledger import Done, Ledger
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.pages.conftest import in_address
from tests.support import ENDPOINT, INTENTS

OpenPage = Callable[..., AppTest]
ACCEPTED, REJECTED = ReviewStatus.ACCEPTED, ReviewStatus.REJECTED


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """Ids and limits of the runs that were started, in place of their processes."""
    calls: list[tuple[str, int | None]] = []

    def start(self: Workspace, run_id: str, *, limit: int | None = None, **settings: Any) -> None:
        calls.append((run_id, limit))

    monkeypatch.setattr(Workspace, "start", start)
    return calls


def fill(workspace: Workspace, *, written: int = 4, decided: Sequence[ReviewStatus] = ()) -> Run:
    """A run of four dialogues, so many of which have their questions; the first of these are decided."""
    run = workspace.plan_dialogues(
        INTENTS, endpoint=ENDPOINT, num_dialogs_per_intent=2, num_turns_per_dialog=4, review_skeletons=True
    )
    ledger = Ledger(workspace.database, run.id, run.generator)
    cell = ("category", "intent", "flow", "topic")
    for item in ledger.pending(after=-1, count=written):
        turns = [{"role": "user", "value": f"Question {number}?"} for number in (1, 2)]
        fields = {name: item.fields[name] for name in cell} | {"conversation": turns}
        ledger.write([Done(item, fields, model="m", stage=SKELETON)])
    workspace.runs.claim(run.id)
    state = RunState.FINISHED if written == 4 else RunState.PAUSED
    workspace.runs.release(run.id, state, "" if written == 4 else "Paused.", "" if written == 4 else "person")
    for record, status in zip(workspace.records.stream(Query()), decided, strict=False):
        workspace.review.decide({record.id: record.revision}, status, reviewer="Ada")
    return workspace.runs.get(run.id)


def labels(page: AppTest) -> list[str]:
    return [found.label for found in page.button]


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label == label)


def test_a_run_says_that_its_questions_wait_and_leads_to_them(workspace: Workspace, open_page: OpenPage) -> None:
    run = fill(workspace)
    page = open_page("runs")
    assert not page.exception
    assert page.info[0].value == "4 wait for review of their questions."
    assert {metric.label: metric.value for metric in page.metric}["Waiting"] == "4"
    assert not any("accepted" in label for label in labels(page))
    button(page, "Review the questions of 4").click().run()
    assert not page.exception
    assert in_address(page, "run") == run.id


def test_accepted_questions_get_their_answers_at_one_click(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    run = fill(workspace, decided=[ACCEPTED, ACCEPTED, REJECTED])
    page = open_page("runs")
    assert page.info[0].value == (
        "1 waits for review of its questions; 2 are accepted, without answers yet; 1 was turned down."
    )
    button(page, "Get answers for 2 accepted").click().run()
    assert not page.exception
    assert started == [(run.id, None)]
    assert workspace.runs.count_inputs()[InputState.PENDING] == 2
    assert workspace.runs.count_inputs()[InputState.WAITING] == 2


def test_a_paused_run_has_accepted_questions_answered_once_it_goes_on(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    fill(workspace, written=3, decided=[ACCEPTED])
    page = open_page("runs")
    button(page, "Get answers for 1 accepted").click().run()
    assert not page.exception
    assert started == []
    assert page.toast[0].value == "1 dialogue will get answers when the run goes on."
    assert workspace.runs.count_inputs()[InputState.PENDING] == 2
    assert "Resume" in labels(page)


def test_home_says_what_to_do_with_the_questions(workspace: Workspace, open_page: OpenPage) -> None:
    fill(workspace, decided=[ACCEPTED])
    page = open_page("home")
    assert not page.exception
    said = "\n".join(found.value.replace("\\", "") for found in page.markdown)
    assert "1 dialogue of “2 intents” can get answers: the questions are accepted." in said
    assert "3 dialogues of “2 intents” wait for a review of the questions." in said
    assert "ready to export" not in said


def test_the_export_says_what_it_leaves_out(workspace: Workspace, open_page: OpenPage) -> None:
    fill(workspace, decided=[ACCEPTED])
    page = open_page("export")
    assert not page.exception
    assert any("None of 1 record can be used" in found.value for found in page.markdown)
    assert any(reason.label.startswith("Its questions have no answers yet · **1**") for reason in page.expander)
    assert [button.disabled for button in page.button if button.label.startswith("Export")] == [True]


def test_dialogues_are_filtered_by_whether_they_have_answers(workspace: Workspace, open_page: OpenPage) -> None:
    fill(workspace)
    turns = [{"role": "user", "value": "When?"}, {"role": "assistant", "value": "Now."}]
    fields = {"category": "Planning", "conversation": turns}
    whole = workspace.review.add(fields, generator="ConsistentChatGenerator", author="Ada")

    def listed(stage: str) -> list[str]:
        page = open_page("review", kind="Dialogues", stage=stage)
        assert not page.exception
        return [record.id for record in page.session_state["review_sheet"].records]

    assert listed("With answers") == [whole.id]
    assert len(listed("Only questions so far")) == 4
    assert whole.id not in listed("Only questions so far")

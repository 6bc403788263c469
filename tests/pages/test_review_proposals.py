"""Proposals on the Review page: asked for with a note, listed, compared with the record, taken or refused."""

from __future__ import annotations

import json
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from dataflow_core.models import Fields, Proposal, Record, Run
from dataflow_core.storage.queries import ANY_PROPOSAL, Query
from dataflow_core.workspace import Workspace
from tests.pages.conftest import in_address
from tests.support import ENDPOINT, execute

OpenPage = Callable[..., AppTest]
TASKS = Query(generators=("ParaSeqTaskGenerator",))
DIALOGUES = Query(generators=("ConsistentChatGenerator",))


def records_of(workspace: Workspace, query: Query = TASKS) -> list[Record]:
    return workspace.records.page(workspace.records.numbers(query))


def propose(workspace: Workspace, records: list[Record], text: str = "Better.", note: str = "Shorter!") -> Run:
    """Have a model propose this text for the records: for tasks the parallel one, for dialogues each answer."""
    run = workspace.rewriting.plan([one.id for one in records], note, endpoint=ENDPOINT, author="reviewer")
    if "conversation" in records[0].fields:
        answer: Fields = {"turns": [text for turn in records[0].fields["conversation"] if turn["role"] == "assistant"]}
    else:
        answer = {"parallel_task": text, "subsequent_task": "After.", "composition_task": "All."}
    execute(workspace, run, lambda _: json.dumps(answer))
    return run


def proposals_of(workspace: Workspace, run: Run) -> list[Proposal]:
    return workspace.proposals.page(workspace.proposals.numbers(run.id))


def numbers_listed(page: AppTest) -> list[int]:
    return list(page.session_state["review_snapshot"].numbers)


def test_records_that_wait_with_a_proposal_are_listed_alone(filled_workspace: Workspace, open_page: OpenPage) -> None:
    records = records_of(filled_workspace)
    run, other = propose(filled_workspace, records[:3]), propose(filled_workspace, records[2:5], note="Longer!")
    page = open_page("review", proposals=ANY_PROPOSAL)
    assert not page.exception
    assert numbers_listed(page) == [record.number for record in records[:5]]
    page.selectbox(key="review_proposals").select(other.id).run()
    assert numbers_listed(page) == [record.number for record in records[2:5]]
    assert in_address(page, "proposals") == other.id
    page.selectbox(key="review_proposals").select("").run()
    assert len(numbers_listed(page)) == 27
    assert "proposals" not in page.query_params
    assert numbers_listed(open_page("review", proposals=run.id)) == [record.number for record in records[:3]]


def test_the_address_of_a_run_that_rewrote_dialogues_lists_dialogues(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    records = records_of(filled_workspace, DIALOGUES)
    page = open_page("review", proposals=propose(filled_workspace, records[:2]).id)
    assert numbers_listed(page) == [record.number for record in records[:2]]


def test_an_address_that_names_no_run_lists_every_record(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("review", proposals="nothing")
    assert not page.exception
    assert len(numbers_listed(page)) == 27


def test_a_list_that_is_kept_notices_what_was_decided(filled_workspace: Workspace, open_page: OpenPage) -> None:
    run = propose(filled_workspace, records_of(filled_workspace)[:2])
    assert len(numbers_listed(open_page("review", proposals=run.id))) == 2
    filled_workspace.rewriting.refuse(proposals_of(filled_workspace, run)[0].number, author="Ada")
    assert len(numbers_listed(open_page("review", proposals=run.id))) == 1
    filled_workspace.review.undo_last("Ada")
    assert len(numbers_listed(open_page("review", proposals=run.id))) == 2

"""Proposals on the Review page: asked for with a note, listed, compared with the record, taken or refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from dataflow_core.models import Endpoint, Fields, Proposal, Record, ReviewStatus, Run, RunKind, RunState
from dataflow_core.storage.queries import ANY_PROPOSAL, Query
from dataflow_core.storage.schema import runs
from dataflow_core.workspace import Workspace
from tests.pages.conftest import in_address
from tests.support import ENDPOINT, execute
from ui.review.focus import progress
from ui.review.snapshots import Snapshot

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


def numbers_found(page: AppTest, label: str) -> list[str]:
    return [found.label for found in page.button if label in found.label]


def said(page: AppTest) -> str:
    elements = [*page.caption, *page.markdown, *page.warning]
    return "\n".join(str(element.value).replace("\\", "") for element in elements)


def open_first(open_page: OpenPage, record: Record, **query: str) -> AppTest:
    page = open_page("review", record=record.id, **query)
    assert not page.exception
    return page


def test_a_proposal_stands_above_its_record_with_what_was_asked_for(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    first, second, *_ = records_of(filled_workspace)
    propose(filled_workspace, [first], note="Shorter, *please*")
    page = open_first(open_page, first)
    assert "**Another text** by scripted" in said(page)
    assert "“Shorter, *please*” · asked for by you, just now" in said(page)
    assert "Another text" not in said(open_first(open_page, second))


def test_of_several_the_newest_comes_first_and_one_goes_through_them(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    first = records_of(filled_workspace)[0]
    older = propose(filled_workspace, [first], "Older.", note="The older one")
    propose(filled_workspace, [first], "Newer.", note="The newer one")
    page = open_first(open_page, first)
    assert "1 of 2" in said(page)
    assert "The newer one" in said(page)
    page.button(key="review_proposal_next").click().run()
    assert "2 of 2" in said(page)
    assert "The older one" in said(page)
    assert "The older one" in said(open_first(open_page, first, proposals=older.id))


def test_an_outdated_proposal_says_so_and_offers_another(filled_workspace: Workspace, open_page: OpenPage) -> None:
    first = records_of(filled_workspace)[0]
    propose(filled_workspace, [first])
    filled_workspace.review.edit(first.id, {"parallel_task": "Mine."}, base_revision=1, author="Ada")
    page = open_first(open_page, first)
    assert "The record was changed after this was asked for" in said(page)
    assert page.button(key="review_proposal_again")


def test_that_a_person_has_edited_the_text_is_said_beside_what_would_replace_it(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    first = records_of(filled_workspace)[0]
    filled_workspace.review.edit(first.id, {"parallel_task": "Mine."}, base_revision=1, author="Ada")
    propose(filled_workspace, [first])
    assert "Ada has written or edited what it would replace" in said(open_first(open_page, first))


def test_a_text_that_a_model_wrote_is_not_taken_for_a_persons(filled_workspace: Workspace, open_page: OpenPage) -> None:
    first = records_of(filled_workspace)[0]
    run = propose(filled_workspace, [first])
    filled_workspace.rewriting.accept(proposals_of(filled_workspace, run)[0].number, author="Ada")
    propose(filled_workspace, records_of(filled_workspace)[:1], "Even better.")
    assert "has written or edited what it would replace" not in said(open_first(open_page, first))


def test_a_queue_of_proposals_counts_what_is_looked_through(filled_workspace: Workspace) -> None:
    records = records_of(filled_workspace)
    run = propose(filled_workspace, records[:3])
    snapshot = Snapshot("", Query(proposals=run.id), filled_workspace.records.numbers(Query(proposals=run.id)), 0, 0.0)
    assert progress(filled_workspace, snapshot) == "0 looked through · 3 left"
    filled_workspace.rewriting.refuse(proposals_of(filled_workspace, run)[1].number, author="Ada")
    assert progress(filled_workspace, snapshot) == "1 looked through · 2 left"


def test_proposals_that_wait_elsewhere_are_told_in_both_views_and_lead_to_them(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    records = records_of(filled_workspace)
    propose(filled_workspace, records[:3])
    assert numbers_found(open_first(open_page, records[0]), "waiting") == ["2 proposals waiting elsewhere"]
    assert numbers_found(open_first(open_page, records[5]), "waiting") == ["3 proposals waiting"]
    page = open_page("review")
    page.button(key="review_proposals_waiting").click().run()
    assert numbers_listed(page) == [record.number for record in records[:3]]
    assert not numbers_found(page, "waiting")


def test_one_by_one_begins_with_what_waits_even_where_it_was_decided(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    records = records_of(filled_workspace)
    run = propose(filled_workspace, records[:2])
    filled_workspace.review.decide({records[0].id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    page = open_page("review", proposals=run.id, view="focus")
    assert in_address(page, "record") == records[0].id


def failed_request(workspace: Workspace, record: Record) -> Run:
    run = workspace.rewriting.plan([record.id], "Shorter!", endpoint=ENDPOINT, author="reviewer")
    execute(workspace, run, lambda _: "Sorry, {no <b>")
    return run


def test_what_could_not_be_written_says_why_with_the_models_words_until_it_is_dismissed(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    first, second, *_ = records_of(filled_workspace)
    run = failed_request(filled_workspace, first)
    page = open_first(open_page, first)
    assert "Not written again: “Shorter!”" in said(page)
    assert any(code.value == "Sorry, {no <b>" for code in page.code)
    assert "Not written again" not in said(open_first(open_page, second))
    page.button(key=f"regenerate-dismiss-{run.id}").click().run()
    assert "Not written again" not in said(page)
    assert "Not written again" not in said(open_first(open_page, first))


def test_a_request_under_way_is_told_with_its_note_and_can_be_stopped(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    first, second, *_ = records_of(filled_workspace)
    run = filled_workspace.rewriting.plan([first.id], "Shorter!", endpoint=ENDPOINT, author="Bob")
    filled_workspace.runs.enqueue(run.id, limit=None)
    page = open_first(open_page, first)
    assert "Being written again for Bob: “Shorter!” · " in said(page)
    assert "1 other record is being written again" in said(open_first(open_page, second))
    page.button(key=f"regenerating-stop-{run.id}").click().run()
    assert "Stopping" in said(page)
    claimed = filled_workspace.runs.claim(run.id)
    assert filled_workspace.runs.beat(claimed.id).request == "cancel"


def test_a_request_whose_process_was_killed_says_so(filled_workspace: Workspace, open_page: OpenPage) -> None:
    first = records_of(filled_workspace)[0]
    run = filled_workspace.rewriting.plan([first.id], "Shorter!", endpoint=ENDPOINT, author="reviewer")
    filled_workspace.runs.claim(run.id)
    with filled_workspace.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == run.id).values(owner=None, heartbeat_at=0.0))
    page = open_first(open_page, first)
    assert "The process that was to write it has ended before it had." in said(page)
    assert page.button(key=f"regenerate-again-{run.id}")
    page.button(key=f"regenerate-dismiss-{run.id}").click().run()
    assert filled_workspace.runs.get(run.id).state is RunState.CANCELLED


def test_all_filters_are_taken_away_with_that_for_proposals(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("review", proposals=ANY_PROPOSAL)
    next(found for found in page.button if found.label == "Show all records").click().run()
    assert len(numbers_listed(page)) == 27
    assert "proposals" not in page.query_params


def test_an_address_written_by_the_page_itself_wins_over_what_was_chosen(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    records = records_of(filled_workspace)
    one, other = propose(filled_workspace, records[:1]), propose(filled_workspace, records[1:3])
    page = open_page("review", proposals=one.id)
    page.query_params["proposals"] = other.id
    assert numbers_listed(page.run()) == [record.number for record in records[1:3]]


def part_of_the_page(record_id: str, note: str) -> None:
    """A script of its own: what the bar's key does cannot be pressed in a page test."""
    import streamlit as st

    from ui.review.regenerating import ask, hint, show_requests
    from ui.session import current_workspace

    workspace = current_workspace()
    record = workspace.records.get(record_id)
    if record is not None:
        st.button("Regenerate", on_click=ask, args=(workspace, record, note))
        st.text(hint(workspace, record))
        show_requests(workspace, record)


def asking(record: Record, note: str = "Shorter!") -> AppTest:
    return AppTest.from_function(
        part_of_the_page, kwargs={"record_id": record.id, "note": note}, default_timeout=20
    ).run()


def test_without_a_key_nothing_is_asked_and_it_says_what_is_to_be_done(
    filled_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    keyed = Endpoint("Ours", base_url="https://127.0.0.1:9/v1", model="m", key_env="NO_SUCH_KEY")
    filled_workspace.endpoints.save(keyed)
    record = filled_workspace.review.add(
        records_of(filled_workspace)[0].fields, generator="ParaSeqTaskGenerator", author="Ada"
    )
    page = asking(record)
    assert "NO_SUCH_KEY" in page.text[0].value
    page.button[0].click().run()
    assert "NO_SUCH_KEY" in said(page)
    assert "Settings lets you paste a key" in said(page)
    assert filled_workspace.runs.all(kind=RunKind.REWRITE) == []
    page.button(key="regenerate-problem-dismiss").click().run()
    assert "NO_SUCH_KEY" not in said(page)


def test_what_cannot_be_written_again_is_said_in_a_sentence(filled_workspace: Workspace) -> None:
    filled_workspace.endpoints.save(ENDPOINT)
    record = records_of(filled_workspace)[0]
    filled_workspace.review.edit(record.id, {"task": " "}, base_revision=1, author="Ada")
    page = asking(record)
    page.button[0].click().run()
    assert "The task is empty" in said(page)


def test_the_model_that_made_the_record_writes_it_unless_another_can_follow_a_note(
    filled_workspace: Workspace,
) -> None:
    record = records_of(filled_workspace)[0]
    assert asking(record).text[0].value == "The built-in model writes it again, but cannot follow a note."
    filled_workspace.endpoints.save(ENDPOINT)
    assert asking(record).text[0].value.startswith("scripted · scripted writes it.")

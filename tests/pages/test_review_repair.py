"""Selected records written again by a model: asked for, tried on a few, written for all, taken or refused."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from dataflow_core import background
from dataflow_core.errors import UsageError
from dataflow_core.models import Prompt, ProposalState, Record, Run, RunState
from dataflow_core.reviewing import rewriting
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import runs
from dataflow_core.workspace import Workspace
from tests.pages.conftest import fill_tasks, in_address
from tests.support import ENDPOINT

OPEN, ACCEPTED, REFUSED, OUTDATED = ProposalState
NOTE = "Say *how* it is done."


@pytest.fixture
def many(workspace: Workspace) -> Workspace:
    """A workspace of 30 tasks and a model that can follow a note."""
    fill_tasks(workspace, 30)
    workspace.endpoints.save(ENDPOINT)
    return workspace


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What processes are told that would be started; none is."""
    started: list[list[str]] = []
    monkeypatch.setattr(background, "start", lambda arguments, **settings: started.append(list(arguments)))
    return started


def answer(prompt: Prompt) -> str:
    shown: dict[str, Any] = json.loads(prompt.messages[1].content.partition("\n\n")[0])
    number = int(shown["atomic_task"].split()[-1])
    texts = {key: shown[key] for key in ("parallel_task", "subsequent_task", "composition_task")}
    return "I would rather not." if number == 3 else json.dumps(texts | {"parallel_task": f"Better {number}."})


def write(workspace: Workspace) -> Run:
    """Do what the worker would."""
    run = workspace.rewriting.selections()[0]
    asyncio.run(workspace.execute(run.id, serving=ScriptedServing(answer, max_workers=4)))
    return workspace.runs.get(run.id)


def records_of(workspace: Workspace) -> list[Record]:
    return workspace.records.page(workspace.records.numbers(Query()))


def edit(workspace: Workspace, place: int, *, author: str = "Bob") -> None:
    record = records_of(workspace)[place]
    changes = {"subsequent_task": "Somebody's own."}
    workspace.review.edit(record.id, changes, base_revision=record.revision, author=author)


def texts(page: AppTest) -> str:
    progress = [one.proto.text for one in page.get("progress")]
    elements = [*page.caption, *page.markdown, *page.warning, *page.error, *page.code, *page.text]
    shown = [str(element.value) for element in elements]
    return "\n".join([*shown, *progress]).replace("\\", "").replace("\u2060", "")


def press(page: AppTest, label: str) -> AppTest:
    next(found for found in page.button if found.label.startswith(label)).click().run()
    assert not page.exception
    return page


def labels(page: AppTest) -> list[str]:
    return [found.label for found in page.button]


def ask(open_page: Callable[..., AppTest], scope: str = "found") -> AppTest:
    page = open_page("review")
    next(one for one in page.segmented_control if one.label == "Which records").set_value(scope).run()
    menu = page.menu_button(key="review_bulk_more")
    menu.click(next(option for option in menu.options if "Write again" in option)).run()
    assert not page.exception
    return page


def try_it(workspace: Workspace, page: AppTest, note: str = NOTE) -> AppTest:
    next(found for found in page.text_area if found.label.startswith("What should")).set_value(note).run()
    press(page, "Try on 5")
    write(workspace)
    return page.run()


def written(workspace: Workspace, open_page: Callable[..., AppTest]) -> AppTest:
    """All 30 written, one of which has failed."""
    page = try_it(workspace, ask(open_page))
    press(page, "Write all 30")
    write(workspace)
    return page.run()


def parallel_tasks(workspace: Workspace) -> list[str]:
    return [record.fields["parallel_task"] for record in records_of(workspace)]


# ---- Asking, and trying


def test_an_instruction_is_tried_on_five_and_their_differences_are_shown(
    many: Workspace, open_page: Callable[..., AppTest]
) -> None:
    edit(many, 1, author="B_b")
    page = ask(open_page)
    assert "For all 30 records found." in texts(page)
    try_it(many, page)
    run = many.rewriting.selections()[0]
    assert (run.params["note"], run.endpoint.name, run.params["author"]) == (NOTE, "scripted", "reviewer")
    assert many.proposals.count(run.id)[OPEN] == 4
    shown = texts(page)
    assert f"“{NOTE}” · scripted · 30 records selected" in shown
    assert all(f"**Record {number}**" in shown for number in (1, 2, 3, 5))
    assert [badge for badge in page.markdown if "edited by" in str(badge.value)]
    assert "I would rather not." in shown
    assert "About" in shown
    assert parallel_tasks(many) == [f"parallel_task of {number}" for number in range(30)]


def test_what_was_tried_is_used_or_kept_one_by_one(many: Workspace, open_page: Callable[..., AppTest]) -> None:
    page = try_it(many, ask(open_page))
    press(page, "Use")
    press(page, "Keep")
    assert parallel_tasks(many)[:3] == ["Better 0.", "parallel_task of 1", "parallel_task of 2"]
    assert "Used" in texts(page)
    assert "Kept as it was" in texts(page)
    edit(many, 2)
    press(page, "Use")
    assert "changed after this was asked for" in texts(page)


def test_closing_the_dialog_loses_nothing_and_another_session_goes_on_with_it(
    many: Workspace, open_page: Callable[..., AppTest]
) -> None:
    try_it(many, ask(open_page))
    page = open_page("review")
    assert f"“{NOTE}” was tried on 5 of 30 records · reviewer" in texts(page)
    press(press(page, "Look at them"), "Write all 30")
    assert f"Writing again “{NOTE}”: 5 of 30" in texts(page)
    write(many)
    page.run()
    assert f"“{NOTE}”: 29 proposals wait" in texts(page)


def test_another_instruction_is_asked_for_the_same_records_and_what_was_written_is_refused(
    many: Workspace, open_page: Callable[..., AppTest]
) -> None:
    page = try_it(many, ask(open_page))
    press(page, "Change the instruction")
    assert next(found for found in page.text_area if found.label.startswith("What should")).value == NOTE
    assert "For 30 records selected before." in texts(page)
    assert many.proposals.count(many.rewriting.selections()[0].id)[OPEN] == 4
    try_it(many, page, "Shorter.")
    second, first = many.rewriting.selections()
    assert (first.state, many.proposals.count(first.id)[REFUSED]) == (RunState.CANCELLED, 4)
    assert (second.params["note"], second.source["lines"]) == ("Shorter.", 30)
    assert NOTE not in texts(open_page("review"))


def test_few_records_are_written_at_once_and_an_empty_note_writes_them_simply_again(
    many: Workspace, open_page: Callable[..., AppTest]
) -> None:
    page = open_page("review")
    state = {"edited_rows": {0: {"picked": True}, 2: {"picked": True}}, "added_rows": [], "deleted_rows": []}
    page.session_state[page.session_state["review_sheet"].key] = state
    page.run()
    menu = page.menu_button(key="review_bulk_more")
    menu.click(next(option for option in menu.options if "Write again" in option)).run()
    press(page, "Write 2 records again")
    write(many)
    page.run()
    assert "No instruction: simply written again" in texts(page)
    press(page, "Close")
    assert "Written again: 2 proposals wait" in texts(page)
    press(page, "Use all")
    assert parallel_tasks(many)[:3] == ["Better 0.", "parallel_task of 1", "Better 2."]


def test_the_embedded_model_is_said_to_follow_no_note(many: Workspace, open_page: Callable[..., AppTest]) -> None:
    page = ask(open_page)
    next(found for found in page.selectbox if found.label == "Model").set_value("Embedded model").run()
    assert "cannot follow an instruction" not in texts(page)
    next(found for found in page.text_area if found.label.startswith("What should")).set_value("Shorter.").run()
    assert "cannot follow an instruction" in texts(page)


def test_why_nothing_can_be_written_again_is_said_in_the_dialog(
    many: Workspace, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise UsageError("The task is empty: 'task' holds no text.")

    monkeypatch.setattr(rewriting, "check_scope", refuse)
    page = press(ask(open_page), "Try on 5")
    assert "The task is empty" in texts(page)
    assert many.rewriting.selections() == []


def test_what_keeps_the_trial_from_being_made_is_said_and_it_goes_on_when_that_is_mended(
    many: Workspace, open_page: Callable[..., AppTest]
) -> None:
    page = press(ask(open_page), "Try on 5")
    run = many.rewriting.selections()[0]
    many.runs.claim(run.id)
    many.runs.release(run.id, RunState.PAUSED, "The endpoint wants a key.", "problem")
    page.run()
    assert "The endpoint wants a key." in texts(page)
    assert "was to be tried on 5 of 30 records, and came to a stop" in texts(page)
    assert not [label for label in labels(page) if label.startswith("Write all")]
    press(page, "Go on")
    assert many.runs.get(run.id).state is RunState.QUEUED
    write(many)
    page.run()
    assert "Write all 30" in labels(page)


def test_a_trial_that_is_dropped_is_refused_and_shown_no_more(
    many: Workspace, open_page: Callable[..., AppTest]
) -> None:
    try_it(many, ask(open_page))
    page = press(open_page("review"), "Drop it")
    assert NOTE not in "\n".join(line for line in texts(page).splitlines() if "tried" in line)
    assert many.proposals.count(many.rewriting.selections()[0].id)[REFUSED] == 4


# ---- All of them


def test_the_rest_of_a_large_selection_is_planned_in_the_background(
    many: Workspace,
    open_page: Callable[..., AppTest],
    no_processes: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rewriting, "FIRST", 8)
    monkeypatch.setattr("dataflow_core.workspace.TEXTS_AT_ONCE", 10)
    page = try_it(many, ask(open_page))
    run = many.rewriting.selections()[0]
    assert many.runs.progress(run.id).total == 8
    press(page, "Write all 30")
    assert [told[0] for told in no_processes if told[0] != "recheck"] == ["worker", "action"]
    assert f"Writing again “{NOTE}”: 5 of 30" in texts(page)
    assert many.bulk.running() == []
    write(many)
    assert many.runs.get(run.id).state is RunState.FINISHED
    rest = many.rewriting.rest_of(run.id)
    assert rest is not None
    many.bulk.execute(rest.number)  # by a process that is gone before the run has come to its end
    page.run()
    assert many.runs.get(run.id).state is RunState.QUEUED
    write(many)
    page.run()
    assert "29 proposals wait" in texts(page)


def test_a_run_is_stopped_and_goes_on_or_is_left_at_that(many: Workspace, open_page: Callable[..., AppTest]) -> None:
    page = try_it(many, ask(open_page))
    press(page, "Write all 30")
    press(page, "Stop")
    write(many)
    page = open_page("review")
    assert f"Writing again “{NOTE}”: 5 of 30 · stopped" in texts(page)
    press(page, "Go on")
    assert many.rewriting.selections()[0].state is RunState.QUEUED
    press(page, "Stop")
    write(many)
    press(page.run(), "Leave it at that")
    assert "4 proposals wait" in texts(page)
    assert "1 failed" in labels(page)


def test_a_run_whose_worker_was_killed_goes_on(many: Workspace, open_page: Callable[..., AppTest]) -> None:
    page = try_it(many, ask(open_page))
    press(page, "Write all 30")
    run = many.rewriting.selections()[0]
    gone = {"host": os.uname().nodename, "pid": 2**22 + 1, "started": 1.0}
    with many.database.write() as connection:
        connection.execute(update(runs).where(runs.c.id == run.id).values(state="running", owner=gone))
    page = open_page("review")
    assert "5 of 30 · interrupted" in texts(page)
    press(page, "Go on")
    assert many.runs.get(run.id).state is RunState.QUEUED


def test_all_are_used_but_for_what_people_have_edited_and_that_is_undone_as_one(
    many: Workspace, open_page: Callable[..., AppTest]
) -> None:
    edit(many, 7)
    edit(many, 8)
    page = written(many, open_page)
    edit(many, 9)
    page.run()
    assert "29 proposals wait, 2 for edited records, 1 for records changed since" in texts(page)
    press(page, "Use 26")
    assert sum(text.startswith("Better") for text in parallel_tasks(many)) == 26
    assert [parallel_tasks(many)[place] for place in (3, 7, 9)] == [f"parallel_task of {n}" for n in (3, 7, 9)]
    done = f"Used what was proposed for “{NOTE}” · 26 records"
    assert f"{done} · 2 edited by people are left for you to look at · 1 left alone, changed since" in texts(page)
    assert "3 proposals wait" in texts(page)
    assert not [label for label in labels(page) if label.startswith("Use")]
    press(page, "Undo")
    assert not any(text.startswith("Better") for text in parallel_tasks(many))
    assert "Undid the use of proposals · 26 records" in texts(page)
    press(page, "Redo")
    assert sum(text.startswith("Better") for text in parallel_tasks(many)) == 26
    assert "3 proposals wait" in texts(page)


def test_all_are_kept_as_they_are(many: Workspace, open_page: Callable[..., AppTest]) -> None:
    page = press(written(many, open_page), "Keep all")
    assert f"Kept as they were, against what was proposed for “{NOTE}” · 29 records" in texts(page)
    assert f"“{NOTE}”: nothing is proposed" in texts(page)
    press(page, "Dismiss")
    assert "nothing is proposed" not in texts(page)
    press(page, "Undo")
    assert many.proposals.count(many.rewriting.selections()[0].id)[OPEN] == 29


def test_what_has_failed_is_shown_with_its_reason_and_tried_again(
    many: Workspace, open_page: Callable[..., AppTest]
) -> None:
    page = press(written(many, open_page), "1 failed")
    assert "The answer holds no complete JSON object." in texts(page)
    assert "I would rather not." in texts(page)
    press(page, "Try the failed ones again")
    run = many.rewriting.selections()[0]
    assert (run.state, many.runs.progress(run.id).pending) == (RunState.QUEUED, 1)
    assert "29 of 30" in texts(page)


def test_looking_through_them_opens_their_queue_one_by_one(many: Workspace, open_page: Callable[..., AppTest]) -> None:
    page = written(many, open_page)
    page.text_input(key="q").set_value("number").run()
    press(page, "Look through them")
    assert in_address(page, "proposals") == many.rewriting.selections()[0].id
    assert page.session_state["q"] == ""

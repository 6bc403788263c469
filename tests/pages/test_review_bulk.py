"""What is done with many records at once: which are meant, what becomes of them, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from dataflow_core import background
from dataflow_core import workspace as workspace_module
from dataflow_core.models import Action, ActionState, Record, ReviewStatus
from dataflow_core.reviewing.replacing import Replacement
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import actions
from dataflow_core.workspace import Workspace
from tests.pages.conftest import fill_tasks
from ui.review import replace_dialog
from ui.review.actions import in_words

TASKS = Query(generators=("ParaSeqTaskGenerator",))
EVERYTHING = Query(generators=TASKS.generators, statuses=tuple(ReviewStatus))
OpenTable = Callable[..., AppTest]


@pytest.fixture
def many(workspace: Workspace) -> Workspace:
    """A workspace of 30 tasks: a page of 25 and 5 more."""
    fill_tasks(workspace, 30)
    return workspace


@pytest.fixture
def open_table(many: Workspace, open_page: Callable[..., AppTest]) -> OpenTable:
    def opened() -> AppTest:
        page = open_page("review")
        assert not page.exception
        return page

    return opened


@pytest.fixture
def in_background(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Has actions on more than 26 records done by another process; what these are told is kept, none is started."""
    started: list[list[str]] = []
    monkeypatch.setattr(workspace_module, "AT_ONCE", 26)
    monkeypatch.setattr(background, "start", lambda arguments, **settings: started.append(arguments))
    return started


def records_of(workspace: Workspace, query: Query = EVERYTHING) -> list[Record]:
    return workspace.records.page(workspace.records.numbers(query))


def statuses(workspace: Workspace) -> dict[str, int]:
    counts = workspace.records.count_by_status(EVERYTHING)
    return {status.value: number for status, number in counts.items() if number}


def tick(page: AppTest, edits: dict[int, dict[str, Any]]) -> None:
    """What the grid has to say goes with whatever is clicked next."""
    page.session_state[page.session_state["review_sheet"].key] = {
        "edited_rows": edits,
        "added_rows": [],
        "deleted_rows": [],
    }


def edit_cells(page: AppTest, edits: dict[int, dict[str, Any]]) -> AppTest:
    tick(page, edits)
    return page.run()


def scope_control(page: AppTest) -> Any:
    return field_of(page, "segmented_control", "Which records")


def scopes(page: AppTest) -> list[str]:
    return list(scope_control(page).options)


def choose(page: AppTest, scope: str) -> AppTest:
    scope_control(page).set_value(scope)
    return page.run()


def press(page: AppTest, label: str) -> AppTest:
    next(found for found in page.button if found.label == label).click().run()
    assert not page.exception
    return page


def pick(page: AppTest, menu: str, words: str) -> AppTest:
    found = page.menu_button(key=f"review_bulk_{menu}")
    option = next(option for option in found.options if words in option.replace("\\", ""))
    found.click(option).run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    elements = [*page.caption, *page.markdown, *page.warning, *page.error]
    return "\n".join(str(element.value).replace("\\", "").replace("\u2060", "") for element in elements)


def field_of(page: AppTest, kind: str, label: str) -> Any:
    return next(found for found in getattr(page, kind) if found.label == label)


def latest(workspace: Workspace) -> Action:
    return workspace.bulk.recent(limit=1)[0]


# ---- Which records


def test_without_a_tick_the_unreviewed_records_of_the_page_are_meant(many: Workspace, open_table: OpenTable) -> None:
    many.review.decide({records_of(many)[0].id: 1}, ReviewStatus.FLAGGED, reviewer="ana")
    page = open_table()
    assert scopes(page) == ["24 unreviewed", "25 on this page", "All 30 found"]
    press(page, "Accept")
    assert statuses(many) == {"flagged": 1, "accepted": 24, "unreviewed": 5}
    assert "Accepted · 24 records" in texts(page)


def test_a_page_without_unreviewed_records_asks_for_a_choice_first(many: Workspace, open_table: OpenTable) -> None:
    page = press(open_table(), "Accept")
    assert scopes(page)[0] == "0 unreviewed"
    assert all(found.disabled for found in page.button if found.label in ("Accept", "Flag"))
    press(choose(page, "page"), "Flag")
    assert statuses(many) == {"flagged": 25, "unreviewed": 5}


def test_the_first_tick_means_the_ticked_records(many: Workspace, open_table: OpenTable) -> None:
    page = choose(open_table(), "found")
    edit_cells(page, {0: {"picked": True}, 3: {"picked": True}})
    assert scopes(page)[0] == "2 ticked"
    assert scope_control(page).value == "ticked"
    pick(page, "reject", "Too vague")
    rejected = records_of(many, Query(statuses=(ReviewStatus.REJECTED,)))
    assert [(record.fields["id"], record.reason) for record in rejected] == [(0, "Too vague"), (3, "Too vague")]


def test_a_choice_that_comes_with_the_click_is_the_one_that_counts(many: Workspace, open_table: OpenTable) -> None:
    page = open_table()
    scope_control(page).set_value("found")
    press(page, "Accept")
    assert statuses(many) == {"accepted": 30}


def test_a_tick_that_comes_with_the_click_is_not_too_late(many: Workspace, open_table: OpenTable) -> None:
    page = open_table()
    tick(page, {2: {"picked": True}})
    pick(page, "reject", "No reason")
    assert statuses(many) == {"rejected": 1, "unreviewed": 29}


def test_where_the_last_tick_is_taken_away_with_the_click_no_other_records_are_meant(
    many: Workspace, open_table: OpenTable
) -> None:
    page = edit_cells(open_table(), {2: {"picked": True}})
    tick(page, {2: {"picked": False}})
    press(page, "Flag")
    assert statuses(many) == {"unreviewed": 30}


def test_what_is_still_sent_of_a_choice_made_before_does_not_choose_again(
    many: Workspace, open_table: OpenTable
) -> None:
    page = choose(open_table(), "page")
    before = scope_control(page)
    press(page, "Accept")
    assert (scope_control(page).value, scope_control(page).id == before.id) == ("unreviewed", False)


def test_all_found_goes_beyond_the_page_and_has_to_be_chosen_each_time(many: Workspace, open_table: OpenTable) -> None:
    page = press(choose(open_table(), "found"), "Accept")
    assert statuses(many) == {"accepted": 30}
    assert scope_control(page).value == "unreviewed"


def test_a_choice_lasts_while_pages_are_turned(many: Workspace, open_table: OpenTable) -> None:
    page = choose(open_table(), "found")
    page.session_state["review_page_0"] = 2
    page.run()
    assert scope_control(page).value == "found"
    assert scopes(page) == ["5 unreviewed", "5 on this page", "All 30 found"]


def test_an_edit_that_comes_with_the_click_is_saved_before_the_decision(many: Workspace, open_table: OpenTable) -> None:
    page = open_table()
    key = page.session_state["review_sheet"].key
    page.session_state[key] = {"edited_rows": {2: {"field:task": "Better"}}, "added_rows": [], "deleted_rows": []}
    press(page, "Accept")
    edited = records_of(many)[2]
    assert (edited.fields["task"], edited.status) == ("Better", ReviewStatus.ACCEPTED)
    assert statuses(many) == {"accepted": 25, "unreviewed": 5}


def test_a_text_that_was_not_on_screen_is_not_decided(many: Workspace, open_table: OpenTable) -> None:
    page = open_table()
    many.review.edit(records_of(many)[0].id, {"task": "Theirs"}, base_revision=1, author="ana")
    press(page, "Accept")
    assert records_of(many)[0].status is ReviewStatus.UNREVIEWED
    assert "Accepted · 24 records · 1 left alone, changed since" in texts(page)


def test_of_all_found_those_changed_since_they_were_listed_are_left_alone(
    many: Workspace, open_table: OpenTable
) -> None:
    page = choose(open_table(), "found")
    many.review.edit(records_of(many)[29].id, {"task": "Theirs"}, base_revision=1, author="ana")
    press(page, "Accept")
    assert records_of(many)[29].status is ReviewStatus.UNREVIEWED
    assert "Accepted · 29 records · 1 left alone" in texts(page)


# ---- What is done, and undone


def test_an_action_is_undone_and_redone_as_one(many: Workspace, open_table: OpenTable) -> None:
    page = press(choose(open_table(), "found"), "Accept")
    press(page, "Undo")
    assert statuses(many) == {"unreviewed": 30}
    assert "Undid decisions · 30 records" in texts(page)
    press(page, "Redo")
    assert statuses(many) == {"accepted": 30}


@pytest.mark.parametrize("ticked", [{0: {"picked": True}}, {0: {"picked": True}, 1: {"picked": True}}])
def test_undo_takes_back_the_decision_and_not_a_later_edit(
    many: Workspace, open_table: OpenTable, ticked: dict[int, dict[str, Any]]
) -> None:
    page = press(edit_cells(open_table(), ticked), "Flag")
    edit_cells(page, {5: {"field:task": "Later"}})
    press(page, "Undo")
    assert statuses(many) == {"unreviewed": 30}
    assert records_of(many)[5].fields["task"] == "Later"


def test_what_is_so_already_is_said_to_need_no_change(many: Workspace, open_table: OpenTable) -> None:
    page = press(open_table(), "Accept")
    press(choose(page, "page"), "Accept")
    assert "No record had to be changed" in texts(page)


def test_reasons_are_offered_as_text_and_the_list_is_the_persons_own(many: Workspace, open_table: OpenTable) -> None:
    page = pick(open_table(), "reject", "Edit the reasons")
    field_of(page, "text_area", "One a line").set_value("*Odd* :smile:\n\nRude\nRude").run()
    press(page, "Save")
    assert many.preferences.reasons() == ("*Odd* :smile:", "Rude")
    assert page.menu_button(key="review_bulk_reject").options[0].startswith("\\*Odd\\* \\:")
    pick(page, "reject", "*Odd*")
    assert {record.reason for record in records_of(many)[:25]} == {"*Odd* :smile:"}
    assert "Rejected: *Odd* :smile: · 25 records" in texts(page)
    pick(choose(page, "page"), "reject", "No reason")
    assert {record.reason for record in records_of(many)[:25]} == {""}


def test_decisions_are_taken_away_again(many: Workspace, open_table: OpenTable) -> None:
    page = press(open_table(), "Accept")
    pick(choose(page, "page"), "more", "Mark as unreviewed")
    assert statuses(many) == {"unreviewed": 30}


def test_a_deletion_is_asked_about_once_more_and_can_be_undone(many: Workspace, open_table: OpenTable) -> None:
    page = pick(choose(open_table(), "found"), "more", "Delete")
    assert "Delete all 30 records found?" in texts(page)
    press(page, "Cancel")
    assert statuses(many) == {"unreviewed": 30}
    press(pick(page, "more", "Delete"), "Delete")
    assert statuses(many) == {"deleted": 30}
    press(page, "Undo")
    assert statuses(many) == {"unreviewed": 30}


def test_what_took_all_records_off_the_list_can_still_be_undone(many: Workspace, open_table: OpenTable) -> None:
    page = pick(choose(open_table(), "found"), "more", "Delete")
    press(page, "Delete")
    press(page, "Refresh")
    assert "Deleted · 30 records" in texts(page)
    press(page, "Undo")
    assert statuses(many) == {"unreviewed": 30}


def test_a_tag_is_added_to_many_and_taken_away(many: Workspace, open_table: OpenTable) -> None:
    many.review.tag(records_of(many)[0].id, "for *later*", author="ana")  # a page test cannot type a new one
    page = pick(choose(open_table(), "found"), "more", "Tag")
    field_of(page, "selectbox", "Tag").set_value("for *later*").run()
    press(page, "Add")
    assert [many.records.tags(record.id) for record in records_of(many)] == [["for *later*"]] * 30
    assert "Tagged “for *later*” · 29 records · 1 had it already" in texts(page)
    pick(page, "more", "Tag")
    field_of(page, "selectbox", "Tag").set_value("for *later*").run()
    press(page, "Take away")
    assert many.records.count_by_tag(Query()) == {"for *later*": 5}
    press(page, "Undo")
    assert many.records.count_by_tag(Query()) == {"for *later*": 30}


# ---- Find and replace


def ask_for_replacement(page: AppTest, find: str, by: str) -> AppTest:
    pick(page, "more", "Find and replace")
    field_of(page, "text_input", "Replace by").set_value(by).run()
    field_of(page, "text_input", "Find").set_value(find).run()
    assert not page.exception
    return page


def test_a_replacement_says_what_would_change_before_anything_is_written(
    many: Workspace, open_table: OpenTable
) -> None:
    page = ask_for_replacement(choose(open_table(), "found"), "task number 2", "job 2")
    assert "**11** of 30 records would change." in texts(page)
    assert [caption.value for caption in page.caption if caption.value.startswith("Record ")][:2] == [
        "Record 3",
        "Record 21",
    ]
    assert {record.revision for record in records_of(many)} == {1}
    press(page, "Replace in all 30 selected")
    assert sum(record.fields["task"].startswith("job 2") for record in records_of(many)) == 11
    assert "Replaced “task number 2” by “job 2” · 11 records · 19 without it" in texts(page)
    press(page, "Undo")
    assert not any("job" in record.fields["task"] for record in records_of(many))


def test_what_was_changed_since_the_preview_is_left_alone_by_a_replacement(
    many: Workspace, open_table: OpenTable
) -> None:
    page = ask_for_replacement(choose(open_table(), "found"), "task number 2", "job 2")
    record = records_of(many)[2]
    many.review.edit(record.id, {"task": "Task number 2, as Bob has it"}, base_revision=1, author="Bob")
    press(page, "Replace in all 30 selected")
    assert "10 records · 19 without it · 1 left alone, changed since" in texts(page)
    assert records_of(many)[2].fields["task"] == "Task number 2, as Bob has it"


def test_what_a_decision_has_left_alone_is_told_by_its_reason(many: Workspace, open_table: OpenTable) -> None:
    records = records_of(many)
    many.review.decide({record.id: 1 for record in records[:2]}, ReviewStatus.ACCEPTED, reviewer="ana")
    page = choose(open_table(), "found")
    many.review.edit(records[5].id, {"task": "Another one"}, base_revision=1, author="ana")
    press(page, "Accept")
    assert "Accepted · 27 records · 2 so already · 1 left alone, changed since" in texts(page)


def test_a_replacement_may_be_of_one_field_by_a_pattern_and_in_one_case_only(
    many: Workspace, open_table: OpenTable
) -> None:
    page = ask_for_replacement(open_table(), r"(\w+)_TASK of", r"\1 job of")
    assert "None of 25 records would change." in texts(page)
    assert field_of(page, "button", "Replace in all 25 selected").disabled
    field_of(page, "checkbox", "Regular expression").check().run()
    field_of(page, "selectbox", "Field").set_value("parallel_task").run()
    assert "**25** of 25 records would change." in texts(page)
    field_of(page, "checkbox", "Match case").check().run()
    assert "None of 25" in texts(page)
    field_of(page, "checkbox", "Match case").uncheck().run()
    press(page, "Replace in all 25 selected")
    fields = records_of(many)[0].fields
    assert fields["parallel_task"] == "parallel job of 0"
    assert fields["subsequent_task"] == "subsequent_task of 0"


def test_a_pattern_that_cannot_be_used_is_answered_by_a_sentence(many: Workspace, open_table: OpenTable) -> None:
    page = ask_for_replacement(open_table(), "(task", "job")
    field_of(page, "checkbox", "Regular expression").check().run()
    assert "is no regular expression" in texts(page)
    assert not [found for found in page.button if found.label.startswith("Replace in")]


def test_a_pattern_typed_since_is_shown_before_it_is_carried_out(many: Workspace, open_table: OpenTable) -> None:
    page = ask_for_replacement(open_table(), "Task", "Job")
    field_of(page, "text_input", "Find").set_value("number")  # comes in one message with the click
    press(page, "Replace in all 25 selected")
    assert {record.revision for record in records_of(many)} == {1}
    press(page, "Replace in all 25 selected")
    assert records_of(many)[0].fields["task"] == "Task Job 0"


def test_only_the_first_of_many_are_looked_at(
    many: Workspace, open_table: OpenTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replace_dialog, "MOST_LOOKED_AT", 20)
    monkeypatch.setattr(replace_dialog, "_CHUNK", 10)
    page = ask_for_replacement(choose(open_table(), "found"), "Task", "Job")
    assert "**20** of the first 20 would change." in texts(page)
    assert "The first 10 are shown." in texts(page)


def test_looking_ends_when_it_takes_long(
    many: Workspace, open_table: OpenTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replace_dialog, "_SECONDS", 0.0)
    page = ask_for_replacement(choose(open_table(), "found"), "number 1", "1")
    assert "None of the first 1 would change." in texts(page)
    assert not field_of(page, "button", "Replace in all 30 selected").disabled


# ---- While it goes on, and afterwards


def test_an_action_on_very_many_is_followed_and_the_table_stays(
    many: Workspace, open_table: OpenTable, in_background: list[list[str]]
) -> None:
    page = press(choose(open_table(), "found"), "Accept")
    key = page.session_state["review_sheet"].key
    action = latest(many)
    assert ["action", str(action.number)] in [arguments[:2] for arguments in in_background]
    assert field_of(page, "button", "Stop")
    assert not [found for found in page.button if found.label == "Undo"]
    many.bulk.execute(action.number)
    page.run()
    assert "Accepted · 30 records" in texts(page)
    assert page.session_state["review_sheet"].key == key
    press(page, "Refresh the table")
    assert page.session_state["review_sheet"].records[0].status is ReviewStatus.ACCEPTED
    assert not [found for found in page.button if found.label == "Refresh the table"]


def test_a_stopped_action_keeps_what_was_done_and_says_so(
    many: Workspace, open_table: OpenTable, in_background: list[list[str]]
) -> None:
    page = press(choose(open_table(), "found"), "Accept")
    press(page, "Stop")
    assert latest(many).state is ActionState.STOPPED
    assert "stopped after 0 of 30" in texts(page)


@pytest.mark.parametrize(("label", "expected"), [("Go on", {"accepted": 30}), ("Undo", {"unreviewed": 30})])
def test_an_interrupted_action_goes_on_or_is_undone(
    many: Workspace, open_table: OpenTable, in_background: list[list[str]], label: str, expected: dict[str, int]
) -> None:
    page = press(choose(open_table(), "found"), "Accept")
    with many.database.write() as connection:  # its process is gone
        connection.execute(update(actions).where(actions.c.number == latest(many).number).values(owner=None, at=0.0))
    page.run()
    told = page.get("progress")[0].proto.text.replace("\\", "")
    assert "Accepted · 0 of 30 records" in told
    assert "its process did not start" in told
    press(page, label)
    for action in many.bulk.running():
        many.bulk.execute(action.number)
    assert statuses(many) == expected


def test_what_fails_in_the_midst_is_told_and_does_not_stay_as_going_on(
    many: Workspace, open_table: OpenTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = records_of(many)[0]
    many.review.edit(record.id, {"task": "a" * 40 + "b"}, base_revision=1, author="ana")
    monkeypatch.setattr("dataflow_core.reviewing.replacing.LONGEST", 0.05)
    monkeypatch.setattr(replace_dialog, "look", lambda *given: replace_dialog.Preview(25, 1))
    page = ask_for_replacement(open_table(), "(a|a|aa)+c", "x")
    field_of(page, "checkbox", "Regular expression").check().run()
    press(page, "Replace in all 25 selected")
    assert "takes too long" in texts(page)
    assert many.bulk.running() == []


def test_recent_changes_tell_who_did_what_and_are_undone_there(many: Workspace, open_table: OpenTable) -> None:
    records = records_of(many)
    many.review.decide({record.id: 1 for record in records[:3]}, ReviewStatus.REJECTED, reviewer="*ana*", reason="Bad")
    page = open_table()
    page.session_state["review_bulk_recent"] = True
    page.run()
    assert "Rejected: Bad · 3 records" in texts(page)
    assert "*ana* · just now" in texts(page)
    press(page, "Undo")
    assert statuses(many) == {"unreviewed": 30}
    page.session_state["review_bulk_recent"] = True
    page.run()
    assert "undone" in texts(page).splitlines()


@pytest.mark.parametrize(
    ("kind", "params", "words"),
    [
        ("decide", {"status": "accepted", "reason": ""}, "Accepted"),
        ("decide", {"status": "rejected", "reason": "Too vague"}, "Rejected: Too vague"),
        ("decide", {"status": "unreviewed", "reason": ""}, "Marked as unreviewed"),
        ("tag", {"tag": "x", "is_added": False}, "Took the tag “x” away"),
        ("replace", Replacement("a" * 99, "b", field="task").as_fields(), f"Replaced “{'a' * 60}…” by “b” in task"),
        ("undo", {"action": 1, "kind": "replace"}, "Undid a replacement"),
        ("regenerate", {}, "Regenerate"),
    ],
)
def test_an_action_reads_as_what_was_done(many: Workspace, kind: str, params: dict[str, Any], words: str) -> None:
    tagged = many.bulk.tag([1, 2], "x", author="ana")
    with many.database.write() as connection:
        connection.execute(update(actions).where(actions.c.number == tagged.number).values(kind=kind, params=params))
    assert in_words(many.bulk.get(tagged.number)) == words

"""The Review page: filters, edits in the table and in an open record, decisions, records written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from dataflow_core.models import Record, ReviewStatus
from dataflow_core.reviewing.replacing import Replacement
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import records as stored
from dataflow_core.workspace import Workspace
from tests.pages.conftest import fill_tasks, in_address

OpenPage = Callable[..., AppTest]
TASKS = Query(generators=("ParaSeqTaskGenerator",))
DIALOGUES = Query(generators=("ConsistentChatGenerator",))


def records_of(workspace: Workspace, query: Query = TASKS) -> list[Record]:
    return workspace.records.page(workspace.records.numbers(query))


def edit_cells(page: AppTest, edits: dict[int, dict[str, Any]]) -> AppTest:
    """Send what the grid of the table shown sends: changed cells by position."""
    key = page.session_state["review_sheet"].key
    page.session_state[key] = {"edited_rows": edits, "added_rows": [], "deleted_rows": []}
    return page.run()


def edit_texts(page: AppTest, record: Record, texts: dict[str, str]) -> AppTest:
    """Send what the card of an open record sends: the texts that were typed since it was loaded."""
    edit = {"document": f"{record.id}:{record.revision}", "texts": texts}
    page.session_state["review_card"] = {"edit": {"number": 1, "edits": [edit]}}
    return page.run()


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label.startswith(label))


def texts(page: AppTest) -> str:
    elements = [*page.caption, *page.markdown, *page.warning, *page.text]
    return "\n".join(str(element.value) for element in elements)


def present(workspace: Workspace, record: Record) -> Record:
    found = workspace.records.get(record.id)
    assert found is not None
    return found


def test_an_empty_workspace_says_what_to_do_first(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("review")
    assert not page.exception
    assert button(page, "Make tasks")


def test_the_table_shows_the_task_and_its_outputs_before_other_columns(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review")
    assert not page.exception
    columns = list(page.session_state["review_sheet"].frame.columns)
    assert columns == [
        *("picked", "status", "open"),
        *("field:task", "field:parallel_task", "field:subsequent_task", "field:composition_task"),
        *("field:id", "number"),
    ]


def test_an_edit_of_a_cell_becomes_a_revision_and_sending_it_again_does_nothing(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review")
    edit_cells(page, {1: {"field:task": "Better"}}).run().run()
    record = present(filled_workspace, records_of(filled_workspace)[1])
    assert (record.fields["task"], record.revision) == ("Better", 2)
    assert "Saved at" in texts(page)


def test_one_cell_may_be_edited_again_and_again(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("review")
    edit_cells(page, {0: {"field:task": "First"}})
    edit_cells(page, {0: {"field:task": "Second"}})
    edit_cells(page, {0: {"field:task": "Second", "field:parallel_task": None}})
    record = present(filled_workspace, records_of(filled_workspace)[0])
    assert (record.fields["task"], record.fields["parallel_task"]) == ("Second", "")
    assert not page.warning


def test_a_number_stays_a_number_when_it_is_edited(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("review")
    edit_cells(page, {0: {"field:id": "77"}})
    assert present(filled_workspace, records_of(filled_workspace)[0]).fields["id"] == 77


def test_a_status_chosen_in_the_table_is_a_decision_about_the_text_as_edited(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review")
    edit_cells(page, {2: {"status": "accepted", "field:task": "Edited, then accepted"}})
    record = present(filled_workspace, records_of(filled_workspace)[2])
    assert (record.status, record.fields["task"]) == (ReviewStatus.ACCEPTED, "Edited, then accepted")
    assert not page.warning


def test_an_edit_just_before_the_page_is_turned_reaches_its_own_record(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review")
    before = records_of(filled_workspace)
    page.session_state["review_page_0"] = 2
    edit_cells(page, {1: {"field:task": "On the first page"}})
    assert len(page.session_state["review_sheet"].records) == 2
    edit_cells(page, {1: {"field:task": "On the second page"}})
    after = records_of(filled_workspace)
    assert after[1].fields["task"] == "On the first page"
    assert after[26].fields["task"] == "On the second page"
    assert [record.revision for record in after].count(2) == 2
    assert len(before) == len(after) == 27


def test_an_edit_just_before_a_filter_changes_is_kept(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("review")
    page.session_state["kind"] = "Dialogues"
    edit_cells(page, {0: {"field:task": "Kept"}})
    assert records_of(filled_workspace)[0].fields["task"] == "Kept"


def test_a_decided_record_stays_in_its_place_until_the_list_is_refreshed(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review", status="Unreviewed")
    edit_cells(page, {0: {"status": "rejected"}})
    assert len(page.session_state["review_snapshot"].numbers) == 27
    button(page, "Refresh").click().run()
    assert len(page.session_state["review_snapshot"].numbers) == 26
    assert "26 unreviewed" in texts(page)


def test_a_change_by_someone_else_is_not_overwritten_and_mine_is_not_lost(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review")
    record = records_of(filled_workspace)[0]
    filled_workspace.review.edit(record.id, {"task": "Theirs"}, base_revision=1, author="ana")
    edit_cells(page, {0: {"field:task": "Mine"}})
    assert present(filled_workspace, record).fields["task"] == "Theirs"
    assert "was changed by someone else" in texts(page)
    assert "Mine" in texts(page)
    button(page, "Keep mine").click().run()
    assert present(filled_workspace, record).fields["task"] == "Mine"
    assert "was changed by someone else" not in texts(page)


def test_edits_of_different_fields_by_two_people_are_both_kept(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review")
    record = records_of(filled_workspace)[0]
    filled_workspace.review.edit(record.id, {"task": "Theirs"}, base_revision=1, author="ana")
    edit_cells(page, {0: {"field:parallel_task": "Mine"}})
    fields = present(filled_workspace, record).fields
    assert (fields["task"], fields["parallel_task"]) == ("Theirs", "Mine")


def test_what_someone_else_changed_since_is_not_decided_unseen(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review")
    record = records_of(filled_workspace)[0]
    filled_workspace.review.edit(record.id, {"task": "Theirs"}, base_revision=1, author="ana")
    edit_cells(page, {0: {"status": "accepted"}})
    assert present(filled_workspace, record).status is ReviewStatus.UNREVIEWED
    assert "1 record not marked as accepted" in page.warning[0].value


def test_edits_that_the_browser_sends_again_after_a_restart_do_not_undo_later_ones(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    first = open_page("review")
    record = records_of(filled_workspace)[0]
    edit_cells(first, {0: {"field:task": "Mine"}})
    filled_workspace.review.edit(record.id, {"task": "Later"}, base_revision=2, author="ana")
    key = first.session_state["review_sheet"].key
    restarted = open_page("tasks").switch_page("pages/review.py")
    restarted.session_state[key] = {"edited_rows": {0: {"field:task": "Mine"}}, "added_rows": [], "deleted_rows": []}
    restarted.run()
    assert not restarted.exception
    assert restarted.session_state["review_sheet"].key == key
    assert present(filled_workspace, record).fields["task"] == "Later"


def test_when_it_was_saved_stands_beside_the_buttons_and_not_below_the_tables_toolbar(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    elements = list(open_page("review").main)
    refresh = next(place for place, found in enumerate(elements) if getattr(found, "label", "") == "Refresh")
    assert getattr(elements[refresh - 1], "value", "") == "Changes are saved as you make them"


def test_the_header_counts_and_exports_the_accepted_records_of_the_run_in_the_filter(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    for query, number in ((TASKS, 5), (DIALOGUES, 2)):
        accepted = records_of(filled_workspace, query)[:number]
        filled_workspace.review.decide({record.id: 1 for record in accepted}, ReviewStatus.ACCEPTED, reviewer="ana")
    run = next(run for run in filled_workspace.runs.all() if run.name == "Planning dialogues")
    page = open_page("review", run=run.id)
    assert button(page, "Export 2 accepted")
    page.selectbox(key="review_run").set_value("").run()
    assert button(page, "Export 7 accepted")
    page.selectbox(key="review_run").set_value(run.id).run()
    button(page, "Export 2 accepted").click().run()
    assert not page.exception
    assert page.multiselect(key="export_runs").value == [run.id]
    assert button(page, "Export 2 records")


def test_beside_an_open_record_the_way_to_the_export_names_no_number_that_keys_would_leave_behind(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review", record=records_of(filled_workspace, TASKS)[0].id)
    assert button(page, "Export").label == "Export"
    assert not button(page, "Export").disabled


def test_filters_come_from_the_address(filled_workspace: Workspace, open_page: OpenPage) -> None:
    run = next(run for run in filled_workspace.runs.all() if run.name == "Planning dialogues")
    page = open_page("review", run=run.id, q='"dialogue 2"', size="50 a page")
    assert [record.fields["topic"] for record in page.session_state["review_sheet"].records] == ["Topic 2"]


def test_a_search_without_a_find_offers_all_records_again(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("review", q="nowhere to be found")
    button(page, "Show all records").click().run()
    assert len(page.session_state["review_sheet"].records) == 25


def test_the_first_question_of_a_dialogue_is_edited_in_the_table(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review", kind="Dialogues")
    edit_cells(page, {1: {"question": "How?", "field:topic": "Trains"}})
    record = records_of(filled_workspace, DIALOGUES)[1]
    assert record.fields["conversation"][0] == {"role": "user", "value": "How?"}
    assert len(record.fields["conversation"]) == 4
    assert record.fields["topic"] == "Trains"
    assert not page.warning


def test_a_column_of_an_upload_may_be_called_conversation_or_intent(workspace: Workspace, open_page: OpenPage) -> None:
    turns = [{"role": "user", "value": "Hi"}]
    fields = {"atom_task": "Greet", "conversation": "by phone", "intent": "greeting", "earlier": turns}
    record = workspace.review.add(fields, generator="ParaSeqTaskGenerator", author="ana")
    page = open_page("review")
    frame = page.session_state["review_sheet"].frame
    assert (frame["field:conversation"][0], frame["field:intent"][0]) == ("by phone", "greeting")
    edit_cells(page, {0: {"field:conversation": "by letter", "field:earlier": '[{"role": "user", "value": "Ho"}]'}})
    assert not page.warning
    edit_texts(open_page("review", record=record.id), present(workspace, record), {"intent": "farewell"})
    assert present(workspace, record).fields == {
        "atom_task": "Greet",
        "conversation": "by letter",
        "intent": "farewell",
        "earlier": [{"role": "user", "value": "Ho"}],
    }


def test_what_is_typed_in_an_open_record_is_saved_once(filled_workspace: Workspace, open_page: OpenPage) -> None:
    record = records_of(filled_workspace)[4]
    page = open_page("review", record=record.id)
    assert not page.exception
    edit_texts(page, record, {"composition_task": "All three\nat once"}).run()
    assert present(filled_workspace, record).fields["composition_task"] == "All three\nat once"
    assert present(filled_workspace, record).revision == 2


def test_an_edit_that_comes_after_another_record_was_opened_reaches_its_own(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    first, second = records_of(filled_workspace)[:2]
    edit_texts(open_page("review", record=second.id), first, {"task": "Late"})
    assert present(filled_workspace, first).fields["task"] == "Late"
    assert present(filled_workspace, second).revision == 1


def test_typing_goes_on_after_a_restart_of_the_server_without_a_conflict_with_oneself(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    record = records_of(filled_workspace)[0]
    edit_texts(open_page("review", record=record.id), record, {"task": "First wor"})
    page = edit_texts(open_page("review", record=record.id), record, {"task": "First words"})
    assert present(filled_workspace, record).fields["task"] == "First words"
    assert "was changed by someone else" not in texts(page)


def test_an_edit_that_was_undone_is_not_written_again_when_its_record_is_long_left(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    record, *others = records_of(filled_workspace)
    page = edit_texts(open_page("review", record=record.id), record, {"task": "Mine"})
    filled_workspace.review.undo_last("reviewer")
    for other in others[:10]:  # the browser goes on to say what it has said last
        page.query_params["record"] = other.id
        page.run()
    assert not page.exception
    now = present(filled_workspace, record)
    assert (now.fields["task"], now.revision) == (record.fields["task"], 3)


def test_an_edit_that_was_replaced_since_is_not_written_again_after_a_restart_of_the_server(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    record = records_of(filled_workspace)[0]
    edit_texts(open_page("review", record=record.id), record, {"task": "Mine"})
    replacement = Replacement("Mine", "Ours")
    filled_workspace.carry_out(filled_workspace.bulk.replace([record.number], replacement, author="reviewer"))
    page = edit_texts(open_page("review", record=record.id), record, {"task": "Mine"})
    assert not page.exception
    assert present(filled_workspace, record).fields["task"] == "Ours"


def mailbox() -> None:
    """The script of what every page does: it is run on its own, and imports what it needs."""
    from ui.review.content import collect_late_edits
    from ui.session import current_workspace

    collect_late_edits(current_workspace())


def test_a_late_edit_is_saved_once_and_does_not_come_back_after_a_restart_of_the_server(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    record = records_of(filled_workspace)[0]

    def bring(page: AppTest, at: int) -> AppTest:
        letter = {"number": 1, "document": f"{record.id}:1", "texts": {"task": "Late"}}
        page.session_state["review_late"] = {"post": {"letters": [letter], "at": at}}
        return page.run()

    bring(AppTest.from_function(mailbox).run(), at=1)
    left = present(filled_workspace, record)
    assert left.fields["task"] == "Late"
    edit_texts(open_page("review", record=record.id), left, {"task": "Later"})
    restarted = bring(AppTest.from_function(mailbox), at=1)
    assert not bring(restarted, at=1).exception
    assert present(filled_workspace, record).fields["task"] == "Later"


def test_a_late_edit_that_the_server_before_did_not_get_is_saved_by_the_next(filled_workspace: Workspace) -> None:
    record = records_of(filled_workspace)[0]
    post = {"letters": [{"number": 1, "document": f"{record.id}:1", "texts": {"task": "Late"}}]}

    page = AppTest.from_function(mailbox)
    page.session_state["review_late"] = {"post": post | {"at": 1}}
    page.run()
    page.session_state["review_late"] = {"post": post | {"at": 2}}  # sent again, for nobody has answered
    assert not page.run().exception
    assert present(filled_workspace, record).fields["task"] == "Late"


def test_text_typed_over_someone_elses_change_is_kept_until_one_chooses(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    record = records_of(filled_workspace)[0]
    page = open_page("review", record=record.id)
    filled_workspace.review.edit(record.id, {"task": "Theirs"}, base_revision=1, author="ana")
    edit_texts(page, record, {"task": "Mine"})
    assert present(filled_workspace, record).fields["task"] == "Theirs"
    assert "was changed by someone else" in texts(page)
    button(page, "Keep mine").click().run()
    assert present(filled_workspace, record).fields["task"] == "Mine"


def test_documents_that_the_browser_makes_up_change_nothing(filled_workspace: Workspace, open_page: OpenPage) -> None:
    record = records_of(filled_workspace)[0]
    page = open_page("review", record=record.id)
    for document in ("", "nonsense", f"{record.id}:999", f"{record.id}:-1", "none:1"):
        page.session_state["review_card"] = {
            "edit": {"number": 1, "edits": [{"document": document, "texts": {"task": "x"}}]}
        }
        assert not page.run().exception
    assert present(filled_workspace, record).revision == 1


def test_a_mended_record_says_what_was_mended(filled_workspace: Workspace, open_page: OpenPage) -> None:
    assert "mended" not in open_page("review").dataframe[0].value.columns
    mended, other = records_of(filled_workspace)[:2]
    with filled_workspace.database.write() as connection:
        repairs = ["a code fence", "a trailing comma"]
        connection.execute(update(stored).where(stored.c.id == mended.id).values(repairs=repairs))
    assert open_page("review").dataframe[0].value["mended"].tolist()[:2] == ["a code fence, a trailing comma", ""]
    page = open_page("review", record=mended.id)
    captions = [found.value.replace("\\", "") for found in page.caption]
    assert any(caption.endswith("Mended: a code fence, a trailing comma") for caption in captions)
    assert not any("Mended" in found.value for found in open_page("review", record=other.id).caption)


def test_one_by_one_opens_the_first_record_that_nobody_has_decided(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    records = records_of(filled_workspace)
    filled_workspace.review.decide({records[0].id: 1}, ReviewStatus.ACCEPTED, reviewer="ana")
    page = open_page("review")
    button(page, "One by one").click().run()
    assert not page.exception
    assert in_address(page, "record") == records[1].id
    assert in_address(open_page("review", view="focus"), "record") == records[1].id


def test_turns_that_the_editor_sends_are_saved_once(filled_workspace: Workspace, open_page: OpenPage) -> None:
    record = records_of(filled_workspace, DIALOGUES)[0]
    page = open_page("review", record=record.id, kind="Dialogues")
    assert not page.exception
    turns = [{"role": "user", "value": "Edited"}, {"role": "user", "value": "Yes"}]
    page.session_state["review_turns"] = {"edit": {"document": f"{record.id}:1", "turns": turns}}
    page.run().run()
    assert not page.exception
    assert present(filled_workspace, record).fields["conversation"] == turns
    assert present(filled_workspace, record).revision == 2
    found = {finding.check for finding in filled_workspace.records.findings(record.id)}
    assert "roles-do-not-alternate" in found


def dialog_alone() -> None:
    """The dialog as a page: a page test does not keep one open from one run to the next."""
    import streamlit as st

    from dataflow_core.storage.queries import Query
    from ui.review.add import add_record
    from ui.session import current_workspace

    add_record(current_workspace(), Query(generators=(st.session_state["generator"],)))


def test_a_task_written_by_hand_is_added_as_accepted_and_opened(filled_workspace: Workspace) -> None:
    page = AppTest.from_function(dialog_alone)
    page.session_state["generator"] = "ParaSeqTaskGenerator"
    page.run()
    for name in ("task", "parallel_task", "subsequent_task", "composition_task"):
        page.text_area(key=f"review_add_{name}").set_value(f"My {name}")
    button(page, "Add").click().run()
    assert not page.exception
    written = records_of(filled_workspace)[-1]
    assert written.fields["subsequent_task"] == "My subsequent_task"
    assert written.run_id is None
    assert written.status is ReviewStatus.ACCEPTED
    assert in_address(page, "record") == written.id


def test_a_dialogue_written_by_hand_begins_with_a_question_and_an_answer(filled_workspace: Workspace) -> None:
    page = AppTest.from_function(dialog_alone)
    page.session_state["generator"] = "ConsistentChatGenerator"
    page.run()
    areas = {area.label: area for area in page.text_area}
    areas["First question"].set_value("Which way?")
    areas["Answer"].set_value("Left.")
    button(page, "Add").click().run()
    assert not page.exception
    written = records_of(filled_workspace, DIALOGUES)[-1]
    assert [turn["value"] for turn in written.fields["conversation"]] == ["Which way?", "Left."]
    assert written.fields["category"]


def test_an_empty_record_is_not_added(filled_workspace: Workspace) -> None:
    page = AppTest.from_function(dialog_alone)
    page.session_state["generator"] = "ParaSeqTaskGenerator"
    page.run()
    button(page, "Add").click().run()
    assert "The record is empty" in page.error[0].value


def test_records_that_a_run_adds_meanwhile_are_announced_and_shown_on_demand(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("review")
    fill_tasks(filled_workspace, 5, name="more.csv")
    page.run()
    assert len(page.session_state["review_snapshot"].numbers) == 27
    button(page, "Show 5 new").click().run()
    assert len(page.session_state["review_snapshot"].numbers) == 32


def test_names_and_texts_are_not_read_as_markup(workspace: Workspace, open_page: OpenPage) -> None:
    fill_tasks(workspace, 1, name="![x](http://example.invalid/x.png)")
    record = records_of(workspace)[0]
    workspace.review.edit(record.id, {"task": "![y](http://example.invalid/y.png)"}, base_revision=1, author="me")
    page = open_page("review", record=record.id)
    assert not page.exception
    assert all("![" not in str(element.value) for element in page.markdown)

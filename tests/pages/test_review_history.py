"""What the open record tells besides its text: its history, where it came from, comments and tags."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update
from streamlit.testing.v1 import AppTest

from dataflow_core.models import (
    Completion,
    Fields,
    Prompt,
    Record,
    ReviewStatus,
    Revision,
    RevisionKind,
    Sampling,
    Usage,
)
from dataflow_core.storage.ledger import Call, Done, Ledger
from dataflow_core.storage.provenance import Event
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import revisions
from dataflow_core.workspace import Workspace
from tests.support import plan_tasks
from ui.review.history import entries
from ui.review.provenance import reader
from ui.session import REVIEWER_NAME

MARKUP = "![x](http://example.invalid/x.png) **bold** <b>"


def part_of_the_page(record_id: str, shown: tuple[str, ...]) -> None:
    """The script of the page under test: it is run on its own, and imports what it needs."""
    from ui.review.history import show_history
    from ui.review.provenance import show_provenance
    from ui.review.saving import show_problems
    from ui.review.talk import show_comments, show_tags
    from ui.session import current_workspace

    workspace = current_workspace()
    parts = {"history": show_history, "provenance": show_provenance, "comments": show_comments, "tags": show_tags}
    show_problems(workspace)
    record = workspace.records.get(record_id)
    if record is not None:
        for name in shown:
            parts[name](workspace, record)


@pytest.fixture
def record(filled_workspace: Workspace) -> Record:
    return filled_workspace.records.page([1])[0]


def opened(record: Record, *shown: str, by: str = "Ada") -> AppTest:
    page = AppTest.from_function(part_of_the_page, kwargs={"record_id": record.id, "shown": shown}, default_timeout=20)
    page.session_state[REVIEWER_NAME] = by
    return settled(page.run())


def settled(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def component(page: AppTest, name: str) -> Any:
    """What the component shows."""
    elements: Any = page.get("bidi_component")
    data = next(json.loads(one.proto.json) for one in elements if one.proto.component_name.endswith(f".{name}"))
    return json.loads(data["document"])


def told(page: AppTest) -> list[str]:
    return [" · ".join(filter(None, [f"{who} {what}", *more])) for who, what, *more, _ in component(page, "timeline")]


def edit(workspace: Workspace, record: Record, changes: Fields, *, author: str, ago: float = 0) -> None:
    """Edit the record, so many seconds ago."""
    base = workspace.records.history(record.id)[0].number
    workspace.review.edit(record.id, changes, base_revision=base, author=author)
    with workspace.database.write() as connection:
        is_newest = (revisions.c.record == record.number) & (revisions.c.number == base + 1)
        connection.execute(update(revisions).where(is_newest).values(at=revisions.c.at - ago))


def age(workspace: Workspace, record: Record, seconds: float) -> None:
    """Have the record's first revision lie so far back."""
    with workspace.database.write() as connection:
        is_first = (revisions.c.record == record.number) & (revisions.c.number == 1)
        connection.execute(update(revisions).where(is_first).values(at=revisions.c.at - seconds))


# ---- History


def test_a_record_that_nobody_touched_has_one_entry_and_nothing_to_compare(record: Record) -> None:
    page = opened(record, "history")
    assert told(page) == ["A model generated it · version 1"]
    assert not page.selectbox
    assert not page.button


def test_the_history_tells_what_people_did_newest_first(filled_workspace: Workspace, record: Record) -> None:
    review = filled_workspace.review
    edit(filled_workspace, record, {"parallel_task": "Mine."}, author="Ada")
    review.decide({record.id: 2}, ReviewStatus.REJECTED, reviewer="Ada", reason="Too vague")
    review.tag(record.id, "hard", author="Ben")
    review.comment(record.id, "Why\nthis?", author="Cy")
    review.undo_last("Ada")
    review.restore(record.id, 1, author="Ben")
    review.tag(record.id, "hard", author="Cy", is_added=False)
    assert told(opened(record, "history")) == [
        "Cy took away the tag hard",
        "Ben went back to version 1 · version 3",
        "Ada undid a decision: unreviewed again",
        "Cy commented · “Why this?”",
        "Ben tagged hard",
        "Ada rejected · Too vague",
        "Ada edited parallel_task · version 2",
        "A model generated it · version 1",
    ]


def test_an_undone_edit_and_an_action_on_many_are_told_as_such(filled_workspace: Workspace, record: Record) -> None:
    edit(filled_workspace, record, {"parallel_task": "Mine."}, author="Ada")
    filled_workspace.review.undo_last("Ada")
    numbers = filled_workspace.records.numbers(Query())[:3]
    filled_workspace.carry_out(filled_workspace.bulk.tag(numbers, "seen", author="Ben"))
    assert told(opened(record, "history"))[:2] == [
        "Ben tagged seen · with 2 other records",
        "Ada undid a change: back to version 1 · version 3",
    ]


def test_edits_of_one_person_that_follow_closely_are_one_entry(filled_workspace: Workspace, record: Record) -> None:
    age(filled_workspace, record, 300)
    edit(filled_workspace, record, {"parallel_task": "1"}, author="Ada", ago=200)
    edit(filled_workspace, record, {"parallel_task": "2"}, author="Ada", ago=100)
    edit(filled_workspace, record, {"subsequent_task": "3"}, author="Ada", ago=75)
    edit(filled_workspace, record, {"subsequent_task": "4"}, author="Ben", ago=70)
    edit(filled_workspace, record, {"subsequent_task": "5"}, author="Ada", ago=65)
    page = opened(record, "history")
    assert told(page) == [
        "Ada edited subsequent_task · version 6",
        "Ben edited subsequent_task · version 5",
        "Ada edited parallel_task and subsequent_task · versions 3–4",
        "Ada edited parallel_task · version 2",
        "A model generated it · version 1",
    ]
    assert [box.value for box in page.selectbox] == [5, 6]


def test_what_is_compared_first_is_what_the_last_person_changed_in_all(
    filled_workspace: Workspace, record: Record
) -> None:
    age(filled_workspace, record, 300)
    edit(filled_workspace, record, {"parallel_task": "Old."}, author="Ben", ago=200)
    for text in ("Ne", "New.", "New one."):
        edit(filled_workspace, record, {"parallel_task": text}, author="Ada")
    page = opened(record, "history")
    assert [box.value for box in page.selectbox] == [2, 5]
    assert component(page, "diff_view") == [
        ["parallel_task", [["removed", "Old"], ["added", "New one"], ["same", "."]]]
    ]


def test_any_two_versions_are_compared_and_one_is_gone_back_to(filled_workspace: Workspace, record: Record) -> None:
    age(filled_workspace, record, 300)
    edit(filled_workspace, record, {"parallel_task": "B."}, author="Ben", ago=200)
    edit(filled_workspace, record, {"parallel_task": "C."}, author="Ada", ago=100)
    page = opened(record, "history", by="Cy")
    button(page, "All since the first").click().run()
    assert component(page, "diff_view")[0][1][0] == ["removed", "parallel_task of 3"]
    page.selectbox[0].set_value(2)
    settled(page.run())
    assert component(page, "diff_view") == [["parallel_task", [["removed", "B"], ["added", "C"], ["same", "."]]]]
    settled(button(page, "Go back to version 2").click().run())
    now = filled_workspace.records.get(record.id)
    assert now is not None
    assert (now.revision, now.fields["parallel_task"]) == (4, "B.")
    assert told(page)[0] == "Cy went back to version 2 · version 4"
    assert [box.value for box in page.selectbox] == [3, 4]


def test_the_present_version_is_none_to_go_back_to(filled_workspace: Workspace, record: Record) -> None:
    edit(filled_workspace, record, {"parallel_task": "B."}, author="Ben")
    page = opened(record, "history")
    page.selectbox[0].set_value(2).run()
    assert component(page, "diff_view") == []
    assert "Go back to version 2" not in [one.label for one in page.button]


def test_a_change_that_was_not_on_screen_is_not_gone_back_over(filled_workspace: Workspace, record: Record) -> None:
    edit(filled_workspace, record, {"parallel_task": "B."}, author="Ben")
    page = opened(record, "history")
    edit(filled_workspace, record, {"parallel_task": "Meanwhile."}, author="Cy")
    settled(button(page, "Go back to version 1").click().run())
    now = filled_workspace.records.get(record.id)
    assert now is not None
    assert now.fields["parallel_task"] == "Meanwhile."
    assert "was not taken back to version 1" in page.warning[0].value


def test_many_fields_and_bulk_replacements_are_said_in_short(filled_workspace: Workspace, record: Record) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    many = {f"field_{number}": "" for number in range(5)}
    versions = [
        Revision(1, RevisionKind.WRITTEN, many, "Ada", "", at),
        Revision(2, RevisionKind.EDITED, dict.fromkeys(many, "x"), "Ada", "“a” replaced by “b”", at),
    ]
    sessions = [[Event(one, one.author, one.at + timedelta(minutes=one.number))] for one in versions]
    edited, written = entries(sessions, {one.number: one for one in versions}, record)
    assert (edited.what, edited.detail) == ("edited field_0, field_1 and 3 more fields", "“a” replaced by “b”")
    assert (written.who, written.what) == ("Ada", "wrote it")


def test_a_record_with_two_hundred_versions_has_them_all_to_choose_from(
    filled_workspace: Workspace, record: Record
) -> None:
    shared = {"record": record.number, "kind": "edited", "reason": "", "at": time.time()}
    more = [
        shared
        | {"number": number, "author": ("Ada", "Ben")[number % 2], "fields": record.fields | {"task": str(number)}}
        for number in range(2, 201)
    ]
    with filled_workspace.database.write() as connection:
        connection.execute(insert(revisions), more)
    page = opened(record, "history")
    assert len(told(page)) == len(page.selectbox[0].options) == 200


# ---- Provenance


def test_the_provenance_says_what_model_made_it_and_shows_its_answers_word_for_word(workspace: Workspace) -> None:
    run = plan_tasks(workspace, [MARKUP])
    ledger = Ledger(workspace.database, run.id, run.generator)
    item = ledger.pending(after=-1, count=1)[0]
    prompt = Prompt("para-seq/1", sampling=Sampling(temperature=0.7, seed=3))
    calls = [
        Call(item, "relations", prompt, "hash", Completion((text,), "mo_del*", "stop", usage, 0.8), is_valid, 0.001)
        for text, usage, is_valid in ((MARKUP, Usage(700, 100), False), ("good", Usage(800, 200), True))
    ]
    ledger.write([*calls, Done(item, {"atom_task": MARKUP})])
    page = opened(workspace.records.page([1])[0], "provenance")
    said = page.caption[0].value
    assert plain(said) == (
        "mo_del* · prompt para-seq/1 · temperature 0.7, seed 3 · 2 calls · 1,500 tokens in, 300 out · $0.002 · 1.6 s"
    )
    assert [one.value for one in page.code] == [MARKUP, "good"]
    assert [plain(one.label) for one in page.expander] == [
        "Input 1 of the run",
        "relations · not usable · 0.8 s",
        "relations · 0.8 s",
    ]
    assert page.text[0].value == MARKUP
    assert plain(page.button[0].label) == f"tasks.jsonl · {run.id[-4:]}"


def test_a_record_written_by_hand_says_so(workspace: Workspace) -> None:
    added = workspace.review.add({"atom_task": "Mine."}, generator="ParaSeqTaskGenerator", author="Ada")
    page = opened(added, "provenance")
    assert [one.value for one in page.caption] == ["Written by hand, without a model."]
    assert not page.button


# ---- Comments and tags


def test_a_comment_is_added_under_the_persons_name_and_its_box_is_empty_again(
    filled_workspace: Workspace, record: Record
) -> None:
    filled_workspace.review.comment(record.id, MARKUP, author="Ben *B*")
    page = opened(record, "comments")
    page.text_area[0].set_value("  I see.\nThanks. ")
    settled(button(page, "Add comment").click().run())
    assert [(one.author, one.text) for one in filled_workspace.records.comments(record.id)] == [
        ("Ben *B*", MARKUP),
        ("Ada", "I see.\nThanks."),
    ]
    assert [one.value for one in page.text] == [MARKUP, "I see.\nThanks."]
    assert page.text_area[0].value == ""
    assert "Ben \\*B\\*" in page.caption[0].value


def test_an_empty_comment_is_not_added(filled_workspace: Workspace, record: Record) -> None:
    page = opened(record, "comments")
    page.text_area[0].set_value("  \n ")
    settled(button(page, "Add comment").click().run())
    assert filled_workspace.records.comments(record.id) == []
    assert not page.warning


def test_a_comment_that_was_begun_is_still_there_after_a_look_at_another_record(
    filled_workspace: Workspace, record: Record
) -> None:
    other = filled_workspace.records.page([2])[0]
    page = opened(record, "comments")
    page.text_area[0].set_value("Half a thought").run()
    page.kwargs = {"record_id": other.id, "shown": ("comments",)}
    assert settled(page.run()).text_area[0].value == ""
    page.kwargs = {"record_id": record.id, "shown": ("comments",)}
    assert settled(page.run()).text_area[0].value == "Half a thought"


def test_tags_of_the_whole_workspace_are_offered_and_changes_are_saved(
    filled_workspace: Workspace, record: Record
) -> None:
    other = filled_workspace.records.page([2])[0]
    filled_workspace.review.tag(other.id, "easy", author="Ben")
    filled_workspace.review.tag(record.id, "hard", author="Ben")
    page = opened(record, "tags")
    assert (page.multiselect[0].options, page.multiselect[0].value) == (["easy", "hard"], ["hard"])
    settled(page.multiselect[0].set_value(["easy", "hard"]).run())
    assert filled_workspace.records.tags(record.id) == ["easy", "hard"]
    settled(page.multiselect[0].set_value(["easy"]).run())
    assert filled_workspace.records.tags(record.id) == ["easy"]
    assert [event.author for event in reader(filled_workspace).events(record)[-2:]] == ["Ada", "Ada"]


def test_tags_changed_elsewhere_are_shown_and_stay(filled_workspace: Workspace, record: Record) -> None:
    filled_workspace.review.tag(record.id, "hard", author="Ben")
    filled_workspace.review.tag(record.id, "odd", author="Ben")
    page = opened(record, "tags")
    filled_workspace.review.tag(record.id, "seen", author="Ben")
    settled(page.multiselect[0].set_value(["hard"]).run())
    assert filled_workspace.records.tags(record.id) == ["hard", "seen"]
    assert page.multiselect[0].value == ["hard", "seen"]
    filled_workspace.review.tag(record.id, "hard", author="Ben", is_added=False)
    assert settled(page.run()).multiselect[0].value == ["seen"]
    assert filled_workspace.records.tags(record.id) == ["seen"]


def test_a_tag_is_shown_as_it_is_stored(filled_workspace: Workspace, record: Record) -> None:
    page = opened(record, "tags")
    page.session_state[f"tags-{record.id}"] = ["  very   hard ", "very hard"]
    settled(page.run())
    assert filled_workspace.records.tags(record.id) == ["very hard"]
    assert settled(page.run()).multiselect[0].value == ["very hard"]


def test_a_tag_that_cannot_be_stored_is_said_and_taken_away(filled_workspace: Workspace, record: Record) -> None:
    page = opened(record, "tags")
    page.session_state[f"tags-{record.id}"] = ["  "]
    page.run()
    assert settled(page.run()).multiselect[0].value == []
    assert plain(page.warning[0].value) == "The tags were not saved. The tag is empty."
    assert filled_workspace.records.tags(record.id) == []


def test_two_records_keep_their_tags_apart(filled_workspace: Workspace, record: Record) -> None:
    other = filled_workspace.records.page([2])[0]
    page = opened(record, "tags")
    settled(page.multiselect[0].set_value([]).run())
    filled_workspace.review.tag(other.id, "easy", author="Ben")
    page.kwargs = {"record_id": other.id, "shown": ("tags",)}
    assert settled(page.run()).multiselect[0].value == ["easy"]
    page.kwargs = {"record_id": record.id, "shown": ("tags",)}
    assert settled(page.run()).multiselect[0].value == []
    assert filled_workspace.records.tags(other.id) == ["easy"]


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)


def plain(text: str) -> str:
    return text.replace("\\", "").replace("\u2060", "")

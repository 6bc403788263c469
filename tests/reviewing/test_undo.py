"""Taking back what one did last on a record, step by step, and never what somebody else did."""

from __future__ import annotations

import pytest

from dataflow_core.checks import check_record
from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, Record, ReviewStatus, RevisionKind
from dataflow_core.reviewing.review import Undone
from dataflow_core.reviewing.staleness import MAYBE_STALE
from dataflow_core.storage import undoing
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.record_makers import TASKS, make_records, make_tasks, record_at, task_fields

ACCEPTED, REJECTED, FLAGGED = ReviewStatus.ACCEPTED, ReviewStatus.REJECTED, ReviewStatus.FLAGGED


@pytest.fixture
def record(workspace: Workspace) -> Record:
    make_tasks(workspace, 3)
    return record_at(workspace, 1)


def edit(workspace: Workspace, record: Record, field: str, text: str, *, by: str = "Ada") -> Record:
    now = record_at(workspace, record.number)
    return workspace.review.edit(record.id, {field: text}, base_revision=now.revision, author=by).record


def decide(workspace: Workspace, record: Record, status: ReviewStatus, *, by: str = "Ada", reason: str = "") -> None:
    now = record_at(workspace, record.number)
    assert workspace.review.decide({record.id: now.revision}, status, reviewer=by, reason=reason) == []


def undo(workspace: Workspace, *, by: str = "Ada") -> str:
    undone = workspace.review.undo_last(by)
    return undone.kind if undone else ""


@pytest.fixture
def slow_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits that do not follow one another closely."""
    monkeypatch.setattr(undoing, "ONE_EDIT", -1.0)


def test_a_persons_steps_are_walked_back_one_by_one(workspace: Workspace, record: Record) -> None:
    edit(workspace, record, "parallel_task", "Buy bread.")
    decide(workspace, record, REJECTED, reason="Off topic")
    workspace.review.tag(record.id, "odd", author="Ada")
    workspace.review.restore(record.id, 1, author="Ada")
    decide(workspace, record, ACCEPTED)

    def seen() -> tuple[str, ReviewStatus, str, list[str]]:
        now = record_at(workspace, record.number)
        return now.fields["parallel_task"], now.status, now.reason, workspace.records.tags(record.id)

    original = record.fields["parallel_task"]
    assert seen() == (original, ACCEPTED, "", ["odd"])
    steps = [undo(workspace) and seen() for _ in range(5)]
    assert steps == [
        (original, REJECTED, "Off topic", ["odd"]),
        ("Buy bread.", REJECTED, "Off topic", ["odd"]),
        ("Buy bread.", REJECTED, "Off topic", []),
        ("Buy bread.", ReviewStatus.UNREVIEWED, "", []),
        (original, ReviewStatus.UNREVIEWED, "", []),
    ]
    assert workspace.review.undo_last("Ada") is None
    assert record_at(workspace, 1).reviewer == ""


def test_undo_says_what_it_took_back_and_of_which_record(workspace: Workspace, record: Record) -> None:
    decide(workspace, record, ACCEPTED)
    decide(workspace, record_at(workspace, 2), REJECTED)
    assert workspace.review.undo_last("Ada") == Undone("decide", record_at(workspace, 2))
    assert workspace.review.undo_last("Ada") == Undone("decide", record_at(workspace, 1))
    assert workspace.review.undo_last("Ada") is None
    assert workspace.review.undo_last("Bob") is None


def test_quick_edits_of_a_record_are_one_step(workspace: Workspace, record: Record) -> None:
    for text in ("B", "Br", "Bread"):
        edit(workspace, record, "parallel_task", text)
    edit(workspace, record, "atom_task", "Buy bread.")
    assert undo(workspace) == "edit"
    assert record_at(workspace, 1).fields == record.fields
    assert [one.number for one in workspace.records.history(record.id)] == [6, 5, 4, 3, 2, 1]
    assert undo(workspace) == ""


def test_slow_edits_and_edits_of_two_records_are_steps_of_their_own(
    workspace: Workspace, record: Record, slow_edits: None
) -> None:
    for text in ("One.", "Two.", "Three."):
        edit(workspace, record, "parallel_task", text)
    edit(workspace, record_at(workspace, 2), "parallel_task", "Other.")
    edit(workspace, record, "parallel_task", "Four.")
    texts = []
    while undo(workspace):
        texts.append(tuple(record_at(workspace, number).fields["parallel_task"].split()[0] for number in (1, 2)))
    assert texts == [
        ("Three.", "Other."),
        ("Three.", "Weigh"),
        ("Two.", "Weigh"),
        ("One.", "Weigh"),
        ("Weigh", "Weigh"),
    ]


def test_edits_with_something_else_between_them_are_steps_of_their_own(workspace: Workspace, record: Record) -> None:
    edit(workspace, record, "parallel_task", "One.")
    decide(workspace, record, FLAGGED)
    edit(workspace, record, "parallel_task", "Two.")
    assert [undo(workspace) for _ in range(4)] == ["edit", "decide", "edit", ""]


def test_an_edit_after_an_undo_is_another_one(workspace: Workspace, record: Record) -> None:
    edit(workspace, record, "parallel_task", "One.")
    undo(workspace)
    edit(workspace, record, "parallel_task", "Two.")
    assert undo(workspace) == "edit"
    assert record_at(workspace, 1).fields == record.fields


def test_what_somebody_else_changed_since_stays_and_the_next_undo_goes_further_back(
    workspace: Workspace, record: Record
) -> None:
    decide(workspace, record_at(workspace, 2), ACCEPTED)
    edit(workspace, record, "parallel_task", "Ada's.")
    decide(workspace, record, ACCEPTED)
    edit(workspace, record, "subsequent_task", "Bob's.", by="Bob")
    decide(workspace, record, REJECTED, by="Bob", reason="Too vague")
    for _ in range(2):
        with pytest.raises(UsageError, match="Record 1 was changed again since"):
            workspace.review.undo_last("Ada")
    now = record_at(workspace, 1)
    assert (now.fields["parallel_task"], now.status, now.reason) == ("Ada's.", REJECTED, "Too vague")
    assert undo(workspace) == "decide"
    assert record_at(workspace, 2).status is ReviewStatus.UNREVIEWED
    assert undo(workspace) == ""


def test_what_somebody_else_changed_and_took_back_is_not_in_the_way(workspace: Workspace, record: Record) -> None:
    edit(workspace, record, "parallel_task", "Ada's.")
    decide(workspace, record, ACCEPTED)
    workspace.review.tag(record.id, "odd", author="Ada")
    edit(workspace, record, "parallel_task", "Bob's.", by="Bob")
    decide(workspace, record, REJECTED, by="Bob")
    workspace.review.tag(record.id, "odd", author="Bob", is_added=False)
    assert [undo(workspace, by="Bob") for _ in range(3)] == ["tag", "decide", "edit"]
    assert [undo(workspace) for _ in range(3)] == ["tag", "decide", "edit"]
    now = record_at(workspace, 1)
    assert (now.fields, now.status, workspace.records.tags(record.id)) == (record.fields, ReviewStatus.UNREVIEWED, [])


def test_a_text_that_somebody_else_chose_again_stays(workspace: Workspace, record: Record) -> None:
    edit(workspace, record, "parallel_task", "Ada's.")
    edit(workspace, record, "parallel_task", "Bob's.", by="Bob")
    edit(workspace, record, "parallel_task", "Ada's.", by="Bob")
    with pytest.raises(UsageError, match="changed again"):
        workspace.review.undo_last("Ada")
    assert record_at(workspace, 1).fields["parallel_task"] == "Ada's."


def test_a_tag_that_somebody_else_put_there_again_stays(workspace: Workspace, record: Record) -> None:
    workspace.review.tag(record.id, "odd", author="Ada")
    workspace.review.tag(record.id, "odd", author="Bob", is_added=False)
    workspace.review.tag(record.id, "odd", author="Bob")
    with pytest.raises(UsageError, match="changed again"):
        workspace.review.undo_last("Ada")
    assert workspace.records.tags(record.id) == ["odd"]


def test_a_tag_there_already_is_no_step(workspace: Workspace, record: Record) -> None:
    workspace.review.tag(record.id, "odd", author="Bob")
    workspace.review.tag(record.id, "odd", author="Ada")
    assert undo(workspace) == ""
    assert workspace.records.tags(record.id) == ["odd"]


def test_a_deleted_record_comes_back(workspace: Workspace, record: Record) -> None:
    decide(workspace, record, ACCEPTED, by="Bob")
    decide(workspace, record, ReviewStatus.DELETED)
    assert list(workspace.records.numbers(Query())) == [2, 3]
    undo(workspace)
    assert list(workspace.records.numbers(Query())) == [1, 2, 3]
    assert (record_at(workspace, 1).status, record_at(workspace, 1).reviewer) == (ACCEPTED, "Bob")


def test_a_record_is_edited_while_it_differs_from_what_was_made(
    workspace: Workspace, record: Record, slow_edits: None
) -> None:
    by_hand = workspace.review.add(task_fields("by hand"), generator=TASKS, author="Ada")
    for one in (record, by_hand):
        assert not one.is_edited
        edit(workspace, one, "parallel_task", "One.")
        assert edit(workspace, one, "parallel_task", "Two.").is_edited
        undo(workspace)
        assert record_at(workspace, one.number).is_edited
        undo(workspace)
        assert not record_at(workspace, one.number).is_edited
        edit(workspace, one, "parallel_task", "Three.")
        assert not edit(workspace, one, "parallel_task", one.fields["parallel_task"]).is_edited
    assert workspace.records.count(Query(is_edited=True)) == 0


def test_staleness_and_findings_are_as_they_were(workspace: Workspace, record: Record, slow_edits: None) -> None:
    def found() -> tuple[set[str], bool]:
        now = record_at(workspace, 1)
        findings = set(workspace.records.findings(record.id))
        stale = {finding for finding in findings if finding.check == MAYBE_STALE}
        return {finding.field for finding in stale}, findings - stale == set(check_record(TASKS, now.fields, {}))

    seen = [found()]
    edit(workspace, record, "atom_task", "Count the plums.")
    seen.append(found())
    edit(workspace, record, "parallel_task", "x")
    seen.append(found())
    edit(workspace, record, "composition_task", "Count plums, do x, then divide both.")
    assert [fields for fields, _ in [*seen, found()]] == [
        set(),
        {"parallel_task", "subsequent_task", "composition_task"},
        {"subsequent_task", "composition_task"},
        {"subsequent_task"},
    ]
    for expected in reversed(seen):
        undo(workspace)
        assert found() == expected
        assert found()[1]


def test_history_only_grows(workspace: Workspace, record: Record, slow_edits: None) -> None:
    def rows() -> tuple[list[object], list[object]]:
        return workspace.records.history(record.id)[::-1], workspace.records.decisions(record.id)[::-1]  # type: ignore

    edit(workspace, record, "parallel_task", "One.")
    decide(workspace, record, ACCEPTED)
    edit(workspace, record, "parallel_task", "Two.")
    before = rows()
    while undo(workspace):
        after = rows()
        assert after[0][: len(before[0])] == before[0]
        assert after[1][: len(before[1])] == before[1]
        assert sum(map(len, after)) == sum(map(len, before)) + 1
        before = after
    newest = workspace.records.history(record.id)[0]
    assert (newest.kind, newest.author, newest.reason) == (RevisionKind.RESTORED, "Ada", "Revision 1 restored")


def test_many_decided_at_one_go_are_no_step_on_one_record(workspace: Workspace, record: Record) -> None:
    decide(workspace, record, FLAGGED)
    seen = {record_at(workspace, number).id: 1 for number in (2, 3)}
    workspace.review.decide(seen, ACCEPTED, reviewer="Ada")
    (action,) = workspace.bulk.recent()
    assert (action.total, action.touched) == (2, 2)
    assert undo(workspace) == "decide"
    assert record_at(workspace, 1).status is ReviewStatus.UNREVIEWED
    assert workspace.bulk.execute(workspace.bulk.undo(action.number, author="Ada").number).touched == 2
    assert workspace.records.count(Query(statuses=(ReviewStatus.UNREVIEWED,))) == 3


def test_an_edit_with_what_no_database_holds_is_repeated_without_effect(workspace: Workspace) -> None:
    contents: list[Fields] = [{"atom_task": "Plain."}]
    (number,) = make_records(workspace, contents)
    record = record_at(workspace, number)
    for _ in range(2):
        edited = edit(workspace, record, "atom_task", "odd \0 \ud800")
    assert (edited.revision, edited.fields) == (2, {"atom_task": "odd \ufffd \ufffd"})
    decide(workspace, record, REJECTED, reason="odd \0 \ud800")
    assert record_at(workspace, number).reason == "odd \ufffd \ufffd"

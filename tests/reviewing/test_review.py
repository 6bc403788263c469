"""Review: edits as revisions, conflicts shown, decisions that belong to what was seen."""

from __future__ import annotations

import string

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dataflow_core.errors import UsageError
from dataflow_core.models import Failure, Fields, Input, Record, ReviewStatus, RevisionKind, Run, Stage
from dataflow_core.storage.ledger import Failed, Ledger
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, INTENTS, answer_relations, execute, plan_tasks

TASKS = "ParaSeqTaskGenerator"
DIALOGUES = "ConsistentChatGenerator"


@pytest.fixture
def record(workspace: Workspace) -> Record:
    run = plan_tasks(workspace, ["One.", "Two.", "Three."])
    execute(workspace, run, answer_relations)
    return workspace.records.page(workspace.records.numbers(Query()))[0]


def test_an_edit_is_a_new_revision_and_the_original_stays(workspace: Workspace, record: Record) -> None:
    edited = workspace.review.edit(record.id, {"parallel_task": "Better."}, base_revision=1, author="Ada")
    assert edited.record.fields == record.fields | {"parallel_task": "Better."}
    assert (edited.record.revision, edited.record.is_edited) == (2, True)
    newest, oldest = workspace.records.history(record.id)
    assert (newest.kind, newest.author, newest.fields["parallel_task"]) == (RevisionKind.EDITED, "Ada", "Better.")
    assert (oldest.kind, oldest.fields) == (RevisionKind.GENERATED, record.fields)


def test_repeating_an_edit_changes_nothing(workspace: Workspace, record: Record) -> None:
    for _ in range(3):
        edited = workspace.review.edit(record.id, {"parallel_task": "Better."}, base_revision=1, author="Ada")
    assert edited.record.revision == 2
    assert not edited.conflicts


def test_an_edit_over_someone_elses_change_of_the_same_field_is_a_conflict(
    workspace: Workspace, record: Record
) -> None:
    workspace.review.edit(record.id, {"parallel_task": "Ada's."}, base_revision=1, author="Ada")
    late = workspace.review.edit(record.id, {"parallel_task": "Bob's."}, base_revision=1, author="Bob")
    assert late.conflicts == {"parallel_task": "Ada's."}
    assert late.record.fields["parallel_task"] == "Ada's."
    other_field = workspace.review.edit(record.id, {"subsequent_task": "Bob's."}, base_revision=1, author="Bob")
    assert not other_field.conflicts
    assert (other_field.record.fields["parallel_task"], other_field.record.revision) == ("Ada's.", 3)


def test_a_persons_edit_keeps_the_decision(workspace: Workspace, record: Record) -> None:
    assert workspace.review.decide({record.id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada") == []
    edited = workspace.review.edit(record.id, {"parallel_task": "Better."}, base_revision=1, author="Ada")
    assert edited.record.status is ReviewStatus.ACCEPTED


def test_a_record_changed_since_it_was_seen_is_not_decided(workspace: Workspace, record: Record) -> None:
    workspace.review.edit(record.id, {"parallel_task": "Unseen."}, base_revision=1, author="Ada")
    assert workspace.review.decide({record.id: 1}, ReviewStatus.REJECTED, reviewer="Bob") == [record.id]
    found = workspace.records.get(record.id)
    assert found is not None
    assert found.status is ReviewStatus.UNREVIEWED


def test_an_earlier_revision_can_be_restored(workspace: Workspace, record: Record) -> None:
    workspace.review.edit(record.id, {"parallel_task": "Worse."}, base_revision=1, author="Ada")
    restored = workspace.review.restore(record.id, 1, author="Ada")
    assert (restored.fields, restored.revision) == (record.fields, 3)
    assert workspace.records.history(record.id)[0].kind is RevisionKind.RESTORED


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"nothing": "x"}, "no field 'nothing'"), ({"parallel_task": "x"}, "no longer in the workspace")],
)
def test_what_is_not_there_cannot_be_edited(
    workspace: Workspace, record: Record, changes: Fields, sentence: str
) -> None:
    record_id = record.id if "nothing" in changes else "gone"
    with pytest.raises(UsageError, match=sentence):
        workspace.review.edit(record_id, changes, base_revision=1, author="Ada")


def test_a_record_written_by_hand_is_accepted_and_has_a_history(workspace: Workspace) -> None:
    turns = [{"role": "user", "value": "Hi?"}, {"role": "assistant", "value": "Yes."}]
    added = workspace.review.add({"category": "Mine", "conversation": turns}, generator=DIALOGUES, author="Ada")
    assert added.status is ReviewStatus.ACCEPTED
    assert workspace.records.history(added.id)[0].kind is RevisionKind.WRITTEN
    with pytest.raises(UsageError, match="list of turns"):
        workspace.review.add({"category": "x", "conversation": ["Hi?"]}, generator=DIALOGUES, author="Ada")
    with pytest.raises(UsageError, match="empty"):
        workspace.review.add({"atom_task": " "}, generator=TASKS, author="Ada")


def failed_input(workspace: Workspace, run: Run) -> Input:
    ledger = Ledger(workspace.database, run.id, run.generator)
    item = ledger.pending(after=-1, count=1)[0]
    ledger.write([Failed(item, Failure(item.id, Stage.REFUSED, "It was refused."))])
    return item


def test_the_record_of_a_failed_input_can_be_written_by_hand(workspace: Workspace) -> None:
    run = plan_tasks(workspace, ["One.", "Two."])
    item = failed_input(workspace, run)
    fields = item.fields | {"parallel_task": "p\0", "subsequent_task": "s", "composition_task": "c"}
    record = workspace.review.write_for_failed(item.id, fields, author="Ada")
    assert (record.run_id, record.input_id, record.status) == (run.id, item.id, ReviewStatus.ACCEPTED)
    assert record.fields == fields | {"parallel_task": "p\ufffd"}
    (revision,) = workspace.records.history(record.id)
    assert (revision.kind, revision.author) == (RevisionKind.WRITTEN, "Ada")
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.failed, progress.pending) == (1, 0, 1)
    assert workspace.runs.failures(run.id) == []
    with pytest.raises(UsageError, match="no longer failed"):
        workspace.review.write_for_failed(item.id, fields, author="Bob")
    assert workspace.records.count(Query(runs=(run.id,))) == 1


def test_a_record_by_hand_that_is_not_whole_leaves_its_input_failed(workspace: Workspace) -> None:
    run = plan_tasks(workspace, ["One."])
    item = failed_input(workspace, run)
    fields = item.fields | {"parallel_task": "p", "subsequent_task": " ", "composition_task": "c"}
    with pytest.raises(UsageError, match="subsequent_task is still empty"):
        workspace.review.write_for_failed(item.id, fields, author="Ada")
    assert workspace.runs.progress(run.id).failed == 1
    assert workspace.records.count(Query()) == 0


def test_a_dialogue_by_hand_needs_the_text_of_each_turn(workspace: Workspace) -> None:
    run = workspace.plan_dialogues(INTENTS, endpoint=ENDPOINT, num_dialogs_per_intent=1, num_turns_per_dialog=2)
    item = failed_input(workspace, run)
    turns = [{"role": "user", "value": "Hi?"}, {"role": "assistant", "value": ""}]
    fields = {"category": "Cooking", "conversation": turns}
    with pytest.raises(UsageError, match="Turn 2 of the conversation is still empty"):
        workspace.review.write_for_failed(item.id, fields, author="Ada")
    with pytest.raises(UsageError, match="conversation is still empty"):
        workspace.review.write_for_failed(item.id, fields | {"conversation": []}, author="Ada")
    turns[1]["value"] = "Yes."
    assert workspace.review.write_for_failed(item.id, fields, author="Ada").fields == fields


def test_a_task_may_have_a_column_named_conversation_that_holds_anything(workspace: Workspace) -> None:
    added = workspace.review.add({"atom_task": "Greet.", "conversation": "by phone"}, generator=TASKS, author="Ada")
    edited = workspace.review.edit(added.id, {"conversation": "by letter"}, base_revision=1, author="Ada")
    assert edited.record.fields["conversation"] == "by letter"


def test_searching_ignores_case_in_every_script_and_takes_wildcards_literally(workspace: Workspace) -> None:
    for text in ("100% ÜBER", "Straße_1", "нЕБО", "plain"):
        workspace.review.add({"atom_task": text}, generator=TASKS, author="Ada")

    def found(text: str) -> list[str]:
        numbers = workspace.records.numbers(Query(text=text))
        return [record.fields["atom_task"] for record in workspace.records.page(numbers)]

    assert found("über") == ["100% ÜBER"]
    assert found("STRASSE") == ["Straße_1"]
    assert found("Небо") == ["нЕБО"]
    assert found("%") == ["100% ÜBER"]
    assert found("_") == ["Straße_1"]
    assert found("' OR 1=1 --") == []


def test_a_snapshot_of_numbers_does_not_shift_while_records_are_decided(workspace: Workspace, record: Record) -> None:
    numbers = workspace.records.numbers(Query(statuses=(ReviewStatus.UNREVIEWED,)))
    workspace.review.decide({record.id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    assert [found.number for found in workspace.records.page(numbers)] == list(numbers)
    assert workspace.records.count_by_status(Query())[ReviewStatus.ACCEPTED] == 1


class ReviewMachine(RuleBasedStateMachine):
    """Any sequence of edits, decisions and restores leaves one revision a change, and counts that add up."""

    folders: pytest.TempPathFactory

    def __init__(self) -> None:
        super().__init__()
        self.workspace = Workspace(self.folders.mktemp("machine"), create=True)
        record = self.workspace.review.add({"atom_task": "a", "parallel_task": "b"}, generator=TASKS, author="Ada")
        self.id = record.id
        self.versions = [record.fields]
        self.status = record.status

    @rule(
        field=st.sampled_from(["atom_task", "parallel_task"]),
        text=st.text(string.ascii_letters, max_size=3),
        behind=st.integers(0, 3),
    )
    def edit(self, field: str, text: str, behind: int) -> None:
        base = max(1, len(self.versions) - behind)
        now, seen = self.versions[-1], self.versions[base - 1]
        edited = self.workspace.review.edit(self.id, {field: text}, base_revision=base, author="Ada")
        if now[field] == text:
            assert not edited.conflicts
        elif seen[field] != now[field]:
            assert edited.conflicts == {field: now[field]}
        else:
            self.versions.append(now | {field: text})

    @rule(status=st.sampled_from(ReviewStatus), behind=st.integers(0, 2))
    def decide(self, status: ReviewStatus, behind: int) -> None:
        seen = max(1, len(self.versions) - behind)
        left_alone = self.workspace.review.decide({self.id: seen}, status, reviewer="Ada")
        if seen == len(self.versions):
            self.status = status
        else:
            assert left_alone == [self.id]

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, len(self.versions)))
        self.workspace.review.restore(self.id, number, author="Ada")
        if self.versions[number - 1] != self.versions[-1]:
            self.versions.append(self.versions[number - 1])

    @invariant()
    def history_is_complete(self) -> None:
        history = self.workspace.records.history(self.id)
        assert [revision.fields for revision in reversed(history)] == self.versions
        record = self.workspace.records.get(self.id)
        assert record is not None
        assert (record.fields, record.revision, record.status) == (self.versions[-1], len(self.versions), self.status)

    def teardown(self) -> None:
        self.workspace.close()


def test_no_sequence_of_actions_breaks_a_records_history(tmp_path_factory: pytest.TempPathFactory) -> None:
    ReviewMachine.folders = tmp_path_factory
    run_state_machine_as_test(
        ReviewMachine,
        settings=settings(
            max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

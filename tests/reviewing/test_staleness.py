"""Which fields may no longer fit, for what they were made from has been changed since."""

from __future__ import annotations

import pytest

from dataflow_core.models import Fields, Record, RevisionKind
from dataflow_core.readers import read_table, select_inputs
from dataflow_core.reviewing.review import revise
from dataflow_core.reviewing.staleness import MAYBE_STALE
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.record_makers import DIALOGUES, make_records, make_tasks, record_at
from tests.support import ENDPOINT, answer_relations, execute

TASK, PARALLEL, SUBSEQUENT, COMPOSITION = "atom_task", "parallel_task", "subsequent_task", "composition_task"


@pytest.fixture
def record(workspace: Workspace) -> Record:
    make_tasks(workspace, 1)
    return record_at(workspace, 1)


def edit(workspace: Workspace, record: Record, **changes: str) -> dict[str, str]:
    now = record_at(workspace, record.number)
    workspace.review.edit(record.id, changes, base_revision=now.revision, author="Ada")
    return stale(workspace, record)


def stale(workspace: Workspace, record: Record) -> dict[str, str]:
    found = workspace.records.findings(record.id)
    return {finding.field: finding.message for finding in found if finding.check == MAYBE_STALE}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (TASK, {PARALLEL, SUBSEQUENT, COMPOSITION}),
        (PARALLEL, {SUBSEQUENT, COMPOSITION}),
        (SUBSEQUENT, {COMPOSITION}),
        (COMPOSITION, set()),
    ],
)
def test_what_was_made_from_an_edited_field_may_be_stale(
    workspace: Workspace, record: Record, changed: str, expected: set[str]
) -> None:
    found = edit(workspace, record, **{changed: "Another one."})
    assert set(found) == expected
    assert set(found.values()) <= {f"{changed} was changed after this was written."}
    assert workspace.records.count(Query(findings=(MAYBE_STALE,))) == bool(expected)


def test_a_field_that_is_written_anew_fits_again_and_what_is_made_from_it_does_not(
    workspace: Workspace, record: Record
) -> None:
    edit(workspace, record, atom_task="Another one.")
    assert set(edit(workspace, record, subsequent_task="Fits both.")) == {PARALLEL, COMPOSITION}
    found = edit(workspace, record, parallel_task="Fits the new task.")
    assert found == {
        SUBSEQUENT: "parallel_task was changed after this was written.",
        COMPOSITION: "atom_task, parallel_task and subsequent_task were changed after this was written.",
    }
    assert set(edit(workspace, record, composition_task="All of it.")) == {SUBSEQUENT}
    assert edit(workspace, record, subsequent_task="Fits both now.") == {
        COMPOSITION: "subsequent_task was changed after this was written."
    }


def test_fields_that_are_written_together_fit_one_another(workspace: Workspace, record: Record) -> None:
    assert set(edit(workspace, record, atom_task="New.", parallel_task="Beside the new.")) == {SUBSEQUENT, COMPOSITION}


def test_nothing_is_stale_any_more_where_the_change_was_put_back(workspace: Workspace, record: Record) -> None:
    edit(workspace, record, atom_task="Another one.")
    assert edit(workspace, record, atom_task=record.fields[TASK]) == {}


def test_a_restored_revision_is_as_stale_as_it_was(workspace: Workspace, record: Record) -> None:
    was = edit(workspace, record, atom_task="Another one.")
    edit(workspace, record, parallel_task="Fits.", subsequent_task="Fits.", composition_task="Fits.")
    assert stale(workspace, record) == {}
    workspace.review.restore(record.id, 2, author="Bob")
    assert stale(workspace, record) == was
    workspace.review.restore(record.id, 3, author="Bob")
    assert stale(workspace, record) == {}
    workspace.review.restore(record.id, 1, author="Bob")
    assert stale(workspace, record) == {}


def test_what_a_model_has_made_anew_in_one_go_fits(workspace: Workspace, record: Record) -> None:
    edit(workspace, record, atom_task="Another one.")
    with workspace.database.write() as connection:
        now = record_at(workspace, 1)
        fields = now.fields | {PARALLEL: "New.", SUBSEQUENT: "New.", COMPOSITION: "New."}
        revise(connection, now, fields, kind=RevisionKind.REGENERATED, author="m", action=None)
    assert stale(workspace, record) == {}
    assert set(edit(workspace, record, parallel_task="Mine.")) == {SUBSEQUENT, COMPOSITION}


def test_a_column_that_was_brought_along_makes_nothing_stale(workspace: Workspace) -> None:
    contents: list[Fields] = [{TASK: "One.", PARALLEL: "Two.", "source": "a"}]
    (number,) = make_records(workspace, contents)
    assert edit(workspace, record_at(workspace, number), source="b") == {}
    assert set(edit(workspace, record_at(workspace, number), atom_task="New.")) == {PARALLEL}


def test_a_dialogue_is_never_stale(workspace: Workspace) -> None:
    turns = [{"role": "user", "value": "Hi?"}, {"role": "assistant", "value": "Yes."}]
    (number,) = make_records(workspace, [{"category": "x", "conversation": turns}], generator=DIALOGUES)
    assert edit(workspace, record_at(workspace, number), category="y") == {}


def test_the_fields_are_those_that_the_run_named(workspace: Workspace) -> None:
    table = read_table(b'{"task": "One."}', "tasks.jsonl")
    selection = select_inputs(table, "task")
    run = workspace.plan_tasks(
        table, selection, endpoint=ENDPOINT, input_task_key="task", output_parallel_task_key="beside"
    )
    execute(workspace, run, answer_relations)
    (record,) = workspace.records.stream(Query())
    assert set(edit(workspace, record, task="Another.")) == {"beside", SUBSEQUENT, COMPOSITION}
    assert set(edit(workspace, record, beside="Another.")) == {SUBSEQUENT, COMPOSITION}

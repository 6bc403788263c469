"""Where a record came from and what happened to it since, read back from the database."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from dataflow_core.models import (
    Comment,
    Completion,
    Decision,
    Endpoint,
    Failure,
    Prompt,
    Record,
    ReviewStatus,
    Revision,
    RevisionKind,
    Run,
    Sampling,
    Stage,
    Usage,
)
from dataflow_core.storage.ledger import Call, Done, Failed, Ledger
from dataflow_core.storage.provenance import ProvenanceReader, Refusal, Tagging
from dataflow_core.storage.queries import Query
from dataflow_core.storage.schema import actions
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, answer_relations, execute, plan_tasks

PRICED = replace(ENDPOINT, input_price=1_000_000.0, output_price=2_000_000.0)
SAMPLING = Sampling(temperature=0.7, seed=3, max_tokens=512, choices=2, stop=("\n",), extra={"min_p": 0.05})


@pytest.fixture
def reader(workspace: Workspace) -> ProvenanceReader:
    return ProvenanceReader(workspace.database)


@pytest.fixture
def records(workspace: Workspace) -> list[Record]:
    return generated(workspace, answer_relations)


def generated(
    workspace: Workspace, answer: Callable[[Prompt], str], *, endpoint: Endpoint = ENDPOINT, inputs: int = 3
) -> list[Record]:
    run = plan_tasks(workspace, [f"Task {number}." for number in range(inputs)], endpoint=endpoint)
    execute(workspace, run, answer)
    return workspace.records.page(workspace.records.numbers(Query(runs=(run.id,))))


def call(run: Run, ledger: Ledger, step: str, *texts: str, is_valid: bool = True, cost: float | None = None) -> Call:
    item = next(iter(ledger.pending(after=-1, count=1)))
    completion = Completion(texts, "model-b", "length", Usage(30, 5), 1.5)
    return Call(item, step, Prompt("two/1", sampling=SAMPLING), "hash", completion, is_valid, cost)


def test_a_record_leads_back_to_its_run_and_its_input(reader: ProvenanceReader, records: list[Record]) -> None:
    found = reader.of(records[2])
    assert found is not None
    assert (found.run_id, found.position) == (records[2].run_id, 2)
    assert found.fields == {"atom_task": "Task 2.", "line": 2}
    assert [(one.step, one.model, one.is_valid) for one in found.calls] == [("relations", "scripted", True)]


def test_answers_that_could_not_be_used_are_kept_word_for_word_before_those_that_could(
    workspace: Workspace, reader: ProvenanceReader
) -> None:
    answers = iter(["Sorry, {no", None])
    [record] = generated(workspace, lambda prompt: next(answers) or answer_relations(prompt), endpoint=PRICED, inputs=1)
    found = reader.of(record)
    assert found is not None
    assert [(one.is_valid, one.texts[0][:10]) for one in found.calls] == [(False, "Sorry, {no"), (True, '{"parallel')]
    assert found.usage == found.calls[0].usage + found.calls[1].usage
    assert found.cost == found.usage.prompt_tokens + 2 * found.usage.completion_tokens


def test_each_call_keeps_how_its_answers_were_drawn(workspace: Workspace, reader: ProvenanceReader) -> None:
    run = plan_tasks(workspace, ["One."])
    ledger = Ledger(workspace.database, run.id, run.generator)
    first = call(run, ledger, "first", "a", "b", cost=0.25)
    ledger.write([first, call(run, ledger, "second", "c"), Done(first.item, {"atom_task": "One."})])
    found = reader.of(workspace.records.page([1])[0])
    assert found is not None
    one, two = found.calls
    assert (one.sampling, one.prompt_version, one.finish_reason) == (SAMPLING, "two/1", "length")
    assert (one.texts, two.texts) == (("a", "b"), ("c",))
    assert (found.cost, found.usage, found.seconds) == (0.25, Usage(60, 10), 3.0)
    assert abs(one.at.timestamp() - time.time()) < 60


def test_what_was_answered_before_a_retry_belongs_to_the_record_with_its_attempt(
    workspace: Workspace, reader: ProvenanceReader
) -> None:
    run = plan_tasks(workspace, ["One."])
    ledger = Ledger(workspace.database, run.id, run.generator)
    vain = call(run, ledger, "relations", "?", is_valid=False)
    ledger.write([vain, Failed(vain.item, Failure(vain.item.id, Stage.PARSE, "No JSON."))])
    workspace.runs.retry_failed(run.id)
    good = call(run, ledger, "relations", "!")
    ledger.write([good, Done(good.item, {"atom_task": "One."})])
    found = reader.of(workspace.records.page([1])[0])
    assert found is not None
    assert [(one.attempt, one.texts) for one in found.calls] == [(0, ("?",)), (1, ("!",))]


def test_a_record_written_by_hand_has_no_provenance(workspace: Workspace, reader: ProvenanceReader) -> None:
    added = workspace.review.add({"atom_task": "Mine."}, generator="ParaSeqTaskGenerator", author="Ada")
    assert reader.of(added) is None
    run = plan_tasks(workspace, ["One."])
    ledger = Ledger(workspace.database, run.id, run.generator)
    item = ledger.pending(after=-1, count=1)[0]
    ledger.write([Failed(item, Failure(item.id, Stage.REFUSED, "No."))])
    texts = dict.fromkeys(("parallel_task", "subsequent_task", "composition_task"), "By hand.")
    written = workspace.review.write_for_failed(item.id, item.fields | texts, author="Ada")
    assert reader.of(written) is None


def test_an_edited_record_still_leads_back_to_its_calls(
    workspace: Workspace, reader: ProvenanceReader, records: list[Record]
) -> None:
    edited = workspace.review.edit(records[0].id, {"parallel_task": "Mine."}, base_revision=1, author="Ada")
    assert reader.of(edited.record) == reader.of(records[0])


def test_all_that_happens_to_a_record_is_told_in_its_order(
    workspace: Workspace, reader: ProvenanceReader, records: list[Record]
) -> None:
    record, review = records[0], workspace.review
    review.tag(record.id, "hard", author="Ben")
    review.edit(record.id, {"parallel_task": "Mine."}, base_revision=1, author="Ada")
    review.comment(record.id, "Why?", author="Ben")
    review.decide({record.id: 2}, ReviewStatus.REJECTED, reviewer="Ada", reason="Too vague")
    review.tag(record.id, "hard", author="Cy", is_added=False)
    review.comment(records[1].id, "Not about this one.", author="Ben")
    made, tagged, edited, said, decided, untagged = reader.events(record)
    assert isinstance(made.what, Revision)
    assert made.what.kind is RevisionKind.GENERATED
    assert isinstance(edited.what, Revision)
    assert (edited.author, edited.what.fields["parallel_task"]) == ("Ada", "Mine.")
    assert isinstance(decided.what, Decision)
    assert (decided.author, decided.what.reason) == ("Ada", "Too vague")
    assert said.what == Comment("Ben", "Why?", said.at)
    assert tagged.what == Tagging("hard", True, "Ben", tagged.at)
    assert untagged.what == Tagging("hard", False, "Cy", untagged.at)


def test_what_was_undone_and_what_was_done_with_many_is_told_as_such(
    workspace: Workspace, reader: ProvenanceReader, records: list[Record]
) -> None:
    record = records[0]
    workspace.review.edit(record.id, {"parallel_task": "Mine."}, base_revision=1, author="Ada")
    workspace.review.undo_last("Ada")
    action = workspace.bulk.tag([one.number for one in records], "seen", author="Ada")
    workspace.carry_out(action)
    workspace.carry_out(workspace.bulk.undo(action.number, author="Ben"))
    told = [(event.author, event.is_undo, event.records) for event in reader.events(record)[1:]]
    assert told == [("Ada", False, 1), ("Ada", True, 1), ("Ada", False, 3), ("Ben", True, 3)]


def test_an_event_whose_action_is_not_known_is_told_all_the_same(
    workspace: Workspace, reader: ProvenanceReader, records: list[Record]
) -> None:
    workspace.review.decide({records[0].id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    with workspace.database.write() as connection:
        connection.execute(update(actions).values(number=actions.c.number + 100))
    decided = reader.events(records[0])[-1]
    assert (decided.author, decided.is_undo, decided.records) == ("Ada", False, 1)


def test_the_tags_of_all_records_are_known_in_order(
    workspace: Workspace, reader: ProvenanceReader, records: list[Record]
) -> None:
    assert reader.known_tags() == []
    for record in records:
        for tag in ("b", "a", "é", "Ω"):
            workspace.review.tag(record.id, tag, author="Ada")
    workspace.review.tag(records[0].id, "gone", author="Ada")
    workspace.review.tag(records[0].id, "gone", author="Ada", is_added=False)
    assert reader.known_tags() == ["a", "b", "é", "Ω"]


def test_a_text_that_was_taken_leads_to_the_calls_that_wrote_it_and_a_refused_one_is_told(
    workspace: Workspace, reader: ProvenanceReader, records: list[Record]
) -> None:
    answer = json.dumps({"parallel_task": "Other.", "subsequent_task": "Then.", "composition_task": "All."})
    for note in ("Shorter.", "Longer."):
        run = workspace.rewriting.plan([records[0].id], note, endpoint=ENDPOINT, author="Ada")
        execute(workspace, run, lambda _: answer)
    longer, shorter = workspace.proposals.open_for(records[0].number)
    workspace.rewriting.refuse(longer.number, author="Ben")
    assert reader.rewrites(records[0]) == []
    accepted = workspace.rewriting.accept(shorter.number, author="Ben")
    (rewrite,) = reader.rewrites(accepted)
    assert (rewrite.note, rewrite.author, rewrite.model) == ("Shorter.", "Ada", "scripted")
    assert [call.texts for call in rewrite.calls] == [(answer,)]
    told = [event for event in reader.events(accepted) if isinstance(event.what, Refusal) or event.taken_by]
    assert [(type(event.what).__name__, event.author) for event in told] == [
        ("Refusal", "Ben"),
        ("Revision", "scripted"),
    ]
    assert told[1].taken_by == "Ben"
    workspace.review.undo_last("Ben")
    assert reader.rewrites(accepted) == []

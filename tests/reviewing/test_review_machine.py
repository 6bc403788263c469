"""No sequence of edits, decisions, tags, bulk actions and undos breaks a record's history, or what is counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Table, select

from dataflow_core.checks import check_record, fingerprint
from dataflow_core.errors import UsageError
from dataflow_core.generators.rewrite import RewriteGenerator
from dataflow_core.models import Action, ActionState, ProposalState, Record, ReviewStatus, Run, RunKind
from dataflow_core.reviewing import bulk
from dataflow_core.reviewing.replacing import Replacement
from dataflow_core.reviewing.staleness import MAYBE_STALE
from dataflow_core.storage import proposals, schema, undoing, writing
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.queries import DUPLICATE, Query
from dataflow_core.storage.rewrite_inputs import inputs_for
from dataflow_core.workspace import Workspace
from tests.record_makers import TASKS, make_records, record_at
from tests.support import ENDPOINT

WORDS = ("apple", "pear", "plum", "Äpfel")
TEXTS = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join)
FIELDS = ("atom_task", "parallel_task", "subsequent_task")
AUTHORS = st.sampled_from(("Ada", "Bob"))
TAGS = ("odd", "later")
#: Chunks of two records after which an action is stopped; 0 does all of it.
CHUNKS = st.sampled_from((0, 0, 1))
EVERYTHING = Query(statuses=tuple(ReviewStatus))
NUMBERS = st.lists(st.integers(1, 5), min_size=1, max_size=5)


class ReviewMachine(RuleBasedStateMachine):
    folders: pytest.TempPathFactory

    def __init__(self) -> None:
        super().__init__()
        self.workspace = Workspace(self.folders.mktemp("machine"), create=True)
        self.listed_at = 0.0
        self.count = 0
        self.proposed: list[str] = []  # runs
        self.first_status: dict[int, str] = {}
        self.kept: dict[str, list[dict[str, Any]]] = {"revisions": [], "decisions": [], "taggings": []}

    @initialize(texts=st.lists(TEXTS, min_size=3, max_size=3))
    def begin(self, texts: list[str]) -> None:
        contents = [self._fields(number, text) for number, text in enumerate(texts, start=1)]
        for number in make_records(self.workspace, contents):
            self.first_status[number] = ReviewStatus.UNREVIEWED.value
        self.count = len(texts)

    @precondition(lambda self: self.count < 5)
    @rule(text=TEXTS, author=AUTHORS)
    def add(self, text: str, author: str) -> None:
        self.count += 1
        added = self.workspace.review.add(self._fields(self.count, text), generator=TASKS, author=author)
        assert (added.number, added.status) == (self.count, ReviewStatus.ACCEPTED)
        self.first_status[added.number] = ReviewStatus.ACCEPTED.value

    @rule(number=st.integers(1, 5), field=st.sampled_from(FIELDS), text=TEXTS, behind=st.integers(0, 1), author=AUTHORS)
    def edit(self, number: int, field: str, text: str, behind: int, author: str) -> None:
        record = self._record(number)
        base = max(1, record.revision - behind)
        edited = self.workspace.review.edit(record.id, {field: text}, base_revision=base, author=author)
        assert edited.conflicts or edited.record.fields[field] == text

    @rule(
        number=st.integers(1, 5), texts=st.lists(TEXTS, min_size=2, max_size=3), author=AUTHORS, is_quick=st.booleans()
    )
    def edit_in_a_row(self, number: int, texts: list[str], author: str, is_quick: bool) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(undoing, "ONE_EDIT", 30.0 if is_quick else -1.0)
            for text in texts:
                self.edit(number, "parallel_task", text, 0, author)

    @rule(number=st.integers(1, 5), back=st.integers(1, 4), author=AUTHORS)
    def restore(self, number: int, back: int, author: str) -> None:
        record = self._record(number)
        revision = max(1, record.revision - back)
        fields = next(one for one in self.workspace.records.history(record.id) if one.number == revision).fields
        assert self.workspace.review.restore(record.id, revision, author=author).fields == fields

    @rule(
        numbers=NUMBERS,
        status=st.sampled_from(ReviewStatus),
        reason=st.sampled_from(("", "Odd")),
        behind=st.integers(0, 1),
        author=AUTHORS,
    )
    def decide(self, numbers: list[int], status: ReviewStatus, reason: str, behind: int, author: str) -> None:
        shown = {record.id: record for record in map(self._record, numbers)}
        seen = {record.id: record.revision - behind for record in shown.values()}
        left_alone = self.workspace.review.decide(seen, status, reviewer=author, reason=reason)
        assert list(left_alone) == (list(seen) if behind else [])

    @rule(number=st.integers(1, 5), tag=st.sampled_from(TAGS), is_added=st.booleans(), author=AUTHORS)
    def tag(self, number: int, tag: str, is_added: bool, author: str) -> None:
        record = self._record(number)
        self.workspace.review.tag(record.id, tag, author=author, is_added=is_added)
        assert (tag in self.workspace.records.tags(record.id)) == is_added

    @rule(number=st.integers(1, 5), author=AUTHORS)
    def comment(self, number: int, author: str) -> None:
        self.workspace.review.comment(self._record(number).id, "Odd?", author=author)

    @rule(numbers=NUMBERS, status=st.sampled_from(ReviewStatus), author=AUTHORS, chunks=CHUNKS, is_late=st.booleans())
    def decide_many(self, numbers: list[int], status: ReviewStatus, author: str, chunks: int, is_late: bool) -> None:
        listed_at = 0.0 if is_late else 1e12
        planned = self.workspace.bulk.decide(self._there(numbers), status, reviewer=author, listed_at=listed_at)
        done = self._execute(planned, chunks)
        assert not (is_late and done.touched)

    @rule(numbers=NUMBERS, tag=st.sampled_from(TAGS), is_added=st.booleans(), author=AUTHORS, chunks=CHUNKS)
    def tag_many(self, numbers: list[int], tag: str, is_added: bool, author: str, chunks: int) -> None:
        self._execute(self.workspace.bulk.tag(self._there(numbers), tag, author=author, is_added=is_added), chunks)

    @rule(numbers=NUMBERS, word=st.sampled_from(WORDS), by=st.sampled_from(WORDS), author=AUTHORS, chunks=CHUNKS)
    def replace_in_many(self, numbers: list[int], word: str, by: str, author: str, chunks: int) -> None:
        planned = self.workspace.bulk.replace(self._there(numbers), Replacement(word, by), author=author)
        done = self._execute(planned, chunks)
        if done.state is ActionState.DONE and word != by:
            assert not any(word in str(self._record(number).fields) for number in numbers)

    @rule(numbers=NUMBERS, word=st.sampled_from(WORDS), author=AUTHORS)
    def propose(self, numbers: list[int], word: str, author: str) -> None:
        """What a model has written for a selection of records."""
        shown = {record.id: record for record in map(self._record, numbers)}
        run = self._rewriting_run(list(shown), author)
        with self.workspace.database.write() as connection:
            planned = connection.execute(select(schema.inputs).where(schema.inputs.c.run_id == run.id)).mappings().all()
            made = [
                proposals.NewProposal(
                    run_id=run.id,
                    input_id=row["id"],
                    record=shown[row["fields"]["record"]].number,
                    base_revision=row["fields"]["revision"],
                    fields=row["fields"]["fields"] | {"parallel_task": f"{word} {len(self.proposed)}"},
                    note="Better!",
                    author=author,
                    model="m",
                )
                for row in planned
            ]
            proposals.add(connection, made)
        self.proposed.append(run.id)

    @precondition(lambda self: self.proposed)
    @rule(which=st.integers(0, 9), is_used=st.booleans(), author=AUTHORS, chunks=CHUNKS)
    def settle_all(self, which: int, is_used: bool, author: str, chunks: int) -> None:
        run_id, rewriting = self.proposed[which % len(self.proposed)], self.workspace.rewriting
        before = {record.number: record for record in self._records()}
        waiting = self.workspace.proposals.undecided(run_id)
        if not waiting.total:
            with pytest.raises(UsageError, match="No proposal"):
                rewriting.accept_all(run_id, author=author)
            return
        plan = rewriting.accept_all if is_used else rewriting.refuse_all
        done = self._execute(plan(run_id, author=author), chunks)
        assert done.touched <= (waiting.free if is_used else waiting.total)
        edited = self.workspace.proposals.editors(list(before))
        assert all(self._record(number) == before[number] for number in (edited if is_used else before))

    @precondition(lambda self: self.proposed)
    @rule(which=st.integers(0, 9), is_used=st.booleans(), author=AUTHORS)
    def settle_one(self, which: int, is_used: bool, author: str) -> None:
        numbers = self.workspace.proposals.numbers(self.proposed[-1])
        (proposal,) = self.workspace.proposals.page([numbers[which % len(numbers)]])
        settle = self.workspace.rewriting.accept if is_used else self.workspace.rewriting.refuse
        try:
            settle(proposal.number, author=author)
        except UsageError as error:
            assert any(word in str(error) for word in ("already", "changed after", "deleted"))  # noqa: PT017
        else:
            assert not is_used or self._record(proposal.record).fields == proposal.fields

    @rule(back=st.integers(0, 3), author=AUTHORS, chunks=CHUNKS)
    def undo_many(self, back: int, author: str, chunks: int) -> None:
        recent = self.workspace.bulk.recent()
        if len(recent) <= back:
            return
        action = recent[back]
        if action.undone_by is not None:
            with pytest.raises(UsageError, match="undone already"):
                self.workspace.bulk.undo(action.number, author=author)
            return
        done = self._execute(self.workspace.bulk.undo(action.number, author=author), chunks)
        assert done.touched <= action.touched

    @rule(author=AUTHORS)
    def undo_last(self, author: str) -> None:
        before = self._rows(schema.records)
        undone, problem = None, ""
        try:
            undone = self.workspace.review.undo_last(author)
        except UsageError as error:
            problem = str(error)
        assert not problem or "changed again since" in problem
        if undone is None:
            assert self._rows(schema.records) == before

    @rule(author=AUTHORS)
    def undo_all(self, author: str) -> None:
        """Nobody is ever stuck: one comes to the beginning of what one did."""
        left = len(self._rows(schema.actions)) + 1
        while left:
            try:
                if self.workspace.review.undo_last(author) is None:
                    return
            except UsageError:
                pass
            left -= 1
        raise AssertionError("It never ends.")

    @invariant()
    def nothing_that_was_written_changes_or_goes(self) -> None:
        for name, before in self.kept.items():
            now = self._rows(getattr(schema, name))
            if name == "revisions":
                now = sorted(now, key=lambda row: (row["at"], row["record"], row["number"]))
            gone = [row for row in before if row not in now]
            assert not gone, name
            self.kept[name] = now

    @invariant()
    def each_record_is_what_its_history_says(self) -> None:
        newest: dict[int, dict[str, Any]] = {}
        for row in self._rows(schema.revisions):
            assert row["number"] == newest.get(row["record"], {"number": 0})["number"] + 1
            newest[row["record"]] = row
        status, decision = dict(self.first_status), dict[int, int]()
        for row in self._rows(schema.decisions):
            assert row["status_before"] == status[row["record"]]
            status[row["record"]], decision[row["record"]] = row["status"], row["number"]
        tags: set[tuple[str, int]] = set()
        for row in self._rows(schema.taggings):
            one = (row["tag"], row["record"])
            assert (one in tags) != row["is_added"]
            tags ^= {one}
        stored = self._rows(schema.records)
        assert {row["number"]: row["status"] for row in stored} == status
        assert {row["number"]: row["decision"] for row in stored if row["decision"]} == decision
        assert {(row["tag"], row["record"]) for row in self._rows(schema.record_tags)} == tags
        for record in self._records():
            assert (record.revision, record.fields) == (
                newest[record.number]["number"],
                newest[record.number]["fields"],
            )
            assert record.is_edited == (record.fields not in self._as_made(record.number))

    @invariant()
    def what_is_counted_and_found_is_what_is_there(self) -> None:
        records, store = self._records(), self.workspace.records
        by_status = Counter(record.status for record in records)
        counts = store.count_by_status(Query())
        assert counts == {status: by_status[status] for status in ReviewStatus}
        assert sum(counts.values()) == len(records) == self.count
        for number in range(1, self.count + 1):
            assert list(store.numbers(Query(text=f'"token{number}"', statuses=tuple(ReviewStatus)))) == [number]
        for word in WORDS:
            having = [one.number for one in records if word in str(one.fields) and one.status != ReviewStatus.DELETED]
            assert sorted(store.numbers(Query(text=word))) == having

    @invariant()
    def what_was_noticed_is_of_the_present_text(self) -> None:
        found: dict[int, set[tuple[str, str, str]]] = {}
        for row in self._rows(schema.findings):
            found.setdefault(row["record"], set()).add((row["check"], row["field"], row["message"]))
        prints: dict[int, int | None] = {}
        for record in self._records():
            stale = {one for one in found.get(record.number, set()) if one[0] == MAYBE_STALE}
            checked = {(one.check, one.field, one.message) for one in check_record(TASKS, record.fields, {})}
            assert found.get(record.number, set()) - stale == checked
            assert not stale or record.is_edited
            if record.status is not ReviewStatus.DELETED:
                prints[record.number] = fingerprint(TASKS, record.fields, {})
        same = [number for number, one in prints.items() if one is not None and list(prints.values()).count(one) > 1]
        assert sorted(self.workspace.records.numbers(Query(findings=(DUPLICATE,)))) == same

    @invariant()
    def what_people_did_adds_up(self) -> None:
        for row in self._rows(schema.actions):
            assert 0 <= row["touched"] <= row["done"] <= row["total"]
            assert row["state"] != ActionState.RUNNING.value
            assert row["state"] == ActionState.STOPPED.value or row["done"] == row["total"]

    @invariant()
    def a_proposal_is_settled_by_what_stands_and_open_otherwise(self) -> None:
        by_number = {row["number"]: row for row in self._rows(schema.actions)}
        for row in self._rows(schema.proposals):
            action = by_number.get(row["action"])
            if row["state"] == ProposalState.OPEN.value:
                assert action is None or action["kind"] == undoing.UNDO
            else:
                assert action is not None
                assert (
                    action["undone_by"] is None
                    or by_number[action["undone_by"]]["state"] != "done"
                    or by_number[action["undone_by"]]["touched"] == 0  # it left alone what others had changed since
                    or by_number[action["undone_by"]]["touched"] < by_number[action["undone_by"]]["total"]  # left alone
                    or (self._record(row["record"]).fields != row["fields"])
                )

    def teardown(self) -> None:
        self.workspace.close()

    def _fields(self, number: int, text: str) -> dict[str, Any]:
        return {"atom_task": text, "parallel_task": "pear", "subsequent_task": "", "note": f"token{number}"}

    def _there(self, numbers: list[int]) -> list[int]:
        return [min(number, self.count) for number in numbers]

    def _record(self, number: int) -> Record:
        return record_at(self.workspace, min(number, self.count))

    def _records(self) -> list[Record]:
        return self.workspace.records.page(range(1, self.count + 1))

    def _as_made(self, number: int) -> list[dict[str, Any]]:
        """What models have written of the record, or who added it."""
        table = schema.revisions
        with self.workspace.database.read() as connection:
            own = (table.c.record == number) & table.c.kind.in_([kind.value for kind in writing.WHOLE])
            return list(connection.scalars(select(table.c.fields).where(own)))

    def _rewriting_run(self, ids: list[str], author: str) -> Run:
        with self.workspace.database.read() as connection:
            planned = inputs_for(connection, ids, "Better!", {"kind": "record"})
        return self.workspace.runs.create(
            RunPlan(
                name="Better!",
                generator=RewriteGenerator.name,
                params={"note": "Better!", "author": author},
                endpoint=ENDPOINT,
                prompt_version="",
                inputs=planned,
                source={},
                kind=RunKind.REWRITE,
            )
        )

    def _rows(self, table: Table) -> list[dict[str, Any]]:
        with self.workspace.database.read() as connection:
            order = list(table.primary_key)
            return [dict(row) for row in connection.execute(select(table).order_by(*order)).mappings()]

    def _execute(self, planned: Action, chunks: int) -> Action:
        left = [chunks]

        def progress(action: Action) -> None:
            left[0] -= 1
            if left[0] == 0:
                self.workspace.bulk.stop(action.number)

        return self.workspace.bulk.execute(planned.number, progress=progress)


def test_no_sequence_of_actions_breaks_history_or_counts(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 2)
    monkeypatch.setattr(bulk, "TEXT_CHUNK", 2)
    monkeypatch.setattr(bulk, "GAP", 0.0)
    ReviewMachine.folders = tmp_path_factory
    run_state_machine_as_test(
        ReviewMachine,
        settings=settings(
            max_examples=10, stateful_step_count=18, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

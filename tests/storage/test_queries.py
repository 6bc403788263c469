"""Every filter, alone and with another, every order and every count, against the same done by hand."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select
from ulid import ULID

from dataflow_core.checks import fingerprint
from dataflow_core.checks.digest import digest_of
from dataflow_core.models import Fields, ProposalState, Record, ReviewStatus, RevisionKind
from dataflow_core.reviewing.review import revise
from dataflow_core.storage import fulltext, proposals, writing
from dataflow_core.storage.proposals import NewProposal
from dataflow_core.storage.queries import ANY_PROPOSAL, DUPLICATE, Query, Sort
from dataflow_core.storage.schema import inputs
from dataflow_core.storage.schema import proposals as stored_proposals
from dataflow_core.storage.writing import NewRecord, add_records
from dataflow_core.workspace import Workspace
from tests.record_makers import DIALOGUES, TASKS, make_records, task_fields
from tests.support import plan_tasks

WORDS = ("apple", "apples", "pear", "Äpfel", "plum")
RUNS = ("A", "B", "")
OTHER = "OtherGenerator"
FACETS = ("generators", "models", "intents", "reviewers", "reasons")


def intent_in(fields: Fields) -> str:
    """A dialogue that has none has its category, which is the same."""
    return str(fields.get("intent", fields.get("category", "") if "conversation" in fields else ""))


@dataclass(frozen=True)
class Made:
    """What one record is made of and what became of it."""

    run: str
    position: int
    generator: str
    model: str
    intent: str | None
    words: tuple[str, ...]
    status: ReviewStatus
    reason: str
    reviewer: str
    tags: frozenset[str]
    is_edited: bool
    proposed: frozenset[tuple[str, ProposalState]]

    @property
    def fields(self) -> Fields:
        fields: Fields = {} if self.intent is None else {"intent": self.intent}
        text = " ".join(self.words)
        if self.generator == DIALOGUES:
            turns = [{"role": "user", "value": text}, {"role": "assistant", "value": "It is fine."}]
            return fields | {"category": self.intent or "none", "conversation": turns}
        if self.generator == TASKS:
            return fields | {"atom_task": "Do it.", "parallel_task": text, "subsequent_task": "", "length": 3}
        return {"note": text} | fields


MADE = st.builds(
    Made,
    run=st.sampled_from(RUNS),
    position=st.integers(0, 5),
    generator=st.sampled_from((TASKS, DIALOGUES, OTHER)),
    model=st.sampled_from(("", "m-1", "m-2")),
    intent=st.sampled_from((None, "Cooking", "Travel")),
    words=st.lists(st.sampled_from(WORDS), max_size=3).map(tuple),
    status=st.sampled_from(ReviewStatus),
    reason=st.sampled_from(("", "Off topic", "Too vague")),
    reviewer=st.sampled_from(("Ada", "Bob")),
    tags=st.frozensets(st.sampled_from(("odd", "later"))),
    is_edited=st.booleans(),
    proposed=st.frozensets(
        st.tuples(st.sampled_from(("A", "B")), st.sampled_from((ProposalState.OPEN, ProposalState.REFUSED))), max_size=2
    ),
)


class Store:
    """The records in a workspace of their own, and what is known of each without asking a query."""

    def __init__(self, workspace: Workspace, made: Sequence[Made]) -> None:
        self.workspace, self.made = workspace, made
        self.runs = {"A": plan_tasks(workspace, ["a"]).id, "B": plan_tasks(workspace, ["b"]).id, "": None}
        with workspace.database.write() as connection:
            for place, one in enumerate(made):
                run = self.runs[one.run]
                digest = digest_of(one.generator, one.fields, {})
                record = NewRecord(str(ULID()), one.fields, run, None, one.position if run else None, (), one.model)
                add_records(
                    connection,
                    [replace(record, digest=digest)],
                    generator=one.generator,
                    kind=RevisionKind.GENERATED,
                    author=one.generator,
                    status=ReviewStatus.UNREVIEWED,
                    now=1_000.0 + place,
                )
        for number, one in enumerate(made, start=1):
            self._work_on(number, one)
        self.numbers = list(range(1, len(made) + 1))
        self.records = {record.number: record for record in workspace.records.page(self.numbers)}
        self.tags = {number: set(workspace.records.tags(self.records[number].id)) for number in self.numbers}
        self.findings = {
            number: {finding.check for finding in workspace.records.findings(self.records[number].id)}
            for number in self.numbers
        }
        params = {number: workspace.records.params_of(record) for number, record in self.records.items()}
        self.prints = {
            number: fingerprint(record.generator, record.fields, params[number])
            for number, record in self.records.items()
        }
        present = (number for number in self.numbers if not self.is_deleted(number))
        self.same = Counter(self.prints[number] for number in present)

    def _work_on(self, number: int, one: Made) -> None:
        (record,) = self.workspace.records.page([number])
        with self.workspace.database.write() as connection:
            self._propose(connection, number, one)
            if one.is_edited:
                field = {TASKS: "subsequent_task", DIALOGUES: "category", OTHER: "note"}[one.generator]
                fields = record.fields | {field: "Edited plum."}
                revise(connection, record, fields, kind=RevisionKind.EDITED, author="Ada", action=None)
            action = writing.begin_action(connection, "test", "Ada", record=number)
            if one.status is not ReviewStatus.UNREVIEWED:
                decided = {"reviewer": one.reviewer, "reason": one.reason, "action": action}
                writing.decide(connection, record, one.status, **decided)  # type: ignore[arg-type]
            for tag in one.tags:
                writing.tag_many(connection, [number], tag, is_added=True, author="Ada", action=action)

    def _propose(self, connection: Connection, number: int, one: Made) -> None:
        for run, state in sorted(one.proposed):
            run_id = self.runs[run] or ""
            input_id = connection.scalar(select(inputs.c.id).where(inputs.c.run_id == run_id)) or ""
            proposals.add(connection, [NewProposal(run_id, input_id, number, 1, {}, "", "Ada", "m-1")])
            if state is not ProposalState.OPEN:
                newest = connection.scalar(select(func.max(stored_proposals.c.number))) or 0
                proposals.settle(connection, newest, state, action=0)

    def is_deleted(self, number: int) -> bool:
        return self.records[number].status is ReviewStatus.DELETED

    def matching(self, query: Query) -> set[int]:
        return {number for number in self.numbers if self._matches(number, self.records[number], query)}

    def _matches(self, number: int, record: Record, query: Query) -> bool:
        wanted: tuple[tuple[Any, Any], ...] = (
            (query.runs, record.run_id),
            (query.generators, record.generator),
            (query.models, record.model),
            (query.intents, intent_in(record.fields)),
            (query.reviewers, record.reviewer),
            (query.reasons, record.reason),
        )
        if any(values and value not in values for values, value in wanted):
            return False
        if record.status not in (query.statuses or set(ReviewStatus) - {ReviewStatus.DELETED}):
            return False
        if query.tags and not self.tags[number] & set(query.tags):
            return False
        if query.is_edited is not None and record.is_edited != query.is_edited:
            return False
        open_in = {self.runs[run] for run, state in self.made[number - 1].proposed if state is ProposalState.OPEN}
        if query.proposals and not (open_in if query.proposals == ANY_PROPOSAL else query.proposals in open_in):
            return False
        if query.findings and not self._has_finding(number, query.findings):
            return False
        return all(any(word.startswith(term) for word in self.words(number)) for term in plain_words(query.text))

    def _has_finding(self, number: int, wanted: Sequence[str]) -> bool:
        is_same = self.prints[number] is not None and self.same[self.prints[number]] > 1
        return bool(self.findings[number] & set(wanted)) or (DUPLICATE in wanted and is_same)

    def words(self, number: int) -> list[str]:
        return plain_words(str(self.records[number].fields.values()))


def plain_words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("ä", "a"))


def filters(store: Store) -> list[Query]:
    """Each filter, by one value and by two."""
    return [
        Query(runs=(store.runs["A"] or "",)),
        Query(runs=(store.runs["A"] or "", store.runs["B"] or "")),
        Query(generators=(TASKS,)),
        Query(generators=(DIALOGUES, OTHER)),
        Query(statuses=(ReviewStatus.ACCEPTED,)),
        Query(statuses=(ReviewStatus.UNREVIEWED, ReviewStatus.DELETED)),
        Query(statuses=tuple(ReviewStatus)),
        Query(text="apple"),
        Query(text="pear äpf"),
        Query(models=("m-1",)),
        Query(models=("", "m-2")),
        Query(intents=("Cooking",)),
        Query(intents=("", "Travel")),
        Query(reviewers=("Ada",)),
        Query(reviewers=("", "Bob")),
        Query(reasons=("Too vague",)),
        Query(reasons=("", "Off topic")),
        Query(findings=("empty",)),
        Query(findings=("maybe-stale", "too-short")),
        Query(findings=(DUPLICATE,)),
        Query(findings=(DUPLICATE, "empty")),
        Query(tags=("odd",)),
        Query(tags=("odd", "later")),
        Query(is_edited=True),
        Query(is_edited=False),
        Query(models=("gone",)),
        Query(proposals=ANY_PROPOSAL),
        Query(proposals=store.runs["A"] or ""),
    ]


def together(one: Query, other: Query) -> Query:
    """Both restrictions; where they are about the same thing, the first's."""
    plain = Query()
    names = [name for name in Query.__dataclass_fields__ if getattr(one, name) == getattr(plain, name)]
    return replace(one, **{name: getattr(other, name) for name in names})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Workspace]:
    return lambda: Workspace(tmp_path_factory.mktemp("queries"), create=True)


@settings(
    max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate)
)
@given(made=st.lists(MADE, min_size=12, max_size=25), choice=st.randoms(use_true_random=False))
def test_filters_orders_and_counts_are_those_done_by_hand(
    folders: Callable[[], Workspace], made: list[Made], choice: Random
) -> None:
    workspace = folders()
    try:
        store = Store(workspace, made)
        each = filters(store)
        pairs = [together(one, other) for one, other in combinations(each, 2)]
        for query in [Query(), *each, *choice.sample(pairs, 50)]:
            assert_found(store, query)
        for query in [Query(), *choice.sample([*each, *pairs], 9)]:
            assert_counted(store, query)
        for query in [Query(), *choice.sample([*each, *pairs], 3)]:
            assert_ordered(store, query)
    finally:
        workspace.close()


def assert_found(store: Store, query: Query) -> None:
    expected = store.matching(query)
    found = store.workspace.records.numbers(query)
    assert (len(found), set(found)) == (len(expected), expected), query
    assert store.workspace.records.count(query) == len(expected), query


def assert_counted(store: Store, query: Query) -> None:
    """What stands beside a filter: the query's records by its values, whatever it is set to now."""
    counted = store.workspace.records

    def by_hand(facet: str, values: Callable[[int], Any]) -> dict[str, int]:
        free: dict[str, Any] = {facet: ()}
        found = Counter(value for number in store.matching(replace(query, **free)) for value in values(number))
        return {value: count for value, count in found.items() if value}

    one = store.records
    assert counted.count_by("generators", query) == by_hand("generators", lambda number: [one[number].generator])
    assert counted.count_by("models", query) == by_hand("models", lambda number: [one[number].model])
    assert counted.count_by("reviewers", query) == by_hand("reviewers", lambda number: [one[number].reviewer])
    assert counted.count_by("reasons", query) == by_hand("reasons", lambda number: [one[number].reason])
    intents = by_hand("intents", lambda number: [intent_in(one[number].fields)])
    assert counted.count_by("intents", query) == intents
    assert counted.count_by("runs", query) == by_hand("runs", lambda number: [one[number].run_id])
    assert counted.count_by_tag(query) == by_hand("tags", lambda number: store.tags[number])
    assert counted.count_by_generator(query) == counted.count_by("generators", query)
    by_status = Counter(one[number].status for number in store.matching(replace(query, statuses=tuple(ReviewStatus))))
    assert counted.count_by_status(query) == {status: by_status[status] for status in ReviewStatus}
    free = store.matching(replace(query, findings=()))
    checks = Counter(check for number in free for check in store.findings[number])
    if same := len(free & store.matching(replace(query, findings=(DUPLICATE,)))):
        checks[DUPLICATE] = same
    assert counted.count_by_finding(query) == checks


def assert_ordered(store: Store, query: Query) -> None:
    records = store.records
    keys: dict[Sort, Callable[[int], Any]] = {
        "oldest": lambda n: (
            records[n].run_id is None,
            records[n].run_id or "",
            store.made[n - 1].position if records[n].run_id else 0,
            n,
        ),
        "newest": lambda n: -n,
        "recently changed": lambda n: (-records[n].updated_at.timestamp(), -n),
        "longest": lambda n: (-store_length(records[n].fields), -n),
        "shortest": lambda n: (store_length(records[n].fields), n),
        "status": lambda n: (records[n].status.value, n),
        "model": lambda n: (records[n].model, n),
        "intent": lambda n: (intent_in(records[n].fields), n),
        "reviewer": lambda n: (records[n].reviewer, n),
        "reason": lambda n: (records[n].reason, n),
    }
    for place, sort in enumerate(get_args(Sort)[-4:]):
        keys[sort] = lambda n, place=place: (text_key(records[n], place), n)  # type: ignore[misc]
    assert set(keys) == set(get_args(Sort))
    for sort, key in keys.items():
        found = list(store.workspace.records.numbers(replace(query, sort=sort)))
        assert found == sorted(store.matching(query), key=key), (query, sort)


def store_length(fields: Fields) -> int:
    return len(fulltext.text_of(fields))


def text_key(record: Record, place: int) -> tuple[bool, str]:
    """Those that have no such text come first."""
    keys = digest_of(record.generator, record.fields, {}).keys
    return place < len(keys), " ".join(keys[place].split())[:32].casefold() if place < len(keys) else ""


def test_a_record_is_a_duplicate_only_as_long_as_the_other_is_there_and_says_the_same(workspace: Workspace) -> None:
    numbers = make_records(workspace, [task_fields(1), task_fields(2), task_fields(1)])
    same = Query(findings=(DUPLICATE,))
    records = workspace.records
    assert list(records.numbers(same)) == [1, 3]
    assert records.count_by_finding(Query())[DUPLICATE] == 2
    ids = {number: record.id for number, record in zip(numbers, records.page(numbers), strict=True)}
    assert records.same_as(ids[1]) == [3]
    workspace.review.decide({ids[3]: 1}, ReviewStatus.DELETED, reviewer="Ada")
    assert (list(records.numbers(same)), records.same_as(ids[1])) == ([], [])
    assert DUPLICATE not in records.count_by_finding(Query())
    workspace.review.undo_last("Ada")
    assert list(records.numbers(same)) == [1, 3]
    workspace.review.edit(ids[1], {"parallel_task": "Other."}, base_revision=1, author="Ada")
    assert list(records.numbers(same)) == []
    shout = task_fields(2) | {"parallel_task": task_fields(2)["parallel_task"].upper() + "  "}
    make_records(workspace, [shout])
    assert list(records.numbers(same)) == [2, 4]


def test_a_snapshot_is_in_order_at_some_thousand_records(workspace: Workspace) -> None:
    make_records(workspace, [{"note": f"{(number * 7919) % 3_000:05d}"} for number in range(3_000)], generator=OTHER)
    found = workspace.records.page(workspace.records.numbers(Query(sort="first text")))
    notes = [record.fields["note"] for record in found]
    assert notes == sorted(notes)
    assert len(notes) == 3_000
    assert list(workspace.records.numbers(Query(sort="newest"))) == list(range(3_000, 0, -1))


def test_any_change_of_a_record_is_a_new_version_of_them_all(workspace: Workspace) -> None:
    versions = [workspace.records.version()]
    make_records(workspace, [task_fields(1)])
    (record,) = workspace.records.stream(Query())
    changes: list[Callable[[], object]] = [
        lambda: workspace.review.edit(record.id, {"parallel_task": "New."}, base_revision=1, author="Ada"),
        lambda: workspace.review.decide({record.id: 2}, ReviewStatus.ACCEPTED, reviewer="Ada"),
        lambda: workspace.review.tag(record.id, "odd", author="Ada"),
        lambda: workspace.review.comment(record.id, "Odd.", author="Ada"),
        lambda: workspace.review.undo_last("Ada"),
        lambda: workspace.bulk.execute(
            workspace.bulk.decide([1], ReviewStatus.FLAGGED, reviewer="Ada", listed_at=time.time()).number
        ),
    ]
    versions.append(workspace.records.version())
    for change in changes:
        time.sleep(0.002)
        change()
        versions.append(workspace.records.version())
    assert len(set(versions)) == len(versions)

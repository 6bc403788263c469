"""Lists and counts that were kept up to date say the same as those which are made anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from random import Random
from typing import Any, get_args

import pytest

from dataflow_core import checks
from dataflow_core.errors import UsageError
from dataflow_core.models import ReviewStatus
from dataflow_core.storage import columns
from dataflow_core.storage.queries import DUPLICATE, Query, Sort
from dataflow_core.storage.records import RecordStore
from dataflow_core.workspace import Workspace
from tests.record_makers import make_records, record_at

WORDS = ("apples", "pears", "plums")
CHOSEN = (
    Query(),
    Query(statuses=tuple(ReviewStatus)),
    Query(statuses=(ReviewStatus.ACCEPTED, ReviewStatus.DELETED)),
    Query(reviewers=("Ada",)),
    Query(reasons=("Odd",)),
    Query(tags=("later",)),
    Query(findings=(DUPLICATE,)),
    Query(findings=("maybe-stale", "too-short")),
    Query(is_edited=True),
    Query(text="pears"),
)


def everything(records: RecordStore) -> list[Any]:
    lists = [list(records.numbers(Query(sort=sort))) for sort in get_args(Sort)]
    found = [list(records.numbers(query)) for query in CHOSEN]
    counts = (records.count_by_status, records.count_by_finding, records.count_by_tag, records.count)
    by_facet = [records.count_by(facet, Query()) for facet in ("models", "reviewers", "reasons", "generators")]
    return [*lists, *found, *(count(query) for count, query in product(counts, CHOSEN)), *by_facet]


class Changes:
    """One thing after another that people do."""

    def __init__(self, workspace: Workspace, chance: Random) -> None:
        self.workspace, self.chance = workspace, chance
        self.count = 0
        self.add()

    def add(self) -> None:
        self.count += len(make_records(self.workspace, [self._fields() for _ in range(self.chance.randint(1, 3))]))

    def edit(self) -> None:
        record = record_at(self.workspace, self._any())
        changes = {self.chance.choice(list(record.fields)): self._text()}
        self.workspace.review.edit(record.id, changes, base_revision=record.revision, author="Ada")

    def decide(self) -> None:
        record = record_at(self.workspace, self._any())
        status, reason = self.chance.choice(list(ReviewStatus)), self.chance.choice(("", "Odd"))
        reviewer = self.chance.choice(("Ada", "Bob"))
        self.workspace.review.decide({record.id: record.revision}, status, reviewer=reviewer, reason=reason)

    def tag(self) -> None:
        record = record_at(self.workspace, self._any())
        self.workspace.review.tag(record.id, "later", author="Ada", is_added=self.chance.random() < 0.6)

    def decide_all(self) -> None:
        numbers = self.workspace.records.numbers(Query())
        if numbers:
            status = self.chance.choice(list(ReviewStatus))
            planned = self.workspace.bulk.decide(numbers, status, reviewer="Bob", listed_at=time.time())
            self.workspace.bulk.execute(planned.number)

    def undo(self) -> None:
        try:
            self.workspace.review.undo_last("Ada")
        except UsageError:
            return

    def _any(self) -> int:
        return self.chance.randint(1, self.count)

    def _text(self) -> str:
        return " ".join(self.chance.choices(WORDS, k=2))

    def _fields(self) -> dict[str, Any]:
        return {"atom_task": self._text(), "parallel_task": "Weigh them.", "subsequent_task": self._text()}


@pytest.mark.parametrize("most", [20_000, 2], ids=["few changed", "many changed"])
def test_what_is_kept_up_to_date_is_as_if_made_anew(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(columns, "_MOST_CHANGED", most)
    chance = Random(7)
    changes = Changes(workspace, chance)
    each: tuple[Callable[[], None], ...] = (changes.add, changes.edit, changes.edit, changes.decide, changes.decide)
    each = (*each, changes.tag, changes.decide_all, changes.undo)
    for place in range(40):
        chance.choice(each)()
        assert everything(workspace.records) == everything(RecordStore(workspace.database)), place


def test_another_process_is_seen(workspace: Workspace) -> None:
    make_records(workspace, [{"atom_task": "Count."}, {"atom_task": "Count."}])
    assert workspace.records.count(Query()) == 2
    other = Workspace(workspace.folder)
    other.review.decide({record_at(other, 1).id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    make_records(other, [{"atom_task": "Weigh."}])
    other.close()
    assert workspace.records.count_by_status(Query())[ReviewStatus.ACCEPTED] == 1
    assert list(workspace.records.numbers(Query(sort="newest"))) == [3, 2, 1]


def test_findings_of_newer_checks_are_seen(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    make_records(workspace, [{"atom_task": "", "parallel_task": "Weigh."}])
    before = workspace.records.count_by_finding(Query())
    with workspace.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM findings")
        connection.exec_driver_sql("UPDATE records SET checked = ?", (checks.VERSION + 1,))
    assert before
    assert not workspace.records.count_by_finding(Query())


def test_a_part_that_could_not_be_brought_up_to_date_is_made_anew(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_records(workspace, [{"atom_task": "Count."}, {"atom_task": "Weigh."}])
    assert workspace.records.count(Query(tags=("later",))) == 0
    workspace.review.tag(record_at(workspace, 1).id, "later", author="Ada")

    def broken(*_: object) -> None:
        raise OSError("The disk is gone.")

    with monkeypatch.context() as patch:
        patch.setattr(columns.Columns, "_put_sets", broken)
        with pytest.raises(OSError, match="gone"):
            workspace.records.count(Query())
    assert workspace.records.count(Query(tags=("later",))) == 1


def test_the_values_there_are_to_filter_by(workspace: Workspace) -> None:
    make_records(workspace, [{"intent": name} for name in ("Travel", "", "cooking", "Travel")])
    workspace.review.tag(record_at(workspace, 3).id, "later", author="Ada")
    workspace.review.decide({record_at(workspace, 2).id: 1}, ReviewStatus.DELETED, reviewer="Ada", reason="Odd")
    records = workspace.records
    assert records.values("intents") == ["Travel", "cooking"]
    found = {facet: records.values(facet) for facet in ("models", "reviewers", "reasons", "tags")}
    assert found == {"models": ["m"], "reviewers": ["Ada"], "reasons": ["Odd"], "tags": ["later"]}


def test_changes_are_seen_after_the_clock_was_set_back(workspace: Workspace) -> None:
    make_records(workspace, [{"atom_task": "Count."}, {"atom_task": "Weigh."}])
    with workspace.database.write() as connection:
        connection.exec_driver_sql("UPDATE records SET updated_at = updated_at + 3600")
    assert workspace.records.count_by_status(Query())[ReviewStatus.ACCEPTED] == 0
    workspace.review.decide({record_at(workspace, 1).id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    assert workspace.records.count_by_status(Query())[ReviewStatus.ACCEPTED] == 1

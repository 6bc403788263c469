"""What an export reads: the version that a present one was preferred to, and provenance."""

from __future__ import annotations

from dataclasses import replace

from dataflow_core.checks.digest import digest_of
from dataflow_core.exporters.base import Content
from dataflow_core.exporting.reading import reading
from dataflow_core.models import Fields, ReviewStatus, RevisionKind
from dataflow_core.storage.writing import revise
from dataflow_core.workspace import Workspace
from tests.exporting.records import OWN, TASKS, plan, put, task
from tests.support import answer_relations, execute, plan_tasks


def pair(text: str) -> Fields:
    return {"question": "Why?", "answer": text}


def contents(workspace: Workspace, format_name: str = "preference") -> list[Content]:
    with reading(workspace.database, plan(format=format_name)) as reader:
        return [content for chunk in reader.chunks() for content in chunk.contents]


def add(workspace: Workspace, kind: RevisionKind, fields: Fields) -> None:
    (record,) = workspace.records.page([1])
    with workspace.database.write() as connection:
        digest = digest_of(OWN, fields, {})
        revise(connection, record, fields, kind=kind, author="x", digest=digest, action=None)


def refused_after(workspace: Workspace, *versions: tuple[RevisionKind, str]) -> str | None:
    for kind, text in versions:
        add(workspace, kind, pair(text))
    (content,) = contents(workspace)
    return None if content.refused is None else str(content.refused["answer"])


EDITED, RESTORED, REGENERATED = RevisionKind.EDITED, RevisionKind.RESTORED, RevisionKind.REGENERATED


def test_a_record_as_it_was_made_was_preferred_to_nothing(workspace: Workspace) -> None:
    put(workspace, [pair("made")], OWN)
    assert refused_after(workspace) is None


def test_an_edit_was_preferred_to_what_the_model_made_however_often_it_was_edited(workspace: Workspace) -> None:
    put(workspace, [pair("made")], OWN)
    assert refused_after(workspace, (EDITED, "one"), (EDITED, "two")) == "made"


def test_what_was_written_again_was_preferred_to_what_it_took_the_place_of(workspace: Workspace) -> None:
    put(workspace, [pair("made")], OWN)
    assert refused_after(workspace, (EDITED, "one"), (REGENERATED, "again")) == "one"
    assert refused_after(workspace, (EDITED, "mine")) == "again"


def test_what_was_undone_was_preferred_to_nothing_and_what_was_restored_to_what_it_was_before(
    workspace: Workspace,
) -> None:
    put(workspace, [pair("made")], OWN)
    assert refused_after(workspace, (EDITED, "one"), (RESTORED, "made")) is None
    assert refused_after(workspace, (RESTORED, "one")) == "made"
    assert refused_after(workspace, (REGENERATED, "again"), (RESTORED, "again")) == "one"


def test_an_edit_back_to_the_model_s_own_words_is_no_pair(workspace: Workspace) -> None:
    put(workspace, [pair("made")], OWN)
    assert refused_after(workspace, (EDITED, "one"), (EDITED, "made")) is None


def test_provenance_says_where_a_record_came_from_and_what_became_of_it(workspace: Workspace) -> None:
    run = plan_tasks(workspace, ["Boil an egg.", "Paint a wall."])
    execute(workspace, run, answer_relations)
    first, second = workspace.records.stream(plan().query)
    workspace.review.decide({second.id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada", reason="Good")
    workspace.bulk.execute(workspace.bulk.tag([second.number], "keep", author="Ada").number)
    (_, content) = contents(workspace, "parquet")
    about = content.about
    expected = {"id": second.id, "run": run.id, "input": 1, "model": "scripted", "status": "accepted", "reason": "Good"}
    assert expected.items() <= about.items()
    assert (about["reviewer"], about["tags"], about["revision"]) == ("Ada", ["keep"], 1)
    assert about["prompt_version"] == run.prompt_version
    assert about["created_at"].endswith("+00:00")
    assert content.params == run.params
    assert first.id != second.id


def test_records_come_in_the_order_that_is_asked_for(workspace: Workspace) -> None:
    put(workspace, [task(text) for text in ("aa", "b", "cccc", "ddd")], TASKS)
    query = replace(plan().query, sort="longest")
    with reading(workspace.database, plan(query=query)) as reader:
        found = [content.fields["atom_task"] for chunk in reader.chunks() for content in chunk.contents]
    assert found == ["cccc", "ddd", "aa", "b"]

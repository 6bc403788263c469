"""Existing dialogues answered anew: the user's turns stay, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dataflow_core.errors import UsageError
from dataflow_core.models import EMBEDDED, Fields, InputState, Prompt, RunState
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, execute

DIALOGUE: Fields = {
    "category": "Ways",
    "conversation": [
        {"role": "user", "value": "Where is the harbour?"},
        {"role": "assistant", "value": "No idea."},
        {"role": "user", "value": "Und wo ist der Bahnhof?"},
        {"role": "assistant", "value": "Keine Ahnung."},
    ],
    "system": "Answer like a pirate.",
    "source": 7,
}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "workspace", create=True)
    yield opened
    opened.close()


def answers(prompt: Prompt) -> str:
    return json.dumps({"answers": ["Down the hill, arr.", "Hinter dem Markt, arr."]})


def test_the_users_turns_the_system_turn_and_all_else_are_kept(workspace: Workspace) -> None:
    run = workspace.plan_answers([DIALOGUE], endpoint=ENDPOINT)
    seen: list[Prompt] = []

    def reply(prompt: Prompt) -> str:
        seen.append(prompt)
        return answers(prompt)

    execute(workspace, run, reply)
    (record,) = workspace.records.page(workspace.records.numbers(Query(runs=(run.id,))))
    turns = DIALOGUE["conversation"]
    assert record.fields == DIALOGUE | {
        "conversation": [
            turns[0],
            turns[1] | {"value": "Down the hill, arr."},
            turns[2],
            turns[3] | {"value": "Hinter dem Markt, arr."},
        ]
    }
    (prompt,) = seen  # one call: nothing is asked for the questions
    told = prompt.messages[0].content
    assert "Answer like a pirate." in told
    assert "the language of the user's messages" in told
    assert "Where is the harbour?" in prompt.messages[-1].content
    assert workspace.runs.get(run.id).state is RunState.FINISHED


def test_a_small_model_answers_turn_by_turn(workspace: Workspace) -> None:
    run = workspace.plan_answers([DIALOGUE], endpoint=replace(EMBEDDED, name="small"))
    seen: list[Prompt] = []

    def reply(prompt: Prompt) -> str:
        seen.append(prompt)
        return f"This is answer number {len(seen)} about ways."

    execute(workspace, run, reply)
    (record,) = workspace.records.page(workspace.records.numbers(Query(runs=(run.id,))))
    said = [turn["value"] for turn in record.fields["conversation"]]
    assert said[::2] == ["Where is the harbour?", "Und wo ist der Bahnhof?"]
    assert said[1] == "This is answer number 1 about ways."
    assert seen[0].messages[0].content.startswith("Answer like a pirate.")


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        ([{"role": "assistant", "value": "Hello"}], "no turn by the user"),
        ([{"role": "user", "value": " "}, {"role": "assistant", "value": "Hello"}], "turn 1 is empty"),
    ],
)
def test_a_dialogue_that_cannot_be_answered_fails_with_the_reason(
    workspace: Workspace, turns: list[Fields], says: str
) -> None:
    run = workspace.plan_answers([DIALOGUE | {"conversation": turns}, DIALOGUE], endpoint=ENDPOINT)
    execute(workspace, run, answers)
    (failure,) = workspace.runs.failures(run.id)
    assert says in failure.reason
    assert workspace.runs.progress(run.id).done == 1
    blank = workspace.blank(workspace.runs.get(run.id), failure)
    assert {turn["value"].strip() for turn in blank["conversation"]} == {""}  # for a person to write


def test_without_dialogues_there_is_nothing_to_answer(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="no dialogue"):
        workspace.plan_answers([], endpoint=ENDPOINT)


def test_the_dialogues_of_an_import_are_answered_anew_beside_it(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text(json.dumps(DIALOGUE) + "\n", encoding="utf-8")
    found = workspace.imports.recognise(path, path.name)
    imported = workspace.imports.store(path, path.name, found.mapping)
    assert imported.state is RunState.FINISHED
    records = workspace.records.page(workspace.records.numbers(Query(runs=(imported.id,))))
    run = workspace.plan_answers((record.fields for record in records), endpoint=ENDPOINT)
    execute(workspace, run, answers)
    assert workspace.records.count(Query()) == 2
    assert workspace.runs.count_inputs()[InputState.DONE] == 1

"""What is worth knowing of records that can be imported: counted, and said in sentences."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dataflow_core.importers.base import Checked
from dataflow_core.workspace import Workspace


def checked(workspace: Workspace, rows: list[Any]) -> Checked:
    path = workspace.folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    mapping = workspace.imports.recognise(path, path.name).mapping
    found = workspace.imports.check(path, path.name, mapping)
    run = workspace.imports.store(path, path.name, mapping)
    assert tuple(run.source["notes"]) == found.notes
    return found


def dialogue(roles: str) -> dict[str, Any]:
    names = {"u": "user", "a": "assistant", "s": "system"}
    return {"messages": [{"role": names[role], "content": f"turn {place}"} for place, role in enumerate(roles)]}


def test_dialogues_without_a_last_answer_or_with_two_turns_of_one_side_are_counted(workspace: Workspace) -> None:
    found = checked(workspace, [dialogue(roles) for roles in ("ua", "suaua", "u", "uau", "uuau", "uaa", "ua")])
    assert (found.unanswered, found.doubled) == (3, 2)
    assert found.notes == (
        "3 dialogues end with a turn of the user's, which nobody answers.",
        "2 dialogues have two turns of one side running, which most trainers refuse.",
    )


def test_nothing_is_said_of_dialogues_that_are_as_they_should_be(workspace: Workspace) -> None:
    assert checked(workspace, [dialogue("ua"), dialogue("suaua")]).notes == ()


def test_rows_that_are_no_pairs_are_told_with_their_numbers_and_why(workspace: Workspace) -> None:
    asked, answer = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
    pair = {"chosen": [asked, answer], "rejected": [asked, answer | {"content": "What?"}]}
    apart = {"chosen": [answer], "rejected": [answer | {"content": "What?"}]}
    found = checked(workspace, [pair, apart, pair, *[apart] * 12, pair, {"text": "x"}])
    assert found.not_pairs == 14
    assert found.notes == (
        "13 lines are no preference pairs and cannot be exported as such: lines 2, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 3 "
        "more. It has no prompt: “chosen” and “rejected” do not begin with the same message by a user.",
        "1 line is no preference pair and cannot be exported as such: line 17. It has no “chosen” and “rejected”.",
    )


@pytest.mark.parametrize("rows", [[{"text": "x"}], [{"chosen": True}, {"chosen": False}]])
def test_records_of_ones_own_need_not_be_pairs(workspace: Workspace, rows: list[Any]) -> None:
    assert checked(workspace, rows).not_pairs == 0

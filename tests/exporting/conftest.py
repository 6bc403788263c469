"""Workspaces with records to be exported."""

from __future__ import annotations

import pytest

from dataflow_core.workspace import Workspace
from tests.exporting.records import DIALOGUES, GOOD, OWN, TASKS, dialogue, put, task


@pytest.fixture
def mixed(workspace: Workspace) -> Workspace:
    """Twelve good dialogues, one that nobody ends, a skeleton, two tasks and a record of one's own."""
    put(workspace, [*GOOD, dialogue("Hello?", "Yes?", "Are you there?")], DIALOGUES)
    put(workspace, [dialogue("Nobody has answered this.")], DIALOGUES, stage="skeleton")
    put(workspace, [task("Boil an egg."), task("Paint a wall.")], TASKS)
    put(workspace, [{"question": "Why?", "answer": "Because."}], OWN)
    return workspace

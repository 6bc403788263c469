"""Only one process at a time indexes and checks what an import has left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dataflow_core.reviewing import rechecking
from dataflow_core.storage.alone import alone
from dataflow_core.workspace import Workspace

HOLD = """
import sys
from pathlib import Path
from dataflow_core.storage.alone import alone
from dataflow_core.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
with alone(workspace.database, "recheck") as is_alone:
    print(is_alone, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def left(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with records that are not indexed yet."""
    monkeypatch.setattr("dataflow_core.importers.imports._INDEXED_AT_ONCE", 0)
    monkeypatch.setattr(workspace.imports, "index", lambda: None)
    path = workspace.folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps({'text': f'word{number}'})}\n" for number in range(5)), encoding="utf-8")
    workspace.imports.store(path, path.name, workspace.imports.recognise(path, path.name).mapping)
    return workspace


def test_a_second_one_leaves_the_work_to_the_first_and_takes_it_up_where_that_one_is_gone(left: Workspace) -> None:
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", HOLD, str(left.folder)]
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
    assert first.stdout is not None
    assert first.stdin is not None
    assert first.stdout.readline() == "True\n"
    assert rechecking.recheck(left.database) == 0
    assert left.imports.unindexed() == 5
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdin.close()
    first.stdout.close()
    assert rechecking.recheck(left.database) == 5
    assert left.imports.unindexed() == 0


def test_within_one_process_too_only_one_works(left: Workspace) -> None:
    with alone(left.database, "recheck") as is_alone, alone(left.database, "recheck") as is_alone_too:
        assert (is_alone, is_alone_too) == (True, False)
        assert rechecking.recheck(left.database) == 0
    assert rechecking.recheck(left.database) == 5


def test_what_came_just_before_the_end_of_one_is_done_by_it(left: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    once = rechecking._recheck
    began: list[int] = []

    def another_is_sent_away(database: object) -> int:
        began.append(1)
        assert rechecking.recheck(left.database) == 0
        return 1 if len(began) == 1 else once(left.database)  # the first did something, and left these

    monkeypatch.setattr(rechecking, "_recheck", another_is_sent_away)
    assert rechecking.recheck(left.database) == 6
    assert left.imports.unindexed() == 0

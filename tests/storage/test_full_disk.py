"""A disk that is really full, where the machine lets us have a small one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow_core.errors import DiskFullError
from dataflow_core.models import RunState
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.workspace import Workspace
from tests.support import answer_relations, execute, plan_tasks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("This machine does not allow mounting a small disk.")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_run_on_a_full_disk_pauses_and_goes_on_once_there_is_room(small_disk: Path) -> None:
    workspace = Workspace(small_disk / "workspace", create=True)
    run = plan_tasks(workspace, [f"Task {number}. {'x' * 4_000}" for number in range(800)])
    outcome = execute(workspace, run, ScriptedServing(answer_relations, delay=0.05))
    assert outcome.state is RunState.PAUSED
    assert "disk that holds the workspace is full" in outcome.reason
    assert not list(workspace.folder.glob("reserve*"))
    progress = workspace.runs.progress(run.id)
    assert progress.pending + progress.done == 800
    assert 0 < progress.done < 800

    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - 100_000))
    with pytest.raises(DiskFullError, match="full"):
        workspace.start(run.id)

    (small_disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=150m", small_disk], check=True)
    assert execute(workspace, run, answer_relations).state is RunState.FINISHED
    assert workspace.runs.progress(run.id).done == 800
    workspace.close()

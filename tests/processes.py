"""Waiting for what other processes do, and finding the one that executes a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dataflow_core.models import Run
from dataflow_core.storage.schema import runs
from dataflow_core.workspace import Workspace


def wait_until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def pid_of(workspace: Workspace, run: Run) -> int:
    with workspace.database.read() as connection:
        owner = connection.execute(runs.select().where(runs.c.id == run.id)).mappings().one()["owner"]
    return int(owner["pid"]) if owner else 0

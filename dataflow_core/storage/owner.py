"""Which process executes a run, and whether it still does."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import psutil

#: A process on another machine that has not been heard of for this many seconds is taken for gone.
SILENCE = 60.0


def this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def is_alive(owner: dict[str, Any] | None, heartbeat_at: float | None) -> bool:
    """A process id may be given out again, so its start time has to be the same; a zombie is dead.

    On this machine that decides alone: a process that slept with the machine, or waits for a busy disk, is alive.
    """
    if owner is None or heartbeat_at is None:
        return False
    if owner["host"] != socket.gethostname():
        return time.time() - heartbeat_at < SILENCE
    try:
        process = psutil.Process(owner["pid"])
        same = abs(process.create_time() - owner["started"]) < 1.0
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

"""Which process executes a run, and whether it still does."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from pathlib import Path
from typing import Any

import psutil

#: A process on another machine that has not been heard of for this many seconds is taken for gone.
SILENCE = 60.0


def this_process() -> dict[str, Any]:
    return dict(_described(os.getpid()))


@cache
def _described(pid: int) -> tuple[tuple[str, Any], ...]:
    return ("host", socket.gethostname()), ("pid", pid), ("started", _started(pid))


def _started(pid: int) -> float:
    """When the process began, by a clock that nobody can set. Raises `psutil.NoSuchProcess`."""
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]  # since the machine's start
        return float(ticks)
    except (OSError, IndexError, ValueError):
        return float(psutil.Process(pid).create_time())


def is_alive(owner: dict[str, Any] | None, heartbeat_at: float | None) -> bool:
    """A process id may be given out again, so its start time has to be the same; a zombie is dead.

    On this machine that decides alone: a process that slept with the machine, or waits for a busy disk, is alive.
    """
    if owner is None or heartbeat_at is None:
        return False
    if owner["host"] != socket.gethostname():
        return time.time() - heartbeat_at < SILENCE
    try:
        is_same = abs(_started(owner["pid"]) - owner["started"]) < 1.0
        return bool(is_same and psutil.Process(owner["pid"]).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

"""What is not whole yet: named so that it is known for that, and locked for as long as somebody writes it.

The system lets go of a lock when its process ends, however that ends, and a lock is seen from every container that
shares the disk; a process's number is not, and another process may have the same.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import psutil

_PARTIAL = re.compile(r"^\..*\.[0-9a-f]{8}\.([0-9]{1,9})\.partial$", re.DOTALL)
#: Seconds after which what cannot be locked, as on some network disks, is taken for left behind.
_OLD = 86_400.0


def partial_name(target: Path) -> Path:
    """Where `target` stands until it is whole: another place each time, for two threads may write the same one."""
    return target.with_name(f".{target.name}{partial_end()}")


def partial_end() -> str:
    return f".{secrets.token_hex(4)}.{os.getpid()}.partial"


def new_file(path: Path, *, is_buffered: bool = False) -> BinaryIO:
    """A new file to write to, which nobody clears away until it is closed. Raises `FileExistsError`."""
    while True:
        file = path.open("xb", buffering=-1 if is_buffered else 0)
        if _is_held(file.fileno(), path):
            return file
        file.close()


@contextmanager
def held_folder(path: Path) -> Iterator[Path]:
    """A new folder, which nobody clears away until the end of the block. Raises `FileExistsError`."""
    while True:
        path.mkdir()
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if _is_held(descriptor, path):
                yield path
                return
        finally:
            os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep what is there from being cleared away, also under another name, until the end of the block."""
    with ExitStack() as stack:
        with suppress(OSError):  # where it cannot be read, others cannot clear it away either
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def clean_up(folder: Path) -> None:
    """Remove what exports have left in the folder whose processes were killed."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if found := _PARTIAL.match(path.name):
            _clear(path, int(found[1]))


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _clear(path: Path, process: int) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # another user's, or gone
        return
    try:
        if _is_left(descriptor, process):
            remove(path)  # still locked: who has just made it waits, and then sees that it is gone
    finally:
        os.close(descriptor)


def _is_left(descriptor: int, process: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return not psutil.pid_exists(process) and time.time() - os.fstat(descriptor).st_mtime > _OLD
    return True


def _is_held(descriptor: int, path: Path) -> bool:
    """Lock what is open; False where it was cleared away before."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:  # no locks on this disk
        return True
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False

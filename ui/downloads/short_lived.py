"""Files of a workspace that are wanted for a while only: each in a folder of its own, cleared away after a day."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_KEPT_FOR = 86_400.0  # seconds


def new_place(folder: Path) -> Path:
    """A new folder within `folder`, in which what is older is cleared away. Raises `OSError`."""
    folder.mkdir(exist_ok=True)
    for one in folder.iterdir():
        with suppress(OSError):
            if time.time() - one.stat().st_mtime > _KEPT_FOR:
                shutil.rmtree(one, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=folder))

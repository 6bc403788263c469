"""Starting processes of our own that outlive the one which starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path


def start(arguments: Sequence[str], *, log: Path, environ: Mapping[str, str] | None = None) -> None:
    """Run `python -m dataflow_core` with these arguments; what it says goes to the end of the file `log`."""
    log.parent.mkdir(exist_ok=True)
    own = dict(os.environ if environ is None else environ)
    own["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent.parent), *filter(None, [own.get("PYTHONPATH")])])
    with log.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603  a command of our own making
            [sys.executable, "-m", "dataflow_core", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env=own,
        )
    # Someone has to take note of its end, or it stays in the process table for as long as this one lives.
    threading.Thread(target=process.wait, daemon=True).start()

"""Runs a command and says what it took: `python -m benchmarks.launcher SECONDS LOG COMMAND …` prints JSON.

A small process does this because a child's peak memory begins with what its parent had: Linux counts the copy of
the parent that a child is before it becomes the command. After so many seconds the command is killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time


def main() -> None:
    deadline, log, *command = sys.argv[1:]
    started = time.time()
    with open(log, "ab") as output:  # noqa: PTH123  pathlib would make this process larger
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    timer = threading.Timer(float(deadline), process.kill)
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    print(
        json.dumps(
            {
                "status": process.returncode,
                "started": started,
                "cpu": usage.ru_utime + usage.ru_stime,
                "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            }
        )
    )


if __name__ == "__main__":
    main()

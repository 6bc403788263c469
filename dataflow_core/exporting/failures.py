"""The failures of a run as a file."""

from __future__ import annotations

import json
from pathlib import Path

from dataflow_core.exporting.files import write_lines
from dataflow_core.models import Stage
from dataflow_core.storage.runs import RunStore


def write_failures(runs: RunStore, run_id: str, path: Path) -> int:
    """Write the run's failures and the lines that could not be read, one JSON object a line; returns how many.

    Where there are none no file is written, and one from before is removed.
    """
    unreadable = [line for line in runs.source_lines(run_id, limit=None) if line.kind == "unreadable"]
    lines = [
        {"line": line.line, "input": line.text, "stage": Stage.INPUT, "reason": line.reason, "raw_text": ""}
        for line in unreadable
    ]
    lines += [
        {"input": failure.fields, "stage": failure.stage, "reason": failure.reason, "raw_text": failure.raw_text}
        for failure in runs.failures(run_id, limit=None)
    ]
    if lines:
        return write_lines(path, (json.dumps(line, ensure_ascii=False) for line in lines))
    path.unlink(missing_ok=True)
    return 0

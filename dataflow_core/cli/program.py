"""From the words on the command line to the verb that they name."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence

from dataflow_core.cli import controlling, generating
from dataflow_core.cli.arguments import parser
from dataflow_core.cli.bundles import exports, push
from dataflow_core.cli.executing import OTHER, USAGE, workspace_of
from dataflow_core.cli.exports import export
from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.launch import launch_app


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when every input to be tried became a record, 3 when some failed, 2 for a usage
    error, 4 when a pipeline waits for a review, else 1.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not know every character of a name
    options = parser().parse_args(arguments)
    try:
        status = _VERBS[options.verb](options)
    except UsageError as error:
        return _complain(error, USAGE)
    except DataflowError as error:
        return _complain(error, OTHER)
    except (BrokenPipeError, KeyboardInterrupt):
        return OTHER
    return status


def _complain(error: DataflowError, status: int) -> int:
    print(f"dataflow_core: {error}", file=sys.stderr)
    return status


_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "paraseq": generating.paraseq,
    "chat": generating.chat,
    "custom": generating.custom,
    "save": generating.save_run,
    "again": generating.again,
    "pipeline": generating.pipeline,
    "import": generating.import_dataset,
    "run": controlling.run,
    "action": controlling.action,
    "worker": controlling.worker,
    "recheck": controlling.look_again,
    "resume": controlling.resume,
    "pause": controlling.pause,
    "cancel": controlling.cancel,
    "workers": controlling.workers,
    "status": controlling.status,
    "runs": controlling.runs,
    "export": lambda options: export(workspace_of(options), options),
    "exports": lambda options: exports(lambda: workspace_of(options), options),
    "push": push,
    "app": lambda options: launch_app(options.port, open_browser=options.open_browser),
}

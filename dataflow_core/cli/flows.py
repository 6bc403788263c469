"""The command line's verbs for files that say what runs are to be: saved runs and pipelines."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dataflow_core.cli.arguments import budget_of, changed_endpoint
from dataflow_core.flows.pipeline_files import PipelineFile
from dataflow_core.flows.pipelines import Execute
from dataflow_core.flows.saved_runs import SavedRun, load_run, plan_saved, save_run
from dataflow_core.models import Endpoint, Run
from dataflow_core.serving.keys import base_url_of, key_source
from dataflow_core.workspace import Workspace

#: Exit status.
WAITS = 4


def save(workspace: Workspace, options: argparse.Namespace) -> int:
    path = save_run(workspace, options.id, options.output)
    print(f"{workspace.runs.get(options.id).name} is saved in {path}. Run it again with: {_again_command(path)}")
    return 0


def read_again(options: argparse.Namespace) -> SavedRun:
    return load_run(Path(options.input))


def plan_again(workspace: Workspace, saved: SavedRun, options: argparse.Namespace) -> Run:
    """Plan the saved run and say that it is about to be taken up, and whom it calls."""
    changed = changed_endpoint(options, saved.endpoint)
    budget = budget_of(options, changed or saved.endpoint, saved.budget)
    run = plan_saved(workspace, saved, changed, other_prompts=options.other_prompts)
    # Its own endpoint, not the one that the workspace has under that name.
    workspace.runs.enqueue(run.id, limit=options.limit, endpoint=run.endpoint, budget=budget)
    if options.max_workers:
        workspace.runs.set_workers(run.id, options.max_workers)
    if not options.quiet:
        print(f"{len(saved.inputs):,} inputs from {saved.file}. {called(run.endpoint)}", file=sys.stderr)
    return run


def run_file(pipeline: PipelineFile, workspace: Workspace, execute: Execute) -> int:
    """Returns the exit status: that of runs, and 4 where the pipeline waits for a review."""

    def say_and_execute(opened: Workspace, run: Run) -> object:
        print(called(opened.runs.get(run.id).endpoint))
        return execute(opened, run)

    outcome = pipeline.run(workspace, execute=say_and_execute, say=print)
    print(outcome.sentence)
    if outcome.failures:
        print(f"{outcome.failures:,} inputs failed: see the runs {', '.join(run[-4:] for run in outcome.runs)}.")
    return {"waiting": WAITS, "stopped": 1}.get(outcome.state, 3 if outcome.failures else 0)


def called(endpoint: Endpoint) -> str:
    """Say whom the calls go to, and with which key: a file may come from somebody else."""
    if endpoint.kind == "embedded":
        return "They are for the embedded model."
    key = key_source(endpoint)
    which = f"with the key in {key}" if key else "without a key"
    return f"They go to {endpoint.model} at {base_url_of(endpoint)}, {which}."


def _again_command(path: Path) -> str:
    return f"python -m dataflow_core again {path} -o OUT.jsonl"

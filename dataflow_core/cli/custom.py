"""The command line's verb `custom`: a run by a recipe, from a file or by its name."""

from __future__ import annotations

import argparse
from pathlib import Path

from dataflow_core.cli.arguments import few_shot_of
from dataflow_core.errors import UsageError
from dataflow_core.flows.named_recipes import recipe_named
from dataflow_core.models import Endpoint, Run
from dataflow_core.readers import Table, read_table
from dataflow_core.workspace import Workspace


def plan_custom(workspace: Workspace, options: argparse.Namespace, endpoint: Endpoint) -> Run:
    """Store the run. Raises `UsageError` for a recipe or a table that cannot be used."""
    table = _table(options.input)
    recipe = recipe_named(options.recipe, workspace)
    if Path(options.recipe).resolve() == Path(options.output).resolve():
        raise UsageError(f"{options.recipe} is the recipe, and would be overwritten. Choose another output.")
    if table is None and options.count is None:
        raise UsageError("Say how many records to make, with --count N.")
    return workspace.plan_custom(
        recipe,
        endpoint=endpoint,
        count=options.count,
        temperature=options.temperature,
        seed=options.seed,
        inputs=None if table is None else [entry.fields for entry in table.entries],
        few_shot=few_shot_of(options),
    )


def _table(named: str) -> Table | None:
    if not named:
        return None
    path = Path(named)
    try:
        return read_table(path.read_bytes(), path.name)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error

"""The command line's verb `custom`: a run by a recipe, from a file or by its name."""

from __future__ import annotations

import argparse
from pathlib import Path

from dataflow_core.arguments import few_shot_of
from dataflow_core.errors import UsageError
from dataflow_core.models import CustomRecipe, Endpoint, Run
from dataflow_core.readers import Table, read_table
from dataflow_core.recipes import builtin_recipes, recipe_from_yaml
from dataflow_core.workspace import Workspace


def plan_custom(workspace: Workspace, options: argparse.Namespace, endpoint: Endpoint) -> Run:
    """Store the run. Raises `UsageError` for a recipe or a table that cannot be used."""
    table = _table(options.input)
    recipe = _recipe(workspace, options.recipe, Path(options.output))
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


def _recipe(workspace: Workspace, named: str, output: Path) -> CustomRecipe:
    """A file is meant wherever there is one. Whether something stands for each name is seen when it is planned."""
    path = Path(named)
    if path.is_file():
        if path.resolve() == output.resolve():
            raise UsageError(f"{path} is the recipe, and would be overwritten. Choose another output.")
        return recipe_from_yaml(_text(path), columns=None)
    known = {recipe.name.casefold(): recipe for recipe in (*builtin_recipes(), *workspace.recipes.all())}
    if (recipe := known.get(named.casefold())) is not None:
        return recipe
    names = "\n  ".join(recipe.name for recipe in known.values())
    raise UsageError(f"There is neither a file nor a recipe {named!r}. The recipes are:\n  {names}")


def _table(named: str) -> Table | None:
    if not named:
        return None
    path = Path(named)
    try:
        return read_table(path.read_bytes(), path.name)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text in UTF-8.") from error

"""The recipe that a person means: a file where there is one of that name, else one that is known by its name."""

from __future__ import annotations

from pathlib import Path

from dataflow_core.errors import UsageError
from dataflow_core.models import CustomRecipe
from dataflow_core.planning.recipes import builtin_recipes, recipe_from_yaml
from dataflow_core.workspace import Workspace


def recipe_named(named: str | Path, workspace: Workspace, *, folder: Path = Path()) -> CustomRecipe:
    """Raises `UsageError` where it is neither, and for a file that cannot be read.

    Whether something stands for each name in its instruction is seen when it is planned.
    """
    path = folder / named
    if path.is_file():
        return recipe_from_yaml(_text(path), columns=None)
    known = {recipe.name.casefold(): recipe for recipe in (*builtin_recipes(), *workspace.recipes.all())}
    if (found := known.get(str(named).casefold())) is None:
        names = ", ".join(recipe.name for recipe in known.values())
        raise UsageError(f"There is neither a file {path} nor a recipe {str(named)!r}. The recipes are: {names}.")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text in UTF-8.") from error

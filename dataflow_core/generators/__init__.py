"""The generators, by the name that runs and records are labelled with."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature

from dataflow_core.errors import UsageError
from dataflow_core.generators.base import Generator
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.generators.rewrite import RewriteGenerator
from dataflow_core.models import Fields, Recipe

#: Those that make records.
GENERATORS = {
    generator.name: generator for generator in (ParaSeqTaskGenerator, ConsistentChatGenerator, CustomGenerator)
}


def build_generator(name: str, params: Fields, *, recipe: Recipe) -> Generator:
    """The generator of a stored run. Params that its class does not take describe the plan and are left aside.

    Raises `UsageError` for a name that is not known, and for a class that only a script has.
    """
    if name == CustomGenerator.name:
        return CustomGenerator.of(params, recipe=recipe)
    generator: Callable[..., Generator] | None = GENERATORS.get(name)
    if name == RewriteGenerator.name:
        generator = RewriteGenerator
    if generator is None:
        raise UsageError(f"This version of Dataflow Studio has no generator {name!r}.")
    taken = signature(generator).parameters
    return generator(recipe=recipe, **{key: value for key, value in params.items() if key in taken})

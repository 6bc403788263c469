"""What the records of a generator are called, and the files of an export."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dataflow_core.errors import UsageError
from dataflow_core.exporting.plan import Compression
from dataflow_core.generators import GENERATORS

_PLAIN = re.compile(r"[^a-z0-9_-]")
_UNFIT = re.compile(r"[/\\\0]")


def label(generator: str) -> str:
    """What a person calls the generator's records: "tasks", "dialogues"."""
    return GENERATORS[generator].label if generator in GENERATORS else generator.lower()


def names_of(generators: Sequence[str]) -> dict[str, str]:
    """What a file of each is called; those of one label are told apart by the generator's name."""
    labels = {one: label(one) for one in generators}
    shared = {name for name in labels.values() if list(labels.values()).count(name) > 1}
    return {one: _PLAIN.sub("_", (one if name in shared else name).lower()) for one, name in labels.items()}


def suffix_of(suffix: str, compression: Compression) -> str:
    """The end of a file's name. Raises `UsageError` where files of that suffix are not compressed as a whole."""
    if compression and suffix == ".parquet":
        raise UsageError("Parquet files are compressed inside already: leave out the compression.")
    return f"{suffix}.{compression}" if compression else suffix


def check_name(name: str) -> str:
    """The name of an export, which becomes one of files. Raises `UsageError`."""
    name = name.strip()
    if not name or _UNFIT.search(name) or name.startswith(".") or len(name.encode()) > 150:
        raise UsageError(f"{name!r} cannot be the name of an export: it has to fit into the names of files.")
    return name

"""What the records of a generator are called, and the files of an export."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from dataflow_core.errors import UsageError
from dataflow_core.exporting.plan import Compression
from dataflow_core.generators import GENERATORS

_PLAIN = re.compile(r"[^a-z0-9_-]")
#: Where a trainer or the Hub is told of a file, stars and brackets would stand for other files.
_UNFIT = re.compile(r"[/\\*?\[\]\x00-\x1f\x7f]")
_LONGEST = 150


def label(generator: str) -> str:
    """What a person calls the generator's records: "tasks", "dialogues"."""
    return GENERATORS[generator].label if generator in GENERATORS else generator.lower()


def file_in_words(generator: str, split: str) -> str:
    """What a person calls the file of these records; `split` is "" where there is one for all."""
    return f"the {split} file of the {label(generator)}" if split else f"the file of the {label(generator)}"


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
    if not name or _UNFIT.search(name) or name.startswith(".") or len(name.encode()) > _LONGEST:
        raise UsageError(
            f"{name!r} cannot be the name of an export: it has to fit into the names of files, so without any of "
            r"/ \ * ? [ ] and without a dot at its beginning."
        )
    return name


def default_name(workspace: str, at: datetime) -> str:
    """A name for an export that has none: the workspace's, as far as it fits, and the time."""
    time = f"-{at:%Y-%m-%d-%H%M%S}"
    fit = _UNFIT.sub("_", workspace).lstrip(". ").encode()[: _LONGEST - len(time)].decode(errors="ignore")
    return f"{fit or 'export'}{time}"

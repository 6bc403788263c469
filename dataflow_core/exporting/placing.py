"""Giving several files their names at once, and knowing which of those that are there are our own."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import product
from pathlib import Path

from dataflow_core.errors import UsageError
from dataflow_core.exporting.files import check_replaceable, write_lines
from dataflow_core.exporting.leftovers import held, partial_name, remove
from dataflow_core.exporting.names import names_of
from dataflow_core.generators import GENERATORS

_SPLITS = ("train", "validation", "test")
_HEAD = 4096
_LISTED = re.compile(rb'\{"record": ?"[^\n]*"reasons": ?\[\{"rule": ?"')
#: Files that are remembered; of older ones it is not known any more whose they are.
_MOST = 2_000


def place(made: Sequence[tuple[Path, Path]], stale: Iterable[Path] = ()) -> None:
    """Rename each first path to its second, in place of what is there, and remove what is stale.

    Where one of that fails all is put back as it was. Raises `UsageError` where something else than a file is in the
    way, and `OSError`.
    """
    for _, target in made:
        check_replaceable(target)
    with ExitStack() as stack:
        kept: dict[Path, Path] = {}
        placed: list[Path] = []
        try:
            for target in [target for _, target in made if target.exists()]:
                kept[target] = _kept(target, stack)
            for partial, target in made:
                partial.replace(target)
                placed.append(target)
            for path in stale:
                kept[path] = _kept(path, stack)
                path.unlink(missing_ok=True)
        except BaseException:
            _put_back(kept, placed)
            raise
        for copy in kept.values():
            remove(copy)


def _kept(path: Path, stack: ExitStack) -> Path:
    """The same file under another name, by which it is put back."""
    copy = partial_name(path)
    stack.enter_context(held(path))
    try:
        os.link(path, copy)
    except OSError:  # a disk without second names: for a moment there is none
        path.rename(copy)
    return copy


def _put_back(kept: Mapping[Path, Path], placed: Iterable[Path]) -> None:
    for target in placed:
        if target not in kept:
            remove(target)
    for target, copy in kept.items():
        with suppress(OSError):
            copy.replace(target)
        remove(copy)  # two names of one file: the system leaves both


class Written:
    """Which files were written for which one that was asked for, and how they were left: kept in `path`, as JSON."""

    def __init__(self, path: Path | None) -> None:
        self._path = path  # None where there is no place to remember it

    def of(self, asked: Path) -> list[Path]:
        """The files that were written when `asked` was asked for, as far as they are still there as they were."""
        return [Path(name) for name, known in self._known().items() if known[0] == str(asked) and _is_as(name, known)]

    def note(self, asked: Path, files: Iterable[Path]) -> None:
        """Remember that these are there now. What cannot be remembered is nobody's."""
        if self._path is None:
            return
        known = {name: noted for name, noted in self._known().items() if noted[0] != str(asked)}
        for path in files:
            about = path.stat()
            known[str(path)] = (str(asked), about.st_size, about.st_mtime_ns)
        newest = dict(list(known.items())[-_MOST:])
        with suppress(UsageError, OSError):
            write_lines(self._path, [json.dumps(newest)])

    def _known(self) -> dict[str, tuple[str, int, int]]:
        if self._path is None:
            return {}
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(name): (str(asked), int(size), int(at)) for name, (asked, size, at) in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


class Beside:
    """The files of one export beside each other, when `asked` is asked for; the names of all begin with `stem`."""

    def __init__(self, asked: Path, stem: str, suffix: str, splits: Sequence[str], written: Written) -> None:
        self._asked = asked.absolute()
        self._stem, self._suffix, self._splits = stem, suffix, splits
        self._written = written
        self._earlier = written.of(self._asked)

    def check_others(self) -> None:
        """Look for what would stand in the way of any export of these splits, before records are gone through.

        Raises `UsageError`.
        """
        self._check([split for split in _SPLITS if split not in self._splits], ())

    def place(self, made: Sequence[tuple[Path, Path]], left_out: Path) -> list[Path]:
        """Rename each first path to its second, and remove what is left of earlier exports to the same place.

        Returns what was removed.
        `left_out` is where this export's list of what is left out is, or would be. Raises `UsageError` and `OSError`.
        """
        new = {target.absolute() for _, target in made}
        self._check(_SPLITS, new)
        stale = {path for path in self._earlier if path not in new}
        if left_out.absolute() not in new and _is_left_out_list(left_out):
            stale.add(left_out.absolute())
        place(made, stale)
        self._written.note(self._asked, new)
        return sorted(stale)

    def _check(self, splits: Iterable[str], new: Collection[Path]) -> None:
        """Raises `UsageError` where a file that is neither new nor ours is called as one of these splits would be."""
        for path in self._of_splits(splits) if len(self._splits) > 1 else ():
            if path.exists() and path not in new and path not in self._earlier:
                raise UsageError(
                    f"{path} would be taken for a split of this export, and it is not known whose it is: it was not "
                    "written from this workspace, or was changed since. Move it away, or choose another name."
                )

    def _of_splits(self, splits: Iterable[str]) -> Iterator[Path]:
        for name, split in product(("", *names_of(list(GENERATORS)).values()), splits):
            yield self._asked.with_name("_".join(filter(None, (self._stem, name, split))) + self._suffix)


def _is_left_out_list(path: Path) -> bool:
    """Whether the file, as its first line says, is one that an export has written of what it left out."""
    try:
        with path.open("rb") as raw:
            head = raw.read(_HEAD)
        if path.suffix == ".gz":
            head = zlib.decompressobj(wbits=31).decompress(head)
        return _LISTED.match(head) is not None
    except (OSError, zlib.error):
        return False


def _is_as(name: str, known: tuple[str, int, int]) -> bool:
    with suppress(OSError):
        about = Path(name).stat()
        return Path(name).is_file() and (about.st_size, about.st_mtime_ns) == known[1:]
    return False

"""Files that are there whole or not at all: written under another name, then renamed."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from dataflow_core.errors import DiskFullError, UsageError
from dataflow_core.exporting.leftovers import clean_up, held_folder, new_file, partial_name, remove
from dataflow_core.exporting.plan import Compression

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def new_folder(folder: Path, name: str) -> Iterator[Path]:
    """A hidden folder to write into, which becomes `folder`/`name` at the end of the block, or is removed.

    Raises `UsageError` where there is something of that name already, and where it cannot be written.
    """
    target = folder / name
    with clear_errors(target):
        is_there = target.exists()
    if is_there:
        raise UsageError(f"{target} is there already. Choose another name.")
    partial = partial_name(target)
    with clear_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        clean_up(folder)
        with held_folder(partial):
            try:
                yield partial
                sync_folder(partial)
                partial.rename(target)
                sync_folder(folder)
            finally:
                remove(partial)


@contextmanager
def clear_errors(target: Path) -> Iterator[None]:
    """Raises `DiskFullError` and `UsageError` for what the system says."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError(f"The disk is full: {target} was not written. Free some space, then export.") from error
        raise UsageError(f"{target} cannot be written: {error.strerror or error}.") from error


class WrittenFile(io.RawIOBase):
    """A file to write to that counts and hashes its bytes, compressed where it is to be. `finish` makes it last."""

    def __init__(self, path: Path, compression: Compression = "") -> None:
        super().__init__()
        self.path = path
        self.bytes = 0
        self._hash = hashlib.sha256()
        self._file = new_file(path)
        self._is_given_up = False
        self._compressor: BinaryIO | None = None
        try:
            self._compressor = _compressor(cast(BinaryIO, self), compression)
        except OSError:  # it writes something at once
            self.close()
            remove(path)
            raise
        self.stream: BinaryIO = self._compressor or cast(BinaryIO, self)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        with memoryview(data).cast("B") as view:
            if self._is_given_up:
                return len(view)
            self._hash.update(view)
            left = view
            while len(left):
                left = left[self._file.write(left) or 0 :]
            self.bytes += len(view)
            return len(view)

    def tell(self) -> int:
        return self.bytes

    def finish(self) -> None:
        """All that was written lasts through a power cut from now on. Until it is closed nobody clears it away."""
        if self._compressor is not None:
            self._compressor.close()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file, which is whole only if it was finished before."""
        if not self.closed:
            self._is_given_up = True
            if self._compressor is not None:
                with suppress(OSError, ValueError):  # it may have more to write, which nobody wants
                    self._compressor.close()
            self._file.close()
        super().close()


def sync_folder(folder: Path) -> None:
    """Make the names in it last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_lines(target: Path, lines: Iterable[str]) -> int:
    """Write the lines to a temporary file, then rename it; returns how many there are.

    Raises `UsageError` where that place cannot be written to, and `DiskFullError`.
    """
    count = 0
    with new_lines(target) as write:
        for line in lines:
            write(line)
            count += 1
    return count


@contextmanager
def new_lines(target: Path) -> Iterator[Callable[[str], None]]:
    """What writes a line to a temporary file, which is renamed at the end of the block, or removed.

    Raises what `write_lines` does.
    """
    check_replaceable(target)
    with clear_errors(target):
        target = target.resolve()
        partial = partial_name(target)
        try:
            with io.TextIOWrapper(new_file(partial, is_buffered=True), encoding="utf-8", newline="\n") as file:
                yield lambda line: print(line, file=file)
                file.flush()
                os.fsync(file.fileno())
                partial.replace(target)
        finally:
            remove(partial)


def check_replaceable(target: Path) -> None:
    """Raises `UsageError` where something else than a file has the name."""
    with clear_errors(target):
        is_other = target.exists() and not target.is_file()
    if is_other:
        raise UsageError(f"{target} is no ordinary file, and cannot be replaced by one. Choose another name.")


def _compressor(file: BinaryIO, compression: Compression) -> BinaryIO | None:
    """Bytes go in as they are and arrive compressed, the same ones for the same: there is no time in them."""
    if compression == "gz":
        return cast(BinaryIO, gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0))
    if compression == "zst":
        import pyarrow  # only here, as it takes long to load

        return cast(BinaryIO, pyarrow.CompressedOutputStream(pyarrow.PythonFile(_Kept(file), mode="w"), "zstd"))
    return None


class _Kept(io.RawIOBase):
    """Passes everything on but the closing."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)

"""One zip of an export's folder."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

from dataflow_core.exporting.files import clear_errors, sync_folder
from dataflow_core.exporting.leftovers import new_file, partial_name, remove

#: Of every entry: what a zip says of time would make two zips of the same files differ.
_TIME = (1980, 1, 1, 0, 0, 0)
_COMPRESSED = (".gz", ".zst", ".parquet")
_CHUNK = 1 << 20


def zip_folder(folder: Path) -> Path:
    """Write the folder's files as FOLDER.zip beside it, and return its path. Files of any size, none held in memory.

    The zip is there whole or not at all. Raises `UsageError` and `DiskFullError`.
    """
    target = folder.with_name(f"{folder.name}.zip")
    partial = partial_name(target)
    with clear_errors(target):
        try:
            with new_file(partial, is_buffered=True) as raw:
                with zipfile.ZipFile(raw, "w", allowZip64=True) as archive:
                    for path in sorted(path for path in folder.iterdir() if path.is_file()):
                        _add(archive, path, f"{folder.name}/{path.name}")
                raw.flush()
                os.fsync(raw.fileno())
                partial.replace(target)
            sync_folder(folder.parent)
        finally:
            remove(partial)
    return target


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_STORED if path.suffix in _COMPRESSED else zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = 3, 0o644 << 16  # whatever system it is made on
    entry.file_size = path.stat().st_size  # by which it is decided whether the entry needs 64 bits
    with path.open("rb") as source, archive.open(entry, "w") as sink:
        shutil.copyfileobj(source, sink, _CHUNK)

"""The folder that holds the workspaces, one subfolder each."""

from __future__ import annotations

import re
import shutil
import sqlite3
import unicodedata
import zipfile
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from dataflow_core.errors import UsageError, WorkspaceError
from dataflow_core.models import RunKind
from dataflow_core.workspace import DATABASE, Workspace

FIRST = "default"
_LAST = "last-opened"
_BACKUPS = "backups"


class Home:
    """The folder whose subfolders are the workspaces, each with a database. It is made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Sorted names of the workspaces."""
        if not self.folder.is_dir():
            return []
        return sorted(found.parent.name for found in self.folder.glob(f"*/{DATABASE}"))

    def create(self, name: str, *, like: Workspace | None = None) -> Workspace:
        """Make a workspace, with the endpoints of another where one is given.

        Raises `UsageError` for a name that is taken or that no folder can have.
        """
        folder = self.folder / folder_name(name)
        if folder.exists():
            raise UsageError(f"There is a workspace {folder.name!r} already. Choose another name.")
        workspace = Workspace(folder, create=True)
        if like is not None:
            workspace.endpoints.copy_from(like.endpoints)
        return workspace

    def open(self, name: str) -> Workspace:
        if name not in self.names():
            raise UsageError(f"There is no workspace {name!r}.")
        return Workspace(self.folder / name)

    def open_last(self) -> Workspace:
        """The workspace last opened, else any, else a new one."""
        name = self.last_opened()
        return self.open(name) if name else Workspace(self.folder / FIRST, create=True)

    def last_opened(self) -> str:
        """ "" while there is no workspace."""
        names = self.names()
        marker = self.folder / _LAST
        last = marker.read_text(encoding="utf-8", errors="replace").strip() if marker.is_file() else ""
        return last if last in names else next(iter(names), "")

    def remember(self, name: str) -> None:
        (self.folder / _LAST).write_text(name, encoding="utf-8")

    def back_up(self, name: str) -> Path:
        """Write a zip with a consistent copy of the database, also while runs go on; returns its path."""
        workspace = self.open(name)
        workspace.close()
        target = self.folder / _BACKUPS / f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}.zip"
        try:
            target.parent.mkdir(exist_ok=True)
            _back_up(self.folder / name / DATABASE, target, f"{name}/{DATABASE}")
        except (OSError, sqlite3.Error) as error:
            raise WorkspaceError(f"The backup could not be written to {target.parent}: {error}.") from error
        return target

    def delete(self, name: str) -> None:
        """Raises `UsageError` while a run of it is being executed."""
        with suppress(WorkspaceError):  # one that cannot be opened has no run that could be
            workspace = self.open(name)
            live = workspace.runs.live(kinds=tuple(RunKind))
            workspace.close()
            if live:
                raise UsageError(f"A run of {name!r} is being executed: {live[0].name}. Cancel it first.")
        try:
            shutil.rmtree(self.folder / name)
        except OSError as error:
            raise WorkspaceError(f"{self.folder / name} could not be deleted: {error.strerror}.") from error


def _back_up(database: Path, target: Path, name: str) -> None:
    copy, partial = target.with_suffix(".db.partial"), target.with_suffix(".zip.partial")
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as destination:
            source.backup(destination)
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(copy, name)
        partial.rename(target)
    finally:
        copy.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)


def folder_name(name: str) -> str:
    """The name as a folder's: letters, digits, space, dot, dash and underscore. Raises `UsageError` for others."""
    clean = unicodedata.normalize("NFC", name).strip()
    if (
        len(clean.encode()) > 150
        or not re.fullmatch(r"\w[\w .-]{0,60}", clean)
        or clean.endswith(".")
        or clean.casefold() in (_BACKUPS, _LAST)
    ):
        raise UsageError(
            "A workspace's name starts with a letter or digit and has letters, digits, spaces, dots, dashes and "
            "underscores, up to 61 of them."
        )
    return clean

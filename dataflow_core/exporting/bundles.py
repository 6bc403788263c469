"""Exports with all that goes along: written, zipped, listed, compared, made again, pushed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from os import environ as _environ
from pathlib import Path

from dataflow_core.errors import UsageError
from dataflow_core.exporting.about import About
from dataflow_core.exporting.along import Along
from dataflow_core.exporting.comparison import Comparison, compare_exports
from dataflow_core.exporting.engine import Exports
from dataflow_core.exporting.files import clear_errors, new_folder, sync_folder
from dataflow_core.exporting.gathering import Gathering
from dataflow_core.exporting.hub import Pushed, push_files
from dataflow_core.exporting.hub import Told as ToldOfPush
from dataflow_core.exporting.leftovers import clean_up, held_folder, partial_name, remove
from dataflow_core.exporting.manifest import NAME, ManifestFile, StoredExport, digest_of
from dataflow_core.exporting.names import check_name
from dataflow_core.exporting.plan import ExportPlan, Told, WrittenExport
from dataflow_core.exporting.remaking import Remade, Remaking
from dataflow_core.exporting.zipping import zip_folder
from dataflow_core.storage.contents import snapshot
from dataflow_core.storage.records import RecordStore

#: In a workspace, where the app puts exports.
EXPORTS = "exports"


class Bundles:
    """`folder` is that of the workspace's own exports; it and `name` are the workspace's."""

    def __init__(self, records: RecordStore, exports: Exports, folder: Path, name: str) -> None:
        self._database = records.database
        self._exports = exports
        self._workspace = folder
        self.folder = folder / EXPORTS
        self._name = name

    def write(
        self,
        plan: ExportPlan,
        folder: Path,
        name: str = "",
        progress: Told | None = None,
        *,
        about: About | None = None,
        as_zip: bool = False,
    ) -> WrittenExport:
        """Write the export as `workspace.exports.write` does, with manifest, card and what trainers are told beside it.

        With `as_zip` there is but NAME.zip in the folder, which is `bundle` of what is returned; its files are named as
        they are in there. Raises `UsageError` and `DiskFullError`.
        """
        with closing(self._gathering(plan, about or About())) as along:
            if as_zip:
                return self._write_zip(plan, folder, name, progress, along)
            return self._exports.write(plan, folder, name, progress, along)

    def _write_zip(
        self, plan: ExportPlan, folder: Path, name: str, progress: Told | None, along: Along
    ) -> WrittenExport:
        _check_free(folder / f"{name}.zip")
        staging = partial_name(folder / f"{name or self._name}.zip")
        with clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            clean_up(folder)
            with held_folder(staging):
                try:
                    export = self._exports.write(plan, staging, name, progress, along)
                    target = folder / f"{export.name}.zip"
                    _check_free(target)
                    zip_folder(export.folder).rename(target)
                    sync_folder(folder)
                finally:
                    remove(staging)
        files = tuple(replace(file, path=Path(file.path.name)) for file in export.files)
        return replace(export, folder=folder, files=files, bundle=target)

    def zipped(self, export: WrittenExport) -> Path:
        """One zip of an export that was written as a folder, beside that."""
        return zip_folder(export.folder)

    def again(
        self, path: Path, folder: Path, name: str = "", progress: Told | None = None, *, about: About | None = None
    ) -> Remade:
        """Make an export again from its folder, zip or manifest, as a new folder `name` within `folder`.

        The same records at the same revisions, whatever they say by now; the result tells which files are the same
        byte for byte, and which records are gone. The card says `about` where that is given, or else what it said
        then. Raises `UsageError` where there is nothing to be made.
        """
        stored = StoredExport(path)
        plan = stored.manifest.plan
        name = check_name(name or stored.manifest.name)
        with (
            closing(self._gathering(plan, about or stored.manifest.about)) as along,
            new_folder(folder, name) as partial,
            snapshot(self._database) as state,
        ):
            remaking = Remaking(stored, state, along, progress)
            files = remaking.write(partial, name)
            if not files and remaking.unfit.count:
                raise UsageError(
                    f"None of the records of {path} that are in this workspace can be shown in the format "
                    f"{plan.format} by this version, so nothing can be made again."
                )
            if not files:
                raise UsageError(
                    f"None of the {stored.manifest.records:,} records of {path} is in this workspace, so nothing can "
                    f"be made again. It was made from the workspace {stored.manifest.workspace}."
                )
            files += along.files(partial, name, plan, remaking.preflight(), files)
        target = folder / name
        moved = tuple(replace(file, path=target / file.path.name) for file in files)
        return remaking.result(WrittenExport(name, target, moved, plan, stored.manifest.left_out))

    @staticmethod
    def open(path: Path) -> StoredExport:
        """An export that was written before: its folder, its zip or its manifest. Raises `UsageError`."""
        return StoredExport(path)

    @staticmethod
    def compare(before: Path, after: Path) -> Comparison:
        """Raises `UsageError` where one of them is no export."""
        return compare_exports(StoredExport(before), StoredExport(after))

    @staticmethod
    def listed(folder: Path) -> list[StoredExport]:
        """The exports in a folder, the newest first; what cannot be read is left out."""
        found = []
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (path / NAME).is_file() or (path.suffix == ".zip" and path.is_file()):
                try:
                    found.append(StoredExport(path))
                except UsageError:
                    continue
        return sorted(found, key=lambda one: one.manifest.at, reverse=True)

    @staticmethod
    def push(
        path: Path,
        repo: str,
        *,
        is_private: bool = True,
        progress: ToldOfPush | None = None,
        environ: Mapping[str, str] = _environ,
    ) -> Pushed:
        """Push an export, a folder or a zip, to the dataset repository `repo` ("owner/name") of the Hub.

        Only what its manifest names is sent, and only if it is still what that says. Raises `UsageError` and
        `PushError`.
        """
        export = StoredExport(path)
        with ExitStack() as stack:
            folder = path if path.is_dir() else Path(stack.enter_context(tempfile.TemporaryDirectory()))
            files = [_checked(export, folder, file) for file in export.manifest.files]
            message = f"{export.manifest.name}: {export.manifest.records:,} records"
            files.append(_unpacked(export, folder, NAME))
            return push_files(files, repo, is_private=is_private, message=message, progress=progress, environ=environ)

    def _gathering(self, plan: ExportPlan, about: About) -> Gathering:
        return Gathering(plan, about, workspace=self._name, spool=self._workspace)


def _check_free(target: Path) -> None:
    """Raises `UsageError` where there is something of that name."""
    if target.exists():
        raise UsageError(f"{target} is there already. Choose another name.")


def _checked(export: StoredExport, folder: Path, file: ManifestFile) -> Path:
    """The file in the folder. Raises `UsageError` where it is not what the manifest says."""
    path = _unpacked(export, folder, file.name)
    if digest_of(path) != (file.bytes, file.sha256):
        raise UsageError(f"{file.name} of {export.path} is not what its manifest says: it was changed, or cut off.")
    return path


def _unpacked(export: StoredExport, folder: Path, name: str) -> Path:
    path = folder / name
    with export.opened(name) as source:  # says so where it is not there
        if not path.exists():
            with path.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    return path

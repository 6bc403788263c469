"""The manifest of an export: what is in each file, by what settings, and which records at which revisions.

    manifest.json      files with size, records and SHA-256; the plan; the program's version, the workspace, the time
    records.jsonl.gz   {"file", "id", "revision"} of each record, in the order of the files' rows

The records are apart, for there may be a million: they are written and read as a stream.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from dataflow_core.errors import UsageError
from dataflow_core.exporting.about import About
from dataflow_core.exporting.plan import ExportPlan
from dataflow_core.exporting.plan_fields import plan_of
from dataflow_core.models import Fields

NAME = "manifest.json"
RECORDS = "records.jsonl.gz"
#: Of the manifest's own shape.
VERSION = 1
_CHUNK = 1 << 20
#: Bytes of a manifest; a longer one is none of ours.
_LARGEST = 50_000_000
#: Characters of a line that says which record it is; a longer one is none of ours.
_LONGEST_LINE = 10_000
#: Bytes of a file's name.
_LONGEST_NAME = 255
_UNFIT = re.compile("[\\\\\0\ud800-\udfff]")


class Placed(NamedTuple):
    """A record in a file of an export."""

    file: str
    id: str
    revision: int


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """`kind`, `generator`, `split` and `records` as in `ExportFile`; `bytes` and `sha256` of the file as it stands."""

    name: str
    kind: str
    generator: str
    split: str
    records: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What manifest.json says. `at` is the time in ISO 8601, UTC; `left_out` counts records by the rule they broke.

    `program` is that which wrote the files: another version may write them otherwise. `about` is what the person said.
    """

    name: str
    program: str
    workspace: str
    at: str
    plan: ExportPlan
    files: tuple[ManifestFile, ...]
    about: About = field(default_factory=About)
    found: int = 0
    left_out: int = 0
    by_rule: tuple[tuple[str, int], ...] = ()

    @property
    def data(self) -> tuple[ManifestFile, ...]:
        return tuple(file for file in self.files if file.kind == "data")

    @property
    def records(self) -> int:
        return sum(file.records for file in self.data)

    def file(self, name: str) -> ManifestFile | None:
        return next((file for file in self.files if file.name == name), None)

    def as_json(self) -> str:
        fields: Fields = {"manifest": VERSION, **asdict(self)}
        fields |= {"plan": _without_paths(self.plan.as_fields()), "by_rule": dict(self.by_rule)}
        return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"


def digest_of(path: Path) -> tuple[int, str]:
    """The size of a file in bytes, and its SHA-256 in hex."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


class StoredExport:
    """An export that was written before: a folder, the zip of one, or a manifest with the files beside it.

    Raises `UsageError` where there is no manifest that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_zip = path.is_file() and zipfile.is_zipfile(path)
        self._folder = path if path.is_dir() else path.parent
        self._manifest_name = path.name if path.is_file() and not self._is_zip else NAME
        if not path.exists():
            raise UsageError(f"There is no file or folder {path}.")
        try:
            with self.opened(self._manifest_name) as file:
                fields = json.loads(file.read(_LARGEST), parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise UsageError(f"{path} is no manifest of an export: it cannot be read as JSON.") from None
        self.manifest = _manifest_of(fields, path)

    def records(self) -> Iterator[Placed]:
        """Which records are in the files, in the order of their rows. Raises `UsageError` where that is not known."""
        listed = self.manifest.file(RECORDS)
        if listed is None:
            raise UsageError(f"The manifest of {self.path} does not say which records were exported.")
        try:
            with self.opened(RECORDS) as packed, gzip.open(packed) as lines:
                while line := lines.readline(_LONGEST_LINE):
                    yield _placed(line)
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
            raise UsageError(f"{RECORDS} of {self.path} is damaged or cut off, and cannot be read.") from None

    @contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """One of its files, for reading. Raises `UsageError` where it is not there."""
        if not _is_name(name):
            raise UsageError(f"{name!r} is no name of a file in an export.")
        try:
            if not self._is_zip:
                if not (self._folder / name).is_file():  # nor anything else that would be waited for
                    raise FileNotFoundError
                with (self._folder / name).open("rb") as file:
                    yield file
                return
            with zipfile.ZipFile(self.path) as archive, self._entry(archive, name) as file:
                yield file
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, KeyError):
            raise UsageError(f"{self.path} has no {name}: it is not an export, or not all of one.") from None
        except PermissionError:
            raise UsageError(f"{name} of {self.path} cannot be read: this is not allowed.") from None
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            if not self._is_zip:  # then it is of what is read from it
                raise
            raise UsageError(f"{self.path} is damaged: {error}.") from None

    def _entry(self, archive: zipfile.ZipFile, name: str) -> IO[bytes]:
        try:
            return archive.open(_within(archive, name))
        except (NotImplementedError, RuntimeError):  # packed or encrypted in a way that ours are not
            raise UsageError(f"{self.path} is a zip that cannot be read. Unpack it, and name its folder.") from None


def _is_name(name: str) -> bool:
    """Whether a file of an export may have the name: of a file in its folder, and of none elsewhere."""
    is_plain = PurePosixPath(name).name == name and name not in ("", "..") and not _UNFIT.search(name)
    return is_plain and len(name.encode()) <= _LONGEST_NAME


def _within(archive: zipfile.ZipFile, name: str) -> str:
    """The name by which the archive has the file, which may stand in a folder."""
    return next((found for found in archive.namelist() if found == name or found.endswith(f"/{name}")), name)


def _placed(line: bytes) -> Placed:
    fields = json.loads(line)
    placed = Placed(fields["file"], fields["id"], fields["revision"])
    if not (
        isinstance(placed.file, str)
        and isinstance(placed.id, str)
        and type(placed.revision) is int
        and 0 < placed.revision < 2**63
    ):
        raise ValueError("not a record")
    return placed


def _manifest_of(fields: Any, path: Path) -> Manifest:
    """Raises `UsageError`."""
    if not isinstance(fields, dict) or "manifest" not in fields:
        raise UsageError(f"{path} is no manifest of an export.")
    version = fields["manifest"]
    if version != VERSION:
        raise UsageError(f"{path} is a manifest of kind {version!r}, and this version reads kind {VERSION} only.")
    plan = plan_of(fields.get("plan"))
    try:
        return Manifest(
            name=_text(fields["name"]),
            program=_text(fields["program"]),
            workspace=_text(fields["workspace"]),
            at=_text(fields["at"]),
            plan=plan,
            files=tuple(_file(one) for one in fields["files"]),
            about=_about(fields["about"]),
            found=int(fields["found"]),
            left_out=int(fields["left_out"]),
            by_rule=tuple((_text(rule), int(count)) for rule, count in fields["by_rule"].items()),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageError(f"{path} is no whole manifest of an export: see {error}.") from None


def _file(fields: Fields) -> ManifestFile:
    texts = {name: _text(fields[name]) for name in ("name", "kind", "generator", "split", "sha256")}
    if not _is_name(texts["name"]):
        raise ValueError(f"the file name {texts['name']!r}")
    return ManifestFile(**texts, records=int(fields["records"]), bytes=int(fields["bytes"]))


def _about(fields: Fields) -> About:
    languages = tuple(_text(code) for code in fields["languages"])
    return About(_text(fields["title"]), _text(fields["licence"]), languages)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}, which should be a text")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _without_paths(plan: Fields) -> Fields:
    """The plan for others to read: a tokenizer's file by its name, without the folders of this computer."""
    limit = plan["limit"]
    return plan | {"limit": limit | {"tokenizer": limit["tokenizer"].replace("\\", "/").rpartition("/")[2]}}

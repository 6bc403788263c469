"""Imports: what a file holds, whether all of it can be used, and its records stored for review."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import insert
from ulid import ULID

from dataflow_core.errors import ReadError
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.importers.base import Checked, ImportProgress, Mapping, ReadSoFar, Recognised
from dataflow_core.models import EMBEDDED, Fields, ReviewStatus, RevisionKind, Run, RunKind, RunState, SourceLine
from dataflow_core.readers import read_table
from dataflow_core.storage import writing
from dataflow_core.storage.database import Database
from dataflow_core.storage.runs import RunStore
from dataflow_core.storage.schema import runs, source_lines

_SHOWN = 20
_TASKS = ("atom_task", "parallel_task", "subsequent_task", "composition_task")
_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "system": "system"}


class Imports:
    """The imports of a workspace."""

    def __init__(self, database: Database, runs: RunStore) -> None:
        self._database = database
        self._runs = runs

    def recognise(self, path: Path, name: str) -> Recognised:
        """Tell by its first entries what the file holds. `name` is what it is called. Raises `ReadError`."""
        table = read_table(path.read_bytes(), name)
        sample = tuple(entry.fields for entry in table.entries[:_SHOWN])
        mapping = _guess(table.columns, sample)
        made = [made for fields in sample if isinstance(made := _record(fields, mapping), dict)]
        return Recognised("columns", "Columns", table.columns, mapping, sample, tuple(made))

    def check(self, path: Path, name: str, mapping: Mapping, progress: ImportProgress | None = None) -> Checked:
        """Read the whole file, and store nothing. Raises `ReadError` where nothing of it can be read."""
        records, bad = self._read(path, name, mapping)
        if progress:
            progress(ReadSoFar(1.0, len(records), len(bad)))
        return Checked(len(records), len(bad), tuple(bad[:_SHOWN]))

    def store(
        self,
        path: Path,
        name: str,
        mapping: Mapping,
        *,
        skip_bad: bool = False,
        progress: ImportProgress | None = None,
    ) -> Run:
        """Store the file's records for review, all of them or none. Returns the run that they are of.

        With `skip_bad` lines that cannot be used are left out, and noted with the run. Raises `ReadError` otherwise.
        """
        records, bad = self._read(path, name, mapping)
        if not records or (bad and not skip_bad):
            raise ReadError(f"Nothing of {name} was imported. {bad[0].reason}")
        run_id, now = str(ULID()), time.time()
        with self._database.write() as connection:
            run = {"id": run_id, "name": name, "generator": mapping.kind, "params": {}, "endpoint": asdict(EMBEDDED)}
            run |= {"prompt_version": "", "state": RunState.FINISHED, "kind": RunKind.IMPORT, "created_at": now}
            run |= {"source": {"name": name, "lines": len(records) + len(bad), "skipped": len(bad)}}
            run |= {"started_at": now, "finished_at": now}
            connection.execute(insert(runs).values(run))
            made = [writing.NewRecord(str(ULID()), one, run_id, position=place) for place, one in enumerate(records)]
            writing.add_records(
                connection,
                made,
                generator=mapping.kind,
                kind=RevisionKind.IMPORTED,
                author="",
                status=ReviewStatus.UNREVIEWED,
                now=now,
            )
            if bad:
                connection.execute(insert(source_lines), [asdict(line) | {"run_id": run_id} for line in bad])
        return self._runs.get(run_id)

    def problems(self, path: Path, name: str, mapping: Mapping) -> Iterator[SourceLine]:
        """The lines that cannot be used, each with its reason and its whole text, as the file is read."""
        yield from self._read(path, name, mapping)[1]

    def _read(self, path: Path, name: str, mapping: Mapping) -> tuple[list[Fields], list[SourceLine]]:
        table = read_table(path.read_bytes(), name)
        bad = [problem for problem in table.problems if problem.kind == "unreadable"]
        records: list[Fields] = []
        for entry in table.entries:
            made = _record(entry.fields, mapping)
            if isinstance(made, str):
                bad.append(SourceLine(entry.line, "unreadable", f"Line {entry.line} {made}", str(entry.fields)))
            else:
                records.append(made)
        return records, bad


def _guess(columns: tuple[str, ...], sample: tuple[Fields, ...]) -> Mapping:
    if all(name in columns for name in _TASKS):
        return Mapping(ParaSeqTaskGenerator.name, {name: name for name in _TASKS})
    for name in ("conversation", "conversations", "messages"):
        if name in columns:
            return Mapping(ConsistentChatGenerator.name, {"conversation": name})
    return Mapping(CustomGenerator.name)


def _record(fields: Fields, mapping: Mapping) -> Fields | str:
    """The record of an entry, or why there is none."""
    if mapping.kind != ConsistentChatGenerator.name:
        return fields
    turns = fields.get(mapping.columns.get("conversation", ""))
    if not isinstance(turns, list):
        return "has no conversation."
    made: Fields = {"category": fields.get("category") or "", "conversation": []}
    for turn in turns:
        role = _ROLES.get(str(turn.get("role") or turn.get("from")))
        text = turn.get("content") or turn.get("value")
        if role == "system":
            made["system"] = text
        elif role is None:
            return "has a turn of a role that cannot be reviewed."
        else:
            made["conversation"].append({"role": role, "value": text})
    return made

"""Records of every kind for exports, put into a workspace as a person writes them or a model makes them."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow

from dataflow_core.checks.digest import digest_of
from dataflow_core.exporting.plan import ExportFile, ExportPlan, Splits, WrittenExport
from dataflow_core.models import SKELETON, Fields, ReviewStatus, RevisionKind
from dataflow_core.storage.queries import Query
from dataflow_core.storage.writing import NewRecord, add_records
from dataflow_core.workspace import Workspace

TASKS, DIALOGUES, OWN = "ParaSeqTaskGenerator", "ConsistentChatGenerator", "GeneratorTask"
ALL = Query()


def task(text: str) -> Fields:
    return {
        "atom_task": text,
        "parallel_task": f"Beside: {text}",
        "subsequent_task": f"After: {text}",
        "composition_task": f"All: {text}",
    }


def dialogue(*texts: str, **fields: Any) -> Fields:
    """Of turns that alternate, the user's first."""
    turns = [{"role": ("user", "assistant")[place % 2], "value": text} for place, text in enumerate(texts)]
    return {"category": "Travel", **fields, "conversation": turns}


def put(
    workspace: Workspace,
    records: Iterable[Fields],
    generator: str,
    *,
    run: str | None = None,
    inputs: Sequence[str | None] = (),
    stage: str = "",
    ids: Sequence[str] = (),
) -> list[str]:
    """Store records as a model makes them; returns their ids."""
    many = list(records)
    start = workspace.records.count(Query(statuses=tuple(ReviewStatus)))
    names = list(ids) or [f"R{start + place:07d}" for place in range(len(many))]
    made = [
        NewRecord(
            name,
            fields,
            run_id=run,
            input_id=inputs[place] if inputs else None,
            digest=digest_of(generator, fields, {}),
            stage=SKELETON if stage else "",
        )
        for place, (name, fields) in enumerate(zip(names, many, strict=True))
    ]
    with workspace.database.write() as connection:
        add_records(
            connection,
            made,
            generator=generator,
            kind=RevisionKind.GENERATED,
            author="model",
            status=ReviewStatus.UNREVIEWED,
            now=time.time(),
        )
    return names


def plan(**settings: Any) -> ExportPlan:
    """Of all records, whatever their status."""
    return ExportPlan(**({"query": ALL} | settings))


def lines(path: Path) -> list[Any]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if path.suffix == ".zst":
        data = pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd").read()
    return [json.loads(line) for line in data.decode().splitlines()]


def by_kind(made: WrittenExport, kind: str) -> list[ExportFile]:
    return [file for file in made.files if file.kind == kind]


GOOD = [dialogue(f"Where is place {number}?", f"At number {number * 7}.") for number in range(12)]
THIRDS = Splits(1, 1, 1)

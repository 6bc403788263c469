"""What a file holds, told by its first entries, and what would become of these."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from dataflow_core.errors import ReadError
from dataflow_core.exporters.pairs import PAIR
from dataflow_core.importers.base import ImportMapping, Recognised
from dataflow_core.importers.making import Maker
from dataflow_core.importers.shapes import Found, json_columns, of_tables, shape_of
from dataflow_core.importers.sources import Source, opened_source
from dataflow_core.importers.turns import UnusableError
from dataflow_core.models import Fields

#: Entries that are looked at, and those of them that are shown.
_LOOKED_AT, _SHOWN = 200, 20
#: Characters of entries that are looked at.
_MOST = 8 << 20


def recognise(path: Path, name: str) -> Recognised:
    """Raises `ReadError` for a file that cannot be read, or whose first entries cannot."""
    with opened_source(path, name) as source:
        sample, reason = _sample(source)
        if not sample:
            raise ReadError(f"Nothing in {name} can be imported. {reason or source.why_empty}")
        columns = source.columns or tuple(dict.fromkeys(key for fields in sample for key in fields))
        found, mapping = _found(source, sample, columns)
    shape = found.shape
    recognised = Recognised(
        shape.name,
        shape.title,
        columns,
        mapping,
        tuple(sample[:_SHOWN]),
        is_certain=found.of == len(sample),
        notes=source.notes,
    )
    maker = Maker(mapping)
    made = list(_made(maker, sample))
    return replace(recognised, records=tuple(made[:_SHOWN]), notes=(*source.notes, *maker.notes()))


def with_mapping(recognised: Recognised, mapping: ImportMapping) -> Recognised:
    """What becomes of the sample by another mapping. Raises `UsageError` for one that cannot be used."""
    maker = Maker(mapping)
    made = tuple(_made(maker, recognised.sample))
    return replace(recognised, mapping=mapping, records=made, notes=tuple(maker.notes()))


def _sample(source: Source) -> tuple[list[Fields], str]:
    sample: list[Fields] = []
    reason, size = "", 0
    for _, value, raw in islice(source.entries, 5 * _LOOKED_AT):
        if isinstance(value, dict):
            sample.append(value)
            size += len(raw) or len(str(value))
        else:
            reason = reason or value or ""
        if len(sample) >= _LOOKED_AT or size > _MOST:
            break
    return sample, reason


def _found(source: Source, sample: list[Fields], columns: tuple[str, ...]) -> tuple[Found, ImportMapping]:
    is_csv = source.format in ("CSV", "TSV")
    if not source.columns:
        found = shape_of(sample, columns)
        return found, found.shape.mapping
    as_json = json_columns(sample, columns)
    parsed = [fields | {name: _parsed(fields[name]) for name in as_json} for fields in sample]
    found = shape_of(parsed, columns)
    mapping = found.shape.mapping
    read = PAIR if found.shape.name == "preference" else mapping.columns.values()
    used = tuple(name for name in as_json if name in read)
    mapping = of_tables(mapping, columns, is_csv=is_csv, as_json=used)
    return found, mapping


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) and value.strip() else value
    except (ValueError, RecursionError):
        return value


def _made(maker: Maker, sample: Any) -> list[Fields]:
    made: list[Fields] = []
    for fields in sample:
        try:
            made.append(maker.make(fields))
        except UnusableError:
            continue
    return made

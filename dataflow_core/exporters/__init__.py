"""The formats records can be exported in, by name."""

from __future__ import annotations

from dataflow_core.errors import UsageError
from dataflow_core.exporters.base import Exporter
from dataflow_core.exporters.dataflow import DataflowExporter

EXPORTERS: dict[str, Exporter] = {exporter.name: exporter for exporter in (DataflowExporter(),)}


def exporter_named(name: str) -> Exporter:
    if name not in EXPORTERS:
        raise UsageError(f"There is no format {name!r}. The formats are: {', '.join(EXPORTERS)}.")
    return EXPORTERS[name]

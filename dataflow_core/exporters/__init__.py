"""The formats records can be exported in, by name."""

from __future__ import annotations

from dataflow_core.errors import UsageError
from dataflow_core.exporters.alpaca import AlpacaExporter
from dataflow_core.exporters.axolotl import AxolotlExporter
from dataflow_core.exporters.base import Exporter
from dataflow_core.exporters.chat_messages import MessagesExporter
from dataflow_core.exporters.csv_table import CsvExporter
from dataflow_core.exporters.dataflow import DataflowExporter
from dataflow_core.exporters.openai import OpenAIExporter
from dataflow_core.exporters.parquet import ParquetExporter
from dataflow_core.exporters.preference import PreferenceExporter
from dataflow_core.exporters.prompt_completion import PromptCompletionExporter
from dataflow_core.exporters.sharegpt import ShareGptExporter
from dataflow_core.exporters.trl import TrlExporter

EXPORTERS: dict[str, Exporter] = {
    exporter.name: exporter
    for exporter in (
        DataflowExporter(),
        OpenAIExporter(),
        ShareGptExporter(),
        MessagesExporter(),
        AxolotlExporter(),
        AlpacaExporter(),
        TrlExporter(),
        PromptCompletionExporter(),
        PreferenceExporter(),
        ParquetExporter(),
        CsvExporter(),
    )
}


def exporter_named(name: str, *, has_mark: bool = True) -> Exporter:
    """The format. `has_mark` says whether CSV begins with a byte order mark; others never do.

    Raises `UsageError` for a name that is not known.
    """
    if name not in EXPORTERS:
        raise UsageError(f"There is no format {name!r}. The formats are: {', '.join(EXPORTERS)}.")
    return CsvExporter(has_mark=False) if name == CsvExporter.name and not has_mark else EXPORTERS[name]

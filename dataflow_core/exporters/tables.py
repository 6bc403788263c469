"""Everything a record holds, a column a field, with where it came from: for spreadsheets and for analysis."""

from __future__ import annotations

from dataflow_core.exporters.base import Content, Exporter, FieldChoice, UnfitError
from dataflow_core.models import Fields

#: Begins the names of the columns that say where a record came from.
ABOUT = "dataflow_"


class TableExporter(Exporter):
    """Fields first, then provenance, whose columns begin with `ABOUT`; none of it where `content.about` is empty."""

    needs_provenance = True

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        if content.about and (taken := next((name for name in content.fields if name.startswith(ABOUT)), None)):
            raise UnfitError(f"Its field “{taken}” is called like a column that says where a record came from.")
        return content.fields | {ABOUT + name: value for name, value in content.about.items()}

    def texts(self, row: Fields) -> list[str]:
        return [value for value in row.values() if isinstance(value, str)]


class ParquetExporter(TableExporter):
    name = "parquet"
    title = "Parquet"
    trainers = "pandas, Polars, DuckDB"
    source = "https://parquet.apache.org/docs/file-format/"
    suffix = ".parquet"


class CsvExporter(TableExporter):
    name = "csv"
    title = "CSV"
    trainers = "spreadsheets"
    source = "https://www.rfc-editor.org/rfc/rfc4180"
    suffix = ".csv"

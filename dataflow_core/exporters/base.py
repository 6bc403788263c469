"""What a format is: a view of a record as one line of text."""

from __future__ import annotations

from typing import Protocol

from dataflow_core.models import Record


class Exporter(Protocol):
    @property
    def name(self) -> str: ...

    def line(self, record: Record) -> str:
        """The record in this format, without the line's end."""
        ...

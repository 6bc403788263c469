"""Reading a user's file or pasted text: nothing is dropped, nothing is changed, every line is accounted for."""

from dataflow_core.readers.files import read_lines, read_table
from dataflow_core.readers.selection import Duplicates, Selection, find_duplicates, guess_task_column, select_inputs
from dataflow_core.readers.spreadsheet import sheet_names
from dataflow_core.readers.table import Entry, Table

__all__ = [
    "Duplicates",
    "Entry",
    "Selection",
    "Table",
    "find_duplicates",
    "guess_task_column",
    "read_lines",
    "read_table",
    "select_inputs",
    "sheet_names",
]

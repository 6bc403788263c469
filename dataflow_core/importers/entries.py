"""What files are read as: one entry after another, and those that cannot be."""

from __future__ import annotations

from dataflow_core.models import Fields

#: The line or number that an entry is told by; its fields, or why they cannot be read, or None where it is blank; and
#: its text: of fields as JSON where they stand in the file so, else "".
Entry = tuple[int, Fields | str | None, str]

#: Characters of one entry: more are not read.
LONGEST = 32 << 20


def too_long(unit: str, number: int) -> str:
    return f"{unit} {number} is longer than {LONGEST >> 20} MB, the most that one entry may have."

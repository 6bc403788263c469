"""One object a line, UTF-8, nothing escaped that need not be: what every reader of JSON Lines takes."""

from __future__ import annotations

import json

from dataflow_core.models import Fields

_encode = json.JSONEncoder(ensure_ascii=False).encode


def line_of(row: Fields) -> str:
    """The row as one line, without its end."""
    text = _encode(row)
    if text.isascii():
        return text
    # Line separators other than \n are legal in JSON text but end a line for many readers.
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")

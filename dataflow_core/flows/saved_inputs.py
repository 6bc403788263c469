"""A saved run's inputs: one JSON object a line, within a block of YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from dataflow_core.models import Example, Fields, Input
from dataflow_core.yaml_files import Document

#: Characters that JSON takes as they are, and YAML does not or for something else.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def as_line(fields: Fields, examples: Sequence[Example]) -> str:
    """The input as a line; in a form of its own where examples are shown with it, or it looks like that form."""
    kept: Fields = {"fields": fields} if examples or _is_wrapped(fields) else fields
    if examples:
        kept["examples"] = [{"record": one.record, "fields": one.fields} for one in examples]
    text = json.dumps(kept, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _is_wrapped(value: Any) -> bool:
    return "fields" in value and set(value) <= {"fields", "examples"} and isinstance(value["fields"], dict)


def read_inputs(document: Document) -> Iterator[Input]:
    """Those of the document, with their places from 1. Raises `UsageError` that names the line."""
    text = document.data["inputs"]
    if not isinstance(text, str):
        raise document.error("“inputs” must be a block of text with one JSON object a line.", ("inputs",))
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _read_line(document, line, number)


def _read_line(document: Document, line: str, number: int) -> Input:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        said = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        raise document.error(f"Line {number} of the inputs is not valid JSON: {said}.", ("inputs",)) from None
    if not isinstance(value, dict):
        raise document.error(f"Line {number} of the inputs is not a JSON object.", ("inputs",))
    if "\\ud" in line.lower() and not _is_text(value):
        raise document.error(f"Line {number} of the inputs holds half of a character.", ("inputs",))
    if not _is_wrapped(value):
        return Input("", number, value)
    try:
        shown = [Example(str(one["record"]), dict(one["fields"])) for one in value.get("examples", [])]
    except (TypeError, KeyError, ValueError):
        raise document.error(f"The examples in line {number} of the inputs are not right.", ("inputs",)) from None
    return Input("", number, dict(value["fields"]), examples=tuple(shown))


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True

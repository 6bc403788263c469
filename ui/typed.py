"""Values of records of one's own as text to be shown and edited, by what their recipe says that a field holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.generators.custom import recipe_in
from dataflow_core.generators.field_values import kind_of, read_value, written_value
from dataflow_core.models import Fields, FieldType
from ui.names import CUSTOM
from ui.text import escape_markdown
from ui.values import as_editable

#: By field; None where it holds what no type is for.
Kinds = Mapping[str, FieldType | None]
_HEIGHT = 90  # pixels
_HINTS: dict[FieldType | None, str] = {
    "number": "number",
    "whole number": "whole number",
    "yes or no": "yes or no",
    "list of texts": "one a line",
    None: "JSON",
}


def kinds_of(params: Fields, fields: Fields) -> dict[str, FieldType | None]:
    """As the run's recipe says; without one, by what the fields hold now."""
    recipe = recipe_in(params)
    known = {output.name: output.type for output in recipe.outputs} if recipe else {}
    return {name: known.get(name) or ("text" if value is None else kind_of(value)) for name, value in fields.items()}


def typed_text(value: Any, kind: FieldType | None) -> str:
    return as_editable(value) if kind is None else written_value(value, kind)


def as_edited(generator: str, fields: Fields) -> Fields:
    """A record's fields for a comparison: in one of one's own, lists and yes or no are as a person writes them."""
    if generator != CUSTOM:
        return fields
    kinds = {name: kind_of(value) for name, value in fields.items()}
    written = ("yes or no", "list of texts")
    return {name: typed_text(value, kinds[name]) if kinds[name] in written else value for name, value in fields.items()}


def typed_label(name: str, kind: FieldType | None) -> str:
    return f"{name} · {_HINTS[kind]}" if kind in _HINTS else name


def from_typed(text: str, kind: FieldType | None, *, before: Any = None) -> Any:
    """What the text says in place of `before`. Raises `UsageError`, the end of a sentence: "must be a number, …"."""
    if text == typed_text(before, kind):
        return before
    if kind == "text":
        return text
    try:
        return json.loads(text) if kind is None else read_value(text, kind)[0]
    except RecursionError:
        raise UsageError("must be JSON") from None
    except ValueError as error:
        raise UsageError("must be JSON" if kind is None else str(error)) from None


def typed_input(name: str, kind: FieldType | None, value: Any, *, key: str) -> str:
    """An input for one value. Return what was typed, for `from_typed`."""
    label = escape_markdown(typed_label(name, kind))
    if kind == "yes or no":
        shown = typed_text(value, kind)
        chosen = st.segmented_control(label, ["yes", "no"], default=shown or None, key=key)
        return chosen or ""
    if kind in ("number", "whole number"):
        return st.text_input(label, typed_text(value, kind), key=key)
    return st.text_area(label, typed_text(value, kind), key=key, height=_HEIGHT)


def read_typed(texts: Mapping[str, str], kinds: Kinds) -> Fields:
    """The fields that were typed; what is empty is None, or an empty text. Raises `UsageError` with a sentence."""
    fields: Fields = {}
    for name, text in texts.items():
        kind = kinds[name]
        try:
            fields[name] = text if kind == "text" else from_typed(text, kind) if text.strip() else None
        except UsageError as error:
            raise UsageError(f"“{name}” {error}.") from None
    return fields

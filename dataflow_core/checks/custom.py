"""What can be noticed about a record of one's own, whatever its fields are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from dataflow_core.checks.phrases import is_chatter, is_cut_off, speaks_as_model
from dataflow_core.checks.words import length
from dataflow_core.generators.custom import recipe_in
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.models import CustomRecipe, Fields, Finding

_MARKUP = re.compile(r"</?(?:think|thinking|answer)>|<\|\w+\|>|^```(?:json)?\s*\{", re.IGNORECASE)
_PLACEHOLDERS = frozenset({"n/a", "null", "string", "todo", "tbd", "...", "…", "lorem ipsum"})
_BRACKETED = re.compile(r"[\[<{](?:insert|your|add|fill)\b[^\]>}]{0,60}[\]>}]", re.IGNORECASE)
#: In words: from this length on a sentence is expected to have an end, and two equal texts are no accident.
_SENTENCE = 4
#: Of the words of the shortest example: less than that is too short.
_LEAST_SHARE = 4


def custom_findings(fields: Fields, params: Mapping[str, Any]) -> Iterator[Finding]:
    """`params` are those of its run, which may have no recipe: a script's own task says nothing of its fields."""
    recipe = recipe_in(params)
    texts = {name: value for name, value in fields.items() if isinstance(value, str) and name != MODEL_NAME}
    for name, value in fields.items():
        if name != MODEL_NAME and (value is None or value == [] or (name in texts and not texts[name].strip())):
            yield Finding("empty", name, f"“{name}” is empty.")
    for name, text in texts.items():
        if text.strip():
            yield from _of_text(name, text.strip(), recipe)
    yield from _repeated({name: _plain(text) for name, text in texts.items()})
    if recipe is not None and (copied := _copied(recipe, fields)):
        yield Finding("copies-example", "", f"It says what example {copied} of the recipe says.")


def texts_of(fields: Fields) -> list[str]:
    """What two records have to share to be the same: all but the model's name."""
    return [
        value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        for name, value in sorted(fields.items())
        if name != MODEL_NAME
    ]


def _of_text(name: str, text: str, recipe: CustomRecipe | None) -> Iterator[Finding]:
    if _is_placeholder(name, text, recipe):
        yield Finding("placeholder", name, f"“{name}” holds a placeholder, no text of its own.")
        return
    if not any(map(str.isalnum, text)) or _is_short(name, text, recipe):
        yield Finding("too-short", name, f"“{name}” is too short to say anything.")
    if speaks_as_model(text):
        yield Finding("speaks-as-model", name, f"“{name}” speaks of being a language model.")
    elif is_chatter(text):
        yield Finding("chatter", name, f"“{name}” talks to whoever asked for it, or refuses.")
    if _MARKUP.search(text):
        yield Finding("leftover-markup", name, f"“{name}” has markup left in it.")
    if length(text) >= _SENTENCE and is_cut_off(text):
        yield Finding("cut-off", name, f"“{name}” ends in the middle.")


def _is_placeholder(name: str, text: str, recipe: CustomRecipe | None) -> bool:
    plain = _plain(text)
    described = {_plain(one.description) for one in recipe.outputs if one.name == name} if recipe else set()
    own = {_plain(name), _plain(name.replace("_", " "))}
    return plain in _PLACEHOLDERS | own | described or bool(_BRACKETED.search(text))


def _is_short(name: str, text: str, recipe: CustomRecipe | None) -> bool:
    """By the recipe's examples; without any nothing is known of how long a text is to be."""
    shown = [example.get(name) for example in recipe.examples] if recipe else []
    lengths = [length(one) for one in shown if isinstance(one, str)]
    return bool(lengths) and length(text) * _LEAST_SHARE < min(lengths)


def _repeated(plain: Mapping[str, str]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for name, text in plain.items():
        if len(text.split()) < _SENTENCE:
            continue
        if text in first:
            yield Finding("repeats-field", name, f"“{name}” says the same as “{first[text]}”.")
        first.setdefault(text, name)


def _copied(recipe: CustomRecipe, fields: Fields) -> int:
    """The number of the example whose long texts are all in the record; 0 where there is none."""
    for number, example in enumerate(recipe.examples, start=1):
        long = [
            (one.name, _plain(text))
            for one in recipe.outputs
            if isinstance(text := example.get(one.name), str) and len(text.split()) >= _SENTENCE
        ]
        if long and all(_plain(str(fields.get(name, ""))) == text for name, text in long):
            return number
    return 0


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())

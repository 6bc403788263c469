"""Texts with `{names}` in them. Only the names that a text is given values for are names; other braces are braces."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"\{([^\W\d]\w*)\}")


def names_in(template: str) -> tuple[str, ...]:
    """What stands in braces and looks like a name, in order, each once."""
    return tuple(dict.fromkeys(_NAME.findall(template)))


def render(template: str, values: Mapping[str, object]) -> str:
    """The text with each `{name}` replaced by its value, in one pass: braces in a value are text."""
    return _NAME.sub(lambda found: str(values[found[1]]) if found[1] in values else found[0], template)

"""Find and replace in the fields of records, plain or by a regular expression."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import regex

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields

#: Seconds that a pattern may take in one text: some take years.
LONGEST = 1.0


@dataclass(frozen=True)
class Replacement:
    """What to put in place of what: in `field` or, where that is "", in all of them.

    `by` may refer to groups of a regular expression, as `\\1`.
    Where a pattern matches nothing at all, between two characters, nothing is put.
    Raises `UsageError` for a pattern that is empty, is no regular expression, or matches an empty text.
    """

    pattern: str
    by: str
    is_regex: bool = False
    is_case_sensitive: bool = True
    field: str = ""

    def __post_init__(self) -> None:
        if not self.pattern:
            raise UsageError("Say what to find first.")
        if self._compiled.match("") is not None:
            raise UsageError(f"{self.pattern!r} matches where nothing is: make it match at least one character.")
        if not self.is_regex:
            return
        try:
            # Matches here, so the groups are looked up. A comment at the pattern's end would end with the line.
            regex.compile(f"(?:{self.pattern}\n)?").sub(self.by, "")
        except (regex.error, IndexError) as error:
            raise UsageError(f"{self.by!r} cannot be put in its place: {error}.") from error

    @classmethod
    def of(cls, params: Fields) -> Replacement:
        return cls(**{name: params[name] for name in cls.__dataclass_fields__})

    def as_fields(self) -> Fields:
        return asdict(self)

    @property
    def description(self) -> str:
        return f"Replaced {self.pattern!r} by {self.by!r}"

    @cached_property
    def _compiled(self) -> regex.Pattern[str]:
        flags = 0 if self.is_case_sensitive else regex.IGNORECASE
        try:
            return regex.compile(self.pattern if self.is_regex else regex.escape(self.pattern), flags)
        except regex.error as error:
            raise UsageError(f"{self.pattern!r} is no regular expression: {error}.") from error
        except (RecursionError, OverflowError) as error:
            raise UsageError("The regular expression is too large. Make it simpler.") from error

    def apply(self, fields: Fields) -> Fields:
        """The fields with every match replaced, in texts and in the texts of turns; names and roles stay.

        Raises `UsageError` where a text takes the pattern too long.
        """
        return {name: self._in(value) if self.field in ("", name) else value for name, value in fields.items()}

    def _in(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._in_text(value)
        if isinstance(value, list):
            return [self._in(part) for part in value]
        if isinstance(value, dict):
            return {name: part if name == "role" else self._in(part) for name, part in value.items()}
        return value

    def _in_text(self, text: str) -> str:
        try:
            if not self.is_regex:
                return self._compiled.sub(lambda _: self.by, text, timeout=LONGEST)
            return self._compiled.sub(lambda match: match.expand(self.by) if match[0] else "", text, timeout=LONGEST)
        except TimeoutError as error:
            raise UsageError(
                f"The pattern {self.pattern!r} takes too long on a text of {len(text):,} characters. Make it simpler."
            ) from error

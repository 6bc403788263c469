"""YAML that a person wrote or was given: plain data and the lines it stands in, nothing that could run or swell."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from yaml.constructor import ConstructorError, SafeConstructor

from dataflow_core.errors import ReadError, UsageError

T = TypeVar("T")
#: Where something stands in a document: the keys and numbers that lead to it.
Place = tuple[str | int, ...]

#: Levels of lists and mappings within one another. The C library ends the process at some thousands.
_DEEPEST = 60
#: Line ends of other kinds, which would be read as a plain one, and what cannot be seen.
_TO_ESCAPE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PLAIN = "tag:yaml.org,2002:"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_READ = {
    f"{_PLAIN}int": SafeConstructor.construct_yaml_int,
    f"{_PLAIN}float": SafeConstructor.construct_yaml_float,
    f"{_PLAIN}bool": SafeConstructor.construct_yaml_bool,
    f"{_PLAIN}null": SafeConstructor.construct_yaml_null,
}


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML text says: `data` of mappings with text keys, lists, texts, numbers, booleans and None.

    `lines` has the line, from 1, of every entry. Dates and times are texts.
    """

    name: str
    data: Any
    lines: Mapping[Place, int] = field(default_factory=dict)

    def error(self, complaint: str, place: Place = ()) -> UsageError:
        """The complaint about what stands at this place, with the line where there is one."""
        while place and place not in self.lines:
            place = place[:-1]
        line = self.lines.get(place) if place else None
        return UsageError(f"{self.name}, line {line}: {complaint}" if line else f"{self.name}: {complaint}")


def read_yaml_file(path: Path, *, most_bytes: int) -> Document:
    """Raises `UsageError` for a file that is not there, too large or no YAML."""
    try:
        if path.stat().st_size > most_bytes:
            raise ReadError(f"{path} is too large: at most {most_bytes // 1_000_000:,} MB can be read.")
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror}.") from error
    return read_yaml(data, path.name)


def read_yaml(text: str | bytes, name: str) -> Document:
    """Read one document. `name` is for sentences. Raises `ReadError`, with line and column where they are known.

    References (`*name`) are refused: a few lines of them can stand for more than any memory holds.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ReadError(f"{name} is not a text in UTF-8. Save it as one.") from None
    try:
        return _Reader(text, name).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ReadError(f"{name} is not valid YAML{where}: {error.problem or error.context}.") from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise ReadError(f"{name} holds characters that are not allowed in YAML.") from error


def as_yaml(data: Mapping[str, Any]) -> str:
    """The data in block style, in its order, long texts as they are read."""
    text: str = yaml.dump(dict(data), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=float("inf"))
    return text


def build(cls: type[T], document: Document, place: Place, *, what: str, **given: Any) -> T:
    """Make the dataclass from the mapping at this place of the document.

    `given` are fields that do not come from there. Raises `UsageError` for a key that the class does not have, one
    that is missing, and a value of another type.
    """
    found = entry(document, place)
    if not isinstance(found, dict):
        raise document.error(f"{what} must be a mapping of names to values.", place)
    known = [one.name for one in fields(cls) if one.name not in given]  # type: ignore[arg-type]
    check_keys(document, place, known, what=what)
    try:
        return TypeAdapter(cls).validate_python({**found, **given})
    except ValidationError as error:
        first = error.errors()[0]
        key = first["loc"][0] if first["loc"] else ""
        if first["type"] == "missing":
            raise document.error(f"{what} has no {key!r}, which it needs.", place) from None
        complaint = f"{key!r} of {what[0].lower()}{what[1:]} is not right: {_in_words(first['msg'])}."
        raise document.error(complaint, (*place, key)) from None


def entry(document: Document, place: Place) -> Any:
    """What stands at this place, which must be there."""
    found = document.data
    for key in place:
        found = found[key]
    return found


def check_keys(document: Document, place: Place, known: Sequence[str], *, what: str) -> None:
    """Raises `UsageError` for a key of the mapping at this place that is not known."""
    for key in entry(document, place):
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It may have: {', '.join(known)}."
            raise document.error(f"{what} has no {key!r}. {hint}", (*place, key))


def _in_words(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "it should be").rstrip(".")


class _Dumper(yaml.SafeDumper):
    """The one written in Python: the other spells out every character beyond the first 65,536, such as emoji."""

    def ignore_aliases(self, data: Any) -> bool:
        """What is there twice is written twice: references are not read."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar(f"{_PLAIN}str", text, style='"' if _TO_ESCAPE.search(text) else style)


_Dumper.add_representer(str, _text)


class _Reader:
    """Goes through the parser's events rather than its nodes, which are composed as deep as the text says."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._loader = _Loader(text)
        self._lines: dict[Place, int] = {}
        self._constructor = SafeConstructor()

    def document(self) -> Document:
        self._next(yaml.StreamStartEvent)
        if isinstance(self._next(), yaml.StreamEndEvent):
            return Document(self._name, None)
        data = self._value(self._next(), ())
        self._next(yaml.DocumentEndEvent)
        event: Any = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._error(event, "only one document is read, not a second")
        return Document(self._name, data, self._lines)

    def _next(self, kind: type[yaml.Event] = yaml.Event) -> Any:
        event = self._loader.get_event()
        assert isinstance(event, kind)  # noqa: S101  in this order by the parser's grammar
        return event

    def _value(self, event: Any, place: Place) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise self._error(event, f"the reference *{event.anchor} is not read. Write out what it stands for")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if len(place) >= _DEEPEST:
            raise self._error(event, f"it is nested more than {_DEEPEST} levels deep")
        self._refuse_tag(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return [
                self._noted(item, (*place, number)) for number, item in enumerate(self._until(yaml.SequenceEndEvent))
            ]
        mapping: dict[str, Any] = {}
        for key in self._until(yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise self._error(key, "a name is expected before the colon")
            if key.value in mapping:
                raise self._error(key, f"{key.value!r} is there twice")
            self._lines[(*place, key.value)] = _line_of(key)
            mapping[key.value] = self._value(self._next(), (*place, key.value))
        return mapping

    def _noted(self, event: Any, place: Place) -> Any:
        self._lines[place] = _line_of(event)
        return self._value(event, place)

    def _until(self, end: type[yaml.Event]) -> Iterator[Any]:
        while not isinstance(event := self._next(), end):
            yield event

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        self._refuse_tag(event)
        tag = event.tag or self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        read = _READ.get(tag)
        if read is None or ":" in event.value:  # dates are texts; so is 12:30, which YAML 1.1 takes for a number
            return event.value
        try:
            return read(self._constructor, yaml.ScalarNode(tag, event.value))
        except (ValueError, LookupError, ConstructorError):
            raise self._error(event, f"{event.value[:40]!r} cannot be read as a value") from None

    def _refuse_tag(self, event: Any) -> None:
        if event.tag not in (None, "!", *_READ, *(f"{_PLAIN}{kind}" for kind in ("str", "seq", "map"))):
            raise self._error(event, f"the tag {event.tag} is not read. Take it out")

    def _error(self, event: Any, complaint: str) -> ReadError:
        return ReadError(f"{self._name}, line {_line_of(event)}: {complaint}.")


def _line_of(event: Any) -> int:
    return int(event.start_mark.line) + 1

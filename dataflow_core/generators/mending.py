"""Finding the JSON in what a model wrote, and naming what had to be mended for it.

A model's answer is not to be trusted with time either: everything here takes time in proportion to the text, for runs
read hundreds of answers at once in one thread.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import json_repair

#: What an answer may have to be mended for, as people read it after "mended:", in the order in which it is told.
REASONING = "reasoning"
FENCE = "a code fence"
CHATTER = "text around the JSON"
COMMAS = "trailing commas"
BROKEN = "broken JSON"
SHAPE = "another shape"
TYPE = "a value of another type"
UNSTORABLE = "unstorable characters"
REPAIRS = (REASONING, FENCE, CHATTER, COMMAS, BROKEN, SHAPE, TYPE, UNSTORABLE)

#: A longer text, without its reasoning and with it, is read if it is plain JSON, and not searched for any.
LONGEST_SEARCHED, LONGEST_WITH_REASONING = 200_000, 1_000_000
# How many characters may be decoded in vain before the search is given up, and what a try and a deep failure count.
_SEARCH, _TRIED, _FAILED_DEEPLY = 2_000_000, 500, 20_000
_MOST_TRIED = 50
# json_repair looks back and ahead from quotes and brackets, at worst over the whole text and more than once.
_LONGEST_REPAIRED, _MOST_QUOTES, _MOST_BRACKETS = 10_000, 500, 30
# Its parser trips over some junk: {"```json```} fails one of its own assertions.
_REPAIR_FAILS = (ValueError, RecursionError, AssertionError, TypeError, AttributeError, LookupError)

_TAG = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_CLOSING_TAG = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_FENCE_MARK = re.compile(r"(?:```|~~~)[\w-]*")
_OPENING = re.compile(r"[{\[]")
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+"?|,(?=\s*[}\]])', re.DOTALL)
# A quotation mark ends a loosely written string where JSON may go on after it; others belong to the text.
_LOOSE_STRING = re.compile(
    r"""(['"])((?:\\.|(?!\1\s*+(?:[}\]]|:\s*+['"\[{]|,\s*+['"}\]]|$))[^\\])*+)(\1?)""", re.DOTALL
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"', "'": "'", "\n": ""}
_NOT_COMPARED = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)|[^A-Za-z0-9]", re.DOTALL)
_UNSTORABLE = re.compile("[\ud800-\udfff\0]")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Found:
    """A JSON value, where it stands in which text, and what was mended in the text before it could be read."""

    value: Any
    text: str = ""
    start: int = 0
    end: int = 0
    mended: tuple[str, ...] = ()

    @property
    def repairs(self) -> tuple[str, ...]:
        rest, fences = _FENCE_MARK.subn("", f"{self.text[: self.start]}\n{self.text[self.end :]}")
        return self.mended + ((FENCE,) if fences else ()) + ((CHATTER,) if rest.strip() else ())


def find_json(text: str, keys: frozenset[str], *, is_cut: bool = False) -> Iterator[Found]:
    """The JSON values in the text: those with all the `keys` first, and as they stand before mended ones.

    A text that was cut off is not guessed at: half a sentence would pass as a whole one. Raises `ValueError`, with a
    sentence, for a text that is empty or too long to be searched.
    """
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        pass
    else:
        yield Found(plain)
        return
    answer = _without_reasoning(text) if len(text) <= LONGEST_WITH_REASONING else text
    if len(answer) > LONGEST_SEARCHED:
        raise ValueError(f"The answer is {len(answer):,} characters long and no JSON object.")
    if not answer.strip():
        raise ValueError("The answer is empty." if answer is text else "The answer is empty but for its reasoning.")
    reasoning = () if answer is text else (REASONING,)
    for pieces in _attempts(answer, keys, reasoning, is_cut):
        wanted = [found for found in pieces if _has(found.value, keys)]
        yield from (wanted or pieces)[:_MOST_TRIED]
        if wanted:
            return


def storable(text: str) -> str:
    """The text with U+FFFD for what no file or database holds: NUL, and halves of surrogate pairs on their own."""
    if not ("\0" in text if text.isascii() else _UNSTORABLE.search(text)):
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\0", "\ufffd")


def _has(value: Any, keys: frozenset[str]) -> bool:
    return isinstance(value, dict) and keys <= value.keys()


def _attempts(text: str, keys: frozenset[str], mended: tuple[str, ...], is_cut: bool) -> Iterator[list[Found]]:
    """What is found in the text as it stands, then with ever more of it mended."""
    yield [Found(*piece, mended) for piece in _decoded(text)]
    start = _likely_start(text, keys)
    end = max(text.rfind("}"), text.rfind("]")) + 1
    if start < 0 or end <= start:
        return
    yield [Found(*piece, mended) for piece in _decoded(text, start)]  # for what there was too much before it
    block = text[start:end]
    for strict, how in ((block, COMMAS), (_requoted(block), BROKEN)):
        tidy = _STRING_OR_COMMA.sub(lambda match: "" if match[0] == "," else match[0], strict)
        if tidy != block:
            source = text[:start] + tidy + text[end:]
            yield [Found(*piece, (*mended, how)) for piece in _decoded(source, start)]
    if not is_cut and (value := _repaired(block)) is not None:
        yield [Found(value, text, start, end, (*mended, BROKEN))]


def _decoded(text: str, at: int = 0) -> Iterator[tuple[Any, str, int, int]]:
    """Every outermost JSON object or list in the text, with the text and where in it it starts and ends."""
    spent = 0
    while spent < _SEARCH and (opening := _OPENING.search(text, at)):
        start = opening.start()
        at = start + 1
        spent += _TRIED
        try:
            value, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            spent += max(error.pos - start, 0)
        except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
            spent += _FAILED_DEEPLY
        else:
            at = end
            if value and not (isinstance(value, list) and _is_part(text, start)):
                yield value, text, start, end


def _is_part(text: str, start: int) -> bool:
    """Whether it follows `"key":`, so that it is a part of an object that could not be read as a whole."""
    return text[max(0, start - 20) : start].rstrip().endswith(('":', "':", '" :', "' :"))


def _without_reasoning(text: str) -> str:
    """The text without the blocks in which reasoning models think aloud; the same object if there are none.

    A block without its opening tag starts where the text does, one without its closing tag ends where the text does.
    Tags in the texts of a JSON object are part of these.
    """
    if not _TAG.search(text):
        return text
    spans = deque((start, end) for _, _, start, end in _decoded(text))
    kept: list[str] = []
    found, at, position = False, 0, 0
    while tag := _TAG.search(text, position):
        while spans and spans[0][1] <= tag.start():
            spans.popleft()
        if spans and spans[0][0] < tag.start():
            position = spans[0][1]
            continue
        found = True
        if tag[1]:
            kept.clear()
            at = position = tag.end()
            continue
        kept.append(text[at : tag.start()])
        closing = _CLOSING_TAG.search(text, tag.end())
        at = position = closing.end() if closing else len(text)
    return "\n".join([*kept, text[at:]]) if found else text


def _likely_start(text: str, keys: frozenset[str]) -> int:
    """Where the object with one of the keys first in it starts, or else the first bracket; -1 without any."""
    names = "|".join(re.escape(key) for key in sorted(keys))
    opening = re.search(rf"(?:\[\s*+)?\{{\s*+[\"'“‘]?(?:{names})\b", text) or _OPENING.search(text)
    return opening.start() if opening else -1


def _requoted(text: str) -> str:
    """Strings in single quotes, with quotation marks or line breaks inside, or with escapes JSON lacks, made strict."""
    return _LOOSE_STRING.sub(lambda match: json.dumps(_unescaped(match[2])) if match[3] else match[0], text)


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        return chr(int(code, 16)) if code else _ESCAPED.get(match[4], match[0])

    return _ESCAPE.sub(character, text)


def _repaired(block: str) -> Any:
    """The object or list that a library makes of it; None if it would take long or loses or invents words."""
    quotes = sum(block.count(mark) for mark in "\"'“”")
    brackets = sum(block.count(mark) for mark in "{[")
    if len(block) > _LONGEST_REPAIRED or quotes > _MOST_QUOTES or brackets > _MOST_BRACKETS:
        return None
    # Where it does not end with a closed string and the closing bracket of its opening one, it was cut off.
    if block[0] + block[-1] not in ("{}", "[]") or not block.rstrip("}], \t\r\n").endswith(('"', "'", "”", "’")):
        return None
    try:
        value = json_repair.loads(block, skip_json_loads=True)
    except _REPAIR_FAILS:
        return None
    same = _NOT_COMPARED.sub("", block) == _NOT_COMPARED.sub("", json.dumps(value, ensure_ascii=False))
    return value if same and isinstance(value, dict | list) else None

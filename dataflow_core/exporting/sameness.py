"""What of a record says that it is like another one: its words, and what it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any
from unicodedata import normalize

from dataflow_core.exporters.base import Content, FieldChoice
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, task_keys

#: By which names a record of one's own says what was asked.
_ASKED = ("instruction", "prompt", "question", "query")


def words_of(content: Content) -> str:
    """The texts that tell whether two records are nearly the same, one after the other."""
    fields = content.fields
    if content.generator == ParaSeqTaskGenerator.name:
        return "\n".join(text for key in task_keys(content.params) if isinstance(text := fields.get(key), str))
    if content.generator == ConsistentChatGenerator.name:
        return "\n".join(_texts(fields.get("conversation"), but="role"))
    return "\n".join(_texts({key: value for key, value in fields.items() if key not in (MODEL_NAME, "system")}))


def input_of(content: Content, choice: FieldChoice) -> str:
    """What a record was made from, as a text that is the same for the same; "" where its fields do not say."""
    fields = content.fields
    if content.generator == ParaSeqTaskGenerator.name:
        return _plain(fields.get(task_keys(content.params)[0]))
    if content.generator == ConsistentChatGenerator.name:
        cell = [_plain(fields.get(name)) for name in ("category", "intent", "flow", "topic")]
        return "\n".join(cell) if cell[3] else ""
    names = [choice.instruction] if choice.instruction else [name for name in _ASKED if name in fields][:1]
    if not names:
        return ""
    asked = [_plain(fields.get(name)) for name in (*names, choice.input or "input")]
    return "\n".join(asked) if any(asked) else ""


def questions_of(content: Content) -> str:
    """What the user says in a dialogue: dialogues that were answered again share it. "" for other records."""
    turns = content.fields.get("conversation")
    if content.generator != ConsistentChatGenerator.name or not isinstance(turns, list):
        return ""
    said = (turn.get("value") for turn in turns if isinstance(turn, dict) and turn.get("role") == "user")
    return "\n".join(map(_plain, said)).strip()


def key_of(text: str) -> int:
    """64 bits, the same for the same text on every machine; 0 for none."""
    if not text:
        return 0
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") or 1


def unified(text: str) -> str:
    """The text without what only its writing differs in: upper and lower case, wide letters, accents put together."""
    return text.casefold() if text.isascii() else normalize("NFKC", text).casefold()


def _plain(value: Any) -> str:
    return " ".join(unified(value).split()) if isinstance(value, str) else ""


def _texts(value: Any, but: str = "") -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            if name != but:
                yield from _texts(part, but)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, but)

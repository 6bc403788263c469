"""What can be noticed about a record without a model: rules that point a reviewer to what looks wrong."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from dataflow_core.checks.custom import custom_findings, texts_of
from dataflow_core.checks.dialogues import FIELD as CONVERSATION
from dataflow_core.checks.dialogues import dialogue_findings
from dataflow_core.checks.relations import relation_findings
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, task_keys
from dataflow_core.models import SKELETON, Fields, Finding, RecordStage

#: Raised whenever a check changes: what an older version found is then found anew.
VERSION = 1

#: The checks by what findings are stored under, with a short name for a filter, in the order in which they are offered.
LABELS = {
    "empty": "Empty",
    "too-short": "Too short",
    "too-long": "Too long",
    "parallel-repeats-task": "Parallel repeats the task",
    "subsequent-repeats": "Subsequent repeats another",
    "subsequent-uses-nothing": "Subsequent uses nothing",
    "composition-repeats": "Composition repeats another",
    "composition-leaves-out": "Composition leaves one out",
    "names-label": "Names a label",
    "leftover-markup": "Leftover markup",
    "no-turns": "No turns",
    "empty-turn": "Empty turn",
    "unknown-role": "Unknown role",
    "roles-do-not-alternate": "Roles do not alternate",
    "starts-with-assistant": "Does not start with the user",
    "ends-with-user": "Does not end with an answer",
    "turn-too-long": "Turn too long",
    "answer-too-short": "Answer too short",
    "repeated-question": "Question asked twice",
    "answer-repeats-question": "Answer repeats the question",
    "answer-repeats-answer": "Answer repeats another",
    "speaks-as-model": "Speaks as a language model",
    "role-label": "Begins with a role",
    "chatter": "Chatter",
    "cut-off": "Cut off",
    "placeholder": "Placeholder",
    "repeats-field": "Repeats another field",
    "copies-example": "Copies an example",
}


def check_record(generator: str, fields: Fields, params: Fields, *, stage: RecordStage = "") -> tuple[Finding, ...]:
    """What is noticed about a record, at most one finding a check and field.

    `params` are those of its run, empty where it was written by hand. The fields may hold anything. At the `stage` of
    a skeleton a dialogue lacks no answers yet.
    """
    once: dict[tuple[str, str], Finding] = {}
    for finding in _findings(generator, fields, params, stage):
        once.setdefault((finding.check, finding.field), finding)  # params may give two outputs one name
    return tuple(once.values())


def fingerprint(generator: str, fields: Fields, params: Fields) -> int | None:
    """A signed number of 64 bits, equal for records whose outputs say the same; None where these hold no text.

    Upper and lower case and the kind of white space make no difference.
    """
    texts = [" ".join(text.casefold().split()) for text in _output_texts(generator, fields, params)]
    if not any(texts):
        return None
    digest = blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _findings(generator: str, fields: Fields, params: Fields, stage: RecordStage) -> Iterator[Finding]:
    if generator == ParaSeqTaskGenerator.name:
        yield from relation_findings(fields, params)
    elif generator == ConsistentChatGenerator.name:
        yield from dialogue_findings(fields, is_skeleton=stage == SKELETON)
    elif generator == CustomGenerator.name:
        yield from custom_findings(fields, params)
    else:
        empty = (key for key, value in fields.items() if isinstance(value, str) and not value.strip())
        yield from (Finding("empty", key, f"“{key}” is empty.") for key in empty)


def _output_texts(generator: str, fields: Fields, params: Fields) -> list[str]:
    if generator == ParaSeqTaskGenerator.name:
        return [_text(fields.get(key)) for key in task_keys(params)[1:]]
    if generator == ConsistentChatGenerator.name:
        turns = fields.get(CONVERSATION)
        if not isinstance(turns, list):
            return []
        return [_text(turn.get("value")) if isinstance(turn, dict) else "" for turn in turns]
    if generator == CustomGenerator.name:
        return texts_of(fields)
    return [_text(fields[key]) for key in sorted(fields)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

"""What is worked out from a record's content whenever it is written, to find, to judge and to sort it by."""

from __future__ import annotations

from dataflow_core import checks
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, task_keys
from dataflow_core.models import Digest, Fields, RecordStage


def digest_of(generator: str, fields: Fields, params: Fields, *, stage: RecordStage = "") -> Digest:
    """`params` are those of the run that the record is of, {} where it is of none."""
    return Digest(
        version=checks.VERSION,
        findings=checks.check_record(generator, fields, params, stage=stage),
        fingerprint=checks.fingerprint(generator, fields, params),
        keys=_keys(generator, fields, params),
    )


def _keys(generator: str, fields: Fields, params: Fields) -> tuple[str, ...]:
    """The texts that a reviewer judges, in the order in which the table shows them."""
    if generator == ParaSeqTaskGenerator.name:
        return tuple(_text(fields.get(name)) for name in task_keys(params))
    if generator == ConsistentChatGenerator.name:
        names = ("category", "flow", "topic")
        return (_first_question(fields.get("conversation")), *(_text(fields.get(name)) for name in names))
    values = [value for name, value in fields.items() if generator != CustomGenerator.name or name != MODEL_NAME]
    return tuple(_text(value) for value in values[:4])


def _first_question(turns: object) -> str:
    if isinstance(turns, list):
        for turn in turns:
            if isinstance(turn, dict) and turn.get("role") == "user":
                return _text(turn.get("value"))
    return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

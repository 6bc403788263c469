"""Which fields of records are shown first: the task and what was made from it, then what else the upload had."""

from __future__ import annotations

from collections.abc import Sequence

from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.generators.para_seq import task_keys
from dataflow_core.models import Record
from dataflow_core.workspace import Workspace
from ui.names import CUSTOM, DIALOGUES
from ui.values import CONVERSATION

DEFAULT_TASK_FIELDS = task_keys({})
_DIALOGUE_FIELDS = ("category", "flow", "topic")


def ordered_fields(workspace: Workspace, records: Sequence[Record]) -> tuple[list[str], list[str]]:
    """Return the names of the records' fields in two parts: those that a reviewer judges, and the others."""
    present = list(dict.fromkeys(name for record in records for name in record.fields))
    if any(record.generator == CUSTOM for record in records):
        return [name for name in present if name != MODEL_NAME], [name for name in present if name == MODEL_NAME]
    known: list[str] = []
    for run_id in dict.fromkeys(record.run_id for record in records if record.run_id):
        known.extend(task_keys(workspace.runs.get(run_id).params))
    leading = [name for name in dict.fromkeys([*known, *DEFAULT_TASK_FIELDS, *_DIALOGUE_FIELDS]) if name in present]
    hidden = {CONVERSATION, "intent"} if any(record.generator == DIALOGUES for record in records) else set()
    return leading, [name for name in present if name not in leading and name not in hidden]

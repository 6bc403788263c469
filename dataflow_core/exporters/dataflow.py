"""The generators' own shapes, as their documents show them: JSON Lines, UTF-8, nothing escaped that need not be.

Tasks: every input column and the three outputs. Dialogues: exactly `category` and `conversation`.
"""

from __future__ import annotations

import json

from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.models import Fields, Record


class DataflowExporter:
    name = "dataflow"

    def line(self, record: Record) -> str:
        # Line separators other than \n are legal in JSON text but end a line for many readers.
        text = json.dumps(_documented(record), ensure_ascii=False)
        return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")


def _documented(record: Record) -> Fields:
    if record.generator != ConsistentChatGenerator.name:
        return record.fields
    return {
        "category": record.fields["category"],
        "conversation": [{"role": turn["role"], "value": turn["value"]} for turn in record.fields["conversation"]],
    }

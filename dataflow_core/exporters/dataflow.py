"""The generators' own shapes, as their documents show them.

Tasks: every input column and the three outputs. Dialogues: exactly `category` and `conversation`.
"""

from __future__ import annotations

from dataflow_core.exporters.base import Content, Exporter, FieldChoice
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.models import Fields


class DataflowExporter(Exporter):
    name = "dataflow"
    title = "DataFlow"

    def row(self, content: Content, choice: FieldChoice) -> Fields:
        fields = content.fields
        if content.generator != ConsistentChatGenerator.name:
            return fields
        return {
            "category": fields["category"],
            "conversation": [{"role": turn["role"], "value": turn["value"]} for turn in fields["conversation"]],
        }

"""Messages as LLaMA-Factory reads them with `formatting: sharegpt` and tags, and Together and Fireworks take them."""

from __future__ import annotations

from dataflow_core.exporters.base import Severity
from dataflow_core.exporters.messages import ChatExporter


class MessagesExporter(ChatExporter):
    name = "messages"
    title = "Messages"
    trainers = "LLaMA-Factory, Together, Fireworks"
    source = "https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md"
    fewest = 3
    if_disordered = Severity.DROPPED
    why_ordered = "LLaMA-Factory skips such an example, which only its log says; Together refuses the file."

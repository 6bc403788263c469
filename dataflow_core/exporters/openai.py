"""OpenAI's chat fine-tuning, and its rules."""

from __future__ import annotations

from dataflow_core.exporters.base import Severity
from dataflow_core.exporters.messages import ChatExporter


class OpenAIExporter(ChatExporter):
    name = "openai"
    title = "OpenAI chat"
    trainers = "OpenAI, Azure OpenAI"
    source = "https://platform.openai.com/docs/guides/supervised-fine-tuning"
    fewest = 10
    if_empty = Severity.REFUSED
    why_ordered = "OpenAI takes no example without an answer at its end."
    why_full = "OpenAI refuses messages without content."

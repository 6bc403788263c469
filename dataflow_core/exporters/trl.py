"""TRL's conversational language modelling: `{"messages": […]}`."""

from __future__ import annotations

from dataflow_core.exporters.messages import ChatExporter


class TrlExporter(ChatExporter):
    name = "trl"
    title = "TRL messages"
    trainers = "TRL (SFTTrainer)"
    source = "https://huggingface.co/docs/trl/dataset_formats"
    why_ordered = "Many chat templates stop with “Conversation roles must alternate”."
    why_no_system = "It has a system turn, which some chat templates refuse (Gemma's)."

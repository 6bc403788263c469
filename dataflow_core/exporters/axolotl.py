"""Axolotl's `type: chat_template`."""

from __future__ import annotations

from dataflow_core.exporters.messages import ChatExporter


class AxolotlExporter(ChatExporter):
    name = "axolotl"
    title = "Axolotl"
    trainers = "Axolotl"
    source = "https://docs.axolotl.ai/docs/dataset-formats/conversation.html"
    why_ordered = "Many chat templates stop at roles that do not alternate, and the last turn must be one to train on."
    why_no_system = "It has a system turn, which some chat templates refuse (Gemma's)."

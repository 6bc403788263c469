"""Messages as LLaMA-Factory reads them with `formatting: sharegpt` and tags, and Together and Fireworks take them.

LLaMA-Factory's converter skips what is not pairs of a user's message and an answer. Together's file check refuses roles
that repeat. Fireworks takes no fewer than three examples.
"""

from __future__ import annotations

from dataflow_core.exporters.base import Problem, Severity
from dataflow_core.exporters.messages import ChatExporter
from dataflow_core.exporters.rules import FIRST_TURN, TURN_ORDER, Fault

SKIPPED = "LLaMA-Factory skips such an example, and says so only in its log."


class MessagesExporter(ChatExporter):
    name = "messages"
    title = "Messages"
    trainers = "LLaMA-Factory, Together, Fireworks"
    source = "https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md"
    fewest = 3
    fewest_for = "Fireworks"

    def disorder(self, fault: Fault, roles: list[str]) -> Problem:
        refused = " Together refuses the file." if fault.rule in (FIRST_TURN, TURN_ORDER) else ""
        return fault.problem(Severity.DROPPED, f"{SKIPPED}{refused}")

"""Axolotl's `type: chat_template`.

It hands the messages to the model's chat template, and many templates raise an error at roles that do not alternate,
which ends the whole run. Of a last turn that is not the assistant's it warns, and trains on what is before it.
"""

from __future__ import annotations

from dataflow_core.exporters.base import Problem, Severity
from dataflow_core.exporters.messages import ChatExporter
from dataflow_core.exporters.rules import LAST_TURN, NO_ANSWER, REFUSES_SYSTEM, Fault


class AxolotlExporter(ChatExporter):
    name = "axolotl"
    title = "Axolotl"
    trainers = "Axolotl"
    source = "https://docs.axolotl.ai/docs/dataset-formats/conversation.html"
    why_full = "Axolotl finds no such turn in the text, and does not train on it."
    why_no_system = REFUSES_SYSTEM

    def disorder(self, fault: Fault, roles: list[str]) -> Problem:
        if fault.rule == LAST_TURN and "assistant" not in roles:
            return Fault(NO_ANSWER, "It has no answer").problem(Severity.DROPPED, "There is nothing in it to train on.")
        if fault.rule == LAST_TURN:
            return fault.problem(Severity.CUT, "Axolotl warns of a last turn that is not trained on.")
        return fault.problem(Severity.REFUSED, "Many chat templates stop the run with an error there.")

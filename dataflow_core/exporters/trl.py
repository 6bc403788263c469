"""TRL's conversational language modelling: `{"messages": […]}`, which the model's chat template turns into text."""

from __future__ import annotations

from dataflow_core.exporters.base import Problem, Severity
from dataflow_core.exporters.messages import ChatExporter
from dataflow_core.exporters.rules import LAST_TURN, NO_ANSWER, REFUSES_SYSTEM, Fault

#: What becomes of roles out of order, said by the error of many templates.
STOPS = "Many chat templates stop the run with “Conversation roles must alternate”."


class TrlExporter(ChatExporter):
    name = "trl"
    title = "TRL messages"
    trainers = "TRL (SFTTrainer)"
    source = "https://huggingface.co/docs/trl/dataset_formats"
    why_no_system = REFUSES_SYSTEM

    def disorder(self, fault: Fault, roles: list[str]) -> Problem:
        if fault.rule == LAST_TURN and "assistant" not in roles:
            why = "With the loss on answers alone there is nothing in it to train on."
            return Fault(NO_ANSWER, "It has no answer").problem(Severity.DROPPED, why)
        if fault.rule == LAST_TURN:
            return fault.problem(Severity.CUT, "With the loss on answers alone its last turn is not trained on.")
        return fault.problem(Severity.REFUSED, STOPS)

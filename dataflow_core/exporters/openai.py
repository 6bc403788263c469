"""OpenAI's chat fine-tuning.

Refused are examples without an answer, that end with the user, and messages without content. Roles need not alternate.
Sources: the guide to supervised fine-tuning, and the format checks of the cookbook's `Chat_finetuning_data_prep`.
"""

from __future__ import annotations

from dataflow_core.exporters.base import Problem, Severity
from dataflow_core.exporters.messages import ChatExporter
from dataflow_core.exporters.rules import NO_ANSWER, Fault


class OpenAIExporter(ChatExporter):
    name = "openai"
    title = "OpenAI chat"
    trainers = "OpenAI, Azure OpenAI"
    source = "https://platform.openai.com/docs/guides/supervised-fine-tuning"
    fewest = 10
    fewest_for = "OpenAI"
    if_empty = Severity.REFUSED
    why_full = "OpenAI refuses a message without content."

    def disorder(self, fault: Fault, roles: list[str]) -> Problem:
        if "assistant" not in roles:
            found = Fault(NO_ANSWER, "It has no answer") if roles else fault
            return found.problem(Severity.REFUSED, "OpenAI refuses a file with such an example.")
        if roles[-1] != "assistant":
            return fault.problem(Severity.REFUSED, "OpenAI wants the last message to be the assistant's.")
        return fault.problem(Severity.NOTED, "OpenAI takes that, other trainers do not.")

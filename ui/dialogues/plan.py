"""The plan of a run of dialogues: how many, what they cost in calls, and what each will be about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, Intent, Record, Run
from dataflow_core.planning.intents import plan_dialogues
from dataflow_core.prompts.consistent_chat_small import CHUNK
from dataflow_core.workspace import Workspace
from ui.dialogues.options import DialogueOptions
from ui.format import count
from ui.text import escape_markdown, plain
from ui.try_out import Offer, same_model

PREVIEWED = 9
_AVATARS = {"user": ":material/person:", "assistant": ":material/smart_toy:"}


@dataclass(frozen=True, slots=True)
class Plan:
    """`counts` gives the number of dialogues of each chosen intent."""

    counts: Sequence[tuple[Intent, int]]
    options: DialogueOptions

    @property
    def dialogues(self) -> int:
        return sum(number for _, number in self.counts)

    @property
    def calls_per_dialogue(self) -> int:
        """A capable model writes all messages in one call and all answers in another; for the small one it is more."""
        if self.options.endpoint.recipe == "capable":
            return 2
        pairs = self.options.turns // 2
        return -(-pairs // CHUNK) + pairs

    @property
    def sentence(self) -> str:
        calls = count(self.dialogues * self.calls_per_dialogue, "call")
        least = "" if self.options.endpoint.recipe == "capable" else "at least "
        return f"{count(self.dialogues, 'dialogue')} · {least}{calls} to the model"

    @property
    def explanation(self) -> str:
        shape = f"{self.options.turns} turns each"
        stops = " The run stops after the user's messages." if self.options.review_skeletons else ""
        if self.options.endpoint.recipe == "capable":
            return f"{shape}; 2 calls a dialogue: one for the user's messages, one for the answers.{stops}"
        calls = self.calls_per_dialogue
        return f"{shape}; a small model needs {calls} calls or more a dialogue, one for each answer.{stops}"

    def check(self) -> None:
        """Raise `UsageError` for what the plan cannot be made of."""
        self.cells()
        if not self.dialogues:
            raise UsageError("The plan has no dialogues. Give at least one intent a number above 0.")

    def cells(self) -> Iterator[Fields]:
        return plan_dialogues(
            [intent for intent, _ in self.counts],
            per_intent=self.by_name(),
            turns=self.options.turns,
            language=self.options.language,
            seed=self.options.seed,
        )

    def by_name(self) -> Mapping[str, int]:
        return {intent.name: number for intent, number in self.counts}


def offer_of(workspace: Workspace, plan: Plan) -> Offer:
    options = plan.options
    return Offer(
        page="dialogues",
        endpoint=options.endpoint,
        settings=(plan.counts, replace(options, endpoint=same_model(options.endpoint))),
        plan=lambda: workspace.plan_dialogues(
            [intent for intent, _ in plan.counts],
            endpoint=options.endpoint,
            num_dialogs_per_intent=plan.by_name(),
            num_turns_per_dialog=options.turns,
            temperature=options.temperature,
            language=options.language,
            seed=options.seed,
            review_skeletons=options.review_skeletons,
            prompt=options.prompt,
            few_shot=options.few_shot,
        ),
    )


def show_plan(plan: Plan) -> None:
    st.subheader("Plan", anchor=False)
    cells = list(islice(plan.cells(), PREVIEWED))
    shown = f"The first {len(cells)} of {plan.dialogues:,}" if plan.dialogues > len(cells) else "All of them"
    st.caption(f"{shown}, in their order. No pair of flow and topic comes again before all have been used.")
    table = {"Intent": "intent", "Information flow": "flow", "Topic": "topic"}
    st.dataframe(
        {label: [cell[name] for cell in cells] for label, name in table.items()},
        hide_index=True,
        height="content",
        alt="The first dialogues of the plan",
    )


def show_dialogues(run: Run, records: Sequence[Record]) -> None:
    for record in records:
        fields = record.fields
        with st.container(border=True):
            st.caption(escape_markdown(f"{fields['intent']} · {fields['flow']} · {fields['topic']}"))
            for turn in fields["conversation"]:
                with st.chat_message(turn["role"], avatar=_AVATARS.get(turn["role"])):
                    plain(turn["value"])

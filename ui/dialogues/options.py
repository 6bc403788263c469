"""What all dialogues of a run have in common."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.models import Endpoint, PromptTexts
from dataflow_core.planning.few_shot import FewShot
from dataflow_core.workspace import Workspace
from ui.endpoints import choose_endpoint
from ui.few_shot import choose_few_shot
from ui.prompts.choice import choose_prompt

LANGUAGES = ["English", "Chinese", "Spanish", "French", "German", "Portuguese", "Japanese", "Korean", "Arabic", "Hindi"]


@dataclass(frozen=True, slots=True)
class DialogueOptions:
    endpoint: Endpoint
    per_intent: int
    turns: int
    language: str
    temperature: float
    seed: int
    review_skeletons: bool = False
    prompt: PromptTexts | None = None  # in place of the built-in one
    few_shot: FewShot | None = None


def dialogue_options(workspace: Workspace) -> DialogueOptions:
    endpoint = choose_endpoint(workspace, "dialogues-endpoint")
    left, right = st.columns(2)
    per_intent = left.number_input(
        "Dialogues per intent",
        *(1, 1_000_000, 20),
        key="dialogues-per-intent",
        persist_state="session",
        help="For each intent that has no number of its own in the list.",
    )
    turns = right.number_input(
        "Turns",
        *(2, 100, 6, 2),
        key="dialogues-turns",
        persist_state="session",
        help="Messages of both sides in a dialogue: an even number.",
    )
    language = st.selectbox(
        "Language",
        LANGUAGES,
        accept_new_options=True,
        key="dialogues-language",
        persist_state="session",
        help="Choose one, or type another.",
    )
    review_skeletons = st.toggle(
        "Review the questions first", key="dialogues-review-skeletons", persist_state="session"
    )
    st.caption("Only accepted ones get their answers: you don't pay for answers to bad questions.")
    with st.expander("More options"):
        prompt = choose_prompt(workspace, ConsistentChatGenerator.name, endpoint, "dialogues-prompt")
        few_shot = choose_few_shot(workspace, ConsistentChatGenerator.name, endpoint, "dialogues-few-shot")
        temperature = st.number_input(
            "Temperature", *(0.0, 2.0, 0.9, 0.1), format="%.2f", key="dialogues-temperature", persist_state="session"
        )
        seed = st.number_input(
            "Seed",
            *(0, 2**31 - 1, 0),
            key="dialogues-seed",
            persist_state="session",
            help="The same seed gives the same plan.",
        )
    language = (language or LANGUAGES[0]).strip()
    return DialogueOptions(endpoint, per_intent, turns, language, temperature, seed, review_skeletons, prompt, few_shot)

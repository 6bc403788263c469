"""How a run of a recipe is generated, and its trial's records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from dataflow_core.flows.record_inputs import fields_of, note_records
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.models import CustomRecipe, Endpoint, Record, Run
from dataflow_core.planning.few_shot import FewShot
from dataflow_core.planning.recipes import combinations
from dataflow_core.workspace import Workspace
from ui.custom.records import Given
from ui.endpoints import choose_endpoint
from ui.few_shot import choose_few_shot
from ui.format import count
from ui.text import escape_markdown, plain
from ui.try_out import Offer, same_model
from ui.typed import kinds_of, typed_text


@dataclass(frozen=True, slots=True)
class CustomOptions:
    endpoint: Endpoint
    count: int
    temperature: float | None
    seed: int
    few_shot: FewShot | None = None


def custom_options(workspace: Workspace, given: Given | None = None) -> CustomOptions:
    endpoint = choose_endpoint(workspace, "custom-endpoint")
    left, right = st.columns(2)
    if given is None:
        number = left.number_input("Records", *(1, 1_000_000, 20), key="custom-count", persist_state="session")
    else:
        number = given.number
        left.text_input("Records", f"{number:,}", disabled=True, key=f"custom-count-{number}")
    temperature = right.number_input(
        "Temperature",
        *(0.0, 2.0, None, 0.1),
        format="%.2f",
        placeholder="default",
        key="custom-temperature",
        persist_state="session",
    )
    with st.expander("More options"):
        seed = st.number_input(
            "Seed",
            *(0, 2**31 - 1, 0),
            key="custom-seed",
            persist_state="session",
            help="The same seed draws the same values from the lists.",
        )
        few_shot = choose_few_shot(workspace, CustomGenerator.name, endpoint, "custom-few-shot")
    return CustomOptions(endpoint, number, temperature, seed, few_shot)


def sentence_of(recipe: CustomRecipe, options: CustomOptions, given: Given | None = None) -> None:
    """Say how many calls the run makes, and how far the lists reach."""
    is_capable = options.endpoint.recipe == "capable"
    calls = options.count * (1 if is_capable else len(recipe.outputs))
    st.markdown(f"**{count(options.count, 'record')} · {'' if is_capable else 'at least '}{count(calls, 'call')}**")
    if given is not None and not recipe.variables:
        return
    if not recipe.variables:
        st.caption("All from the same words: a list in the instruction would make them differ.")
        return
    found = combinations(recipe)
    if found >= options.count:
        st.caption(f"{count(found, 'combination')} of the lists: no two records are made from the same one.")
    else:
        st.caption(f"{count(found, 'combination')} of the lists: each is used again once all were used.")


def offer_of(
    workspace: Workspace, recipe: CustomRecipe, options: CustomOptions, given: Given | None = None
) -> Offer | None:
    """None where there is no record to make one from."""
    if given is not None and not given.number:
        return None

    def plan() -> Run:
        run = workspace.plan_custom(
            recipe,
            endpoint=options.endpoint,
            count=options.count if given is None else None,
            temperature=options.temperature,
            seed=options.seed,
            inputs=None if given is None else fields_of(workspace.records, given.choice),
            few_shot=options.few_shot,
        )
        return run if given is None else note_records(workspace.runs, run, given.choice)

    return Offer(
        page="custom",
        endpoint=options.endpoint,
        settings=(recipe, given and given.choice, replace(options, endpoint=same_model(options.endpoint))),
        plan=plan,
    )


def show_records(run: Run, records: Sequence[Record]) -> None:
    for record in records:
        kinds = kinds_of(run.params, record.fields)
        with st.container(border=True, gap="xsmall"):
            facts = []
            for name, value in record.fields.items():
                text = typed_text(value, kinds[name])
                if kinds[name] != "text":
                    facts.append(f"{name}: {', '.join(text.splitlines())}")
                elif name != MODEL_NAME:
                    st.caption(escape_markdown(name))
                    plain(text or "(empty)")
            if facts:
                st.caption(escape_markdown(" · ".join(facts)))

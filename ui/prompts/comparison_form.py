"""Choosing two prompts, ten inputs and a model, and the comparisons that there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

import streamlit as st

from dataflow_core.comparing import INPUTS, comparisons, first_inputs, plan_comparison
from dataflow_core.errors import DataflowError, UsageError
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.models import Endpoint, Fields, PromptTexts, Run
from dataflow_core.planning.intents import plan_dialogues
from dataflow_core.workspace import Workspace
from ui.dialogues.options import LANGUAGES
from ui.endpoints import choose_endpoint
from ui.format import ago, count
from ui.names import DIALOGUES, TASKS, generator_name, run_label
from ui.prompts.address import open_comparison
from ui.prompts.choice import prompt_label, prompts_for
from ui.session import pasted_key
from ui.text import escape_markdown, plain

_EARLIER, _PASTED, _INTENTS = "An earlier run", "Pasted tasks", "Intents"
_LISTED = 8
_OTHER_MODEL = (
    "The embedded model follows a prompt of its own, made of examples. Choose a larger model to compare prompts."
)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What both prompts are to be tried on, and the settings of the run that it is taken from."""

    inputs: list[Fields] = field(default_factory=list)
    params: Fields | None = None


def show_comparison_form(workspace: Workspace) -> None:
    left, right = st.columns([1.9, 1], gap="medium")
    with left.container(border=True):
        generator = st.segmented_control(
            "Prompts for",
            [TASKS, DIALOGUES],
            default=TASKS,
            required=True,
            format_func=generator_name,
            key="compare-generator",
            persist_state="session",
        )
        assert generator is not None  # noqa: S101  one is required
        _form(workspace, generator)
    with right:
        _earlier(workspace)


def _form(workspace: Workspace, generator: str) -> None:
    known = {one.label: one for one in prompts_for(workspace, generator)}
    if len(known) == 1:
        name = next(iter(known))
        st.caption(escape_markdown(f"There is only {name} so far. Copy it, change the copy, and come back to compare."))
        return
    labels, sides = list(known), st.columns(2, gap="small")
    a = sides[0].selectbox(
        "One", labels, 0, format_func=lambda one: prompt_label(known[one]), key=f"compare-a-{generator}"
    )
    b = sides[1].selectbox(
        "The other", labels, 1, format_func=lambda one: prompt_label(known[one]), key=f"compare-b-{generator}"
    )
    chosen = _choose_inputs(workspace, generator)
    endpoint = choose_endpoint(workspace, "compare-endpoint")
    if endpoint.recipe == "small":
        st.caption(f":material/info: {_OTHER_MODEL}")
    n = len(chosen.inputs) or INPUTS
    if st.button(
        f"Compare on {n}",
        type="primary",
        icon=":material/compare_arrows:",
        disabled=endpoint.recipe == "small" or not chosen.inputs,
    ):
        _start(workspace, (known[a], known[b]), chosen, endpoint)
    st.caption("It makes two ordinary runs, whose records can be reviewed like all others.")


def _choose_inputs(workspace: Workspace, generator: str) -> _Chosen:
    runs = [run for run in workspace.runs.all(limit=100) if run.generator == generator]
    if runs:
        source = st.segmented_control(
            "Tried on",
            [_EARLIER, _PASTED if generator == TASKS else _INTENTS],
            default=_EARLIER,
            required=True,
            key=f"compare-source-{generator}",
            persist_state="session",
        )
        if source == _EARLIER:
            return _of_run(workspace, runs, generator)
    return _pasted() if generator == TASKS else _planned(workspace)


def _of_run(workspace: Workspace, runs: list[Run], generator: str) -> _Chosen:
    by_id = {run.id: run for run in runs}
    run_id = st.selectbox(
        "Run", list(by_id), format_func=lambda one: run_label(by_id[one]), key=f"compare-run-{generator}"
    )
    inputs = first_inputs(workspace, by_id[run_id])
    first = "input" if len(inputs) == 1 else f"{len(inputs)} inputs"
    st.caption(f"Its first {first}, with its settings.")
    return _Chosen(inputs, by_id[run_id].params)


def _pasted() -> _Chosen:
    text = st.text_area(
        "Tasks to try them on",
        height=150,
        placeholder="One task a line",
        key="compare-pasted",
        persist_state="session",
    )
    lines = list(dict.fromkeys(line.strip() for line in (text or "").splitlines() if line.strip()))
    if len(lines) > INPUTS:
        st.caption(f"The first {INPUTS} of {len(lines):,} are taken.")
    return _Chosen([{"atom_task": line} for line in lines[:INPUTS]])


def _planned(workspace: Workspace) -> _Chosen:
    intents = {intent.name: intent for intent in workspace.intents.all()}
    names = st.multiselect(
        "Intents to try them on",
        list(intents),
        placeholder="All of them",
        key="compare-intents",
        persist_state="session",
    )
    left, right = st.columns(2, gap="small")
    turns = left.number_input("Turns", *(2, 100, 6, 2), key="compare-turns", persist_state="session")
    language = right.selectbox(
        "Language", LANGUAGES, accept_new_options=True, key="compare-language", persist_state="session"
    )
    wanted = [intents[name] for name in names if name in intents] or list(intents.values())
    language = (language or LANGUAGES[0]).strip()
    try:
        cells = plan_dialogues(wanted, per_intent=INPUTS, turns=turns, language=language)
        params = ConsistentChatGenerator(num_turns_per_dialog=turns).params | {"language": language}
    except UsageError as error:
        st.error(escape_markdown(str(error)))
        return _Chosen()
    return _Chosen(list(islice(cells, INPUTS)), params)


def _start(workspace: Workspace, prompts: tuple[PromptTexts, PromptTexts], chosen: _Chosen, endpoint: Endpoint) -> None:
    try:
        runs = plan_comparison(workspace, prompts, chosen.inputs, endpoint=endpoint, params=chosen.params)
        for run in runs:
            workspace.start(run.id, key=pasted_key)
    except DataflowError as error:
        st.error(escape_markdown(str(error)))
        return
    open_comparison(str(runs[0].source["comparison"]))
    st.rerun()


def _earlier(workspace: Workspace) -> None:
    st.markdown("**Earlier comparisons**")
    found = list(comparisons(workspace).items())
    if not found:
        st.caption("None yet.")
    for name, (a, b) in found[:_LISTED]:
        with st.container(border=True, gap="xxsmall"):
            plain(f"{a.prompt_version} and {b.prompt_version}")
            on = count(int(a.source.get("lines", 0)), "input")
            st.caption(escape_markdown(f"{on} · {a.endpoint.model or a.endpoint.name} · {ago(a.created_at)}"))
            st.button("Open", type="tertiary", key=f"comparison-{name}", on_click=open_comparison, args=(name,))
    if len(found) > _LISTED:
        st.caption(f"The last {_LISTED} of {len(found):,}. The others are under Runs.")

"""Whether a model is shown accepted records as examples, and how many."""

from __future__ import annotations

import streamlit as st

from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.models import Endpoint, ReviewStatus
from dataflow_core.planning.few_shot import MOST, FewShot
from dataflow_core.planning.plans import NO_EXAMPLES
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace


def choose_few_shot(workspace: Workspace, generator: str, endpoint: Endpoint, key: str) -> FewShot | None:
    is_small = endpoint.recipe == "small"
    wanted = st.toggle(
        "Show accepted records as examples",
        key=f"{key}-{endpoint.recipe}",
        persist_state="session",
        disabled=is_small,
    )
    if is_small:
        st.caption(NO_EXAMPLES)
        return None
    if not wanted:
        return None
    left, right = st.columns(2)
    default = FewShot()
    number = left.number_input(
        "Up to", *(1, MOST, default.count), key=f"{key}-count", persist_state="session", help="Records with each input."
    )
    tokens = right.number_input(
        "Tokens at most",
        *(1, 1_000_000, default.max_tokens, 100),
        key=f"{key}-tokens",
        persist_state="session",
        help="Of all examples of an input together, reckoned at four characters a token.",
    )
    st.caption(_from_which(workspace, generator))
    return FewShot(number, tokens)


_WHICH = {
    ParaSeqTaskGenerator.name: "tasks with the same columns",
    ConsistentChatGenerator.name: "dialogues of the same length and language",
    CustomGenerator.name: "records of this recipe",
}


def _from_which(workspace: Workspace, generator: str) -> str:
    accepted = Query(generators=(generator,), statuses=(ReviewStatus.ACCEPTED,))
    edited = Query(generators=(generator,), statuses=(ReviewStatus.UNREVIEWED,), is_edited=True)
    if not workspace.records.count(accepted) + workspace.records.count(edited):
        return "Nothing is accepted yet, so nothing would be shown. Accept some records in Review first."
    return (
        f"Accepted or edited {_WHICH[generator]}, those most like each input, never its own. They are chosen once, "
        "when the run is planned."
    )

"""The dialog in which a record is written by hand."""

from __future__ import annotations

import streamlit as st

from dataflow_core.errors import DataflowError
from dataflow_core.generators.custom import recipe_in
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.generators.para_seq import task_keys
from dataflow_core.models import Fields, FieldType
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.names import CUSTOM, DIALOGUES
from ui.review.focus import open_record
from ui.review.snapshots import take_new_snapshot
from ui.session import reviewer
from ui.text import escape_markdown
from ui.typed import Kinds, kinds_of, read_typed, typed_input
from ui.values import CONVERSATION


@st.dialog("Add a record", width="medium", icon=":material/add:")
def add_record(workspace: Workspace, query: Query) -> None:
    """A form for one record of the query's generator. The record opens for editing once it is added."""
    generator = query.generators[0]
    with st.form("review_add", border=False):
        own = _own(workspace, query) if generator == CUSTOM else None
        fields = {} if own else _dialogue(workspace) if generator == DIALOGUES else _task(workspace, query)
        is_ready = st.form_submit_button("Add", type="primary")
    if not is_ready:
        return
    try:
        if own is not None:
            fields = read_typed(*own) | {MODEL_NAME: ""}
        record = workspace.review.add(fields, generator=generator, author=reviewer())
    except DataflowError as error:
        st.error(escape_markdown(str(error)))
        return
    take_new_snapshot()
    open_record(record.id)
    st.rerun()


def _task(workspace: Workspace, query: Query) -> Fields:
    like = next(
        (run for run in workspace.runs.all() if run.id in query.runs or run.generator == query.generators[0]), None
    )
    names = task_keys(like.params if like else {})
    return {name: st.text_area(escape_markdown(name), key=f"review_add_{name}") for name in names}


def _own(workspace: Workspace, query: Query) -> tuple[dict[str, str], Kinds]:
    """The fields of the records beside which it will stand: those of the run's recipe, or the newest record's."""
    runs = [run for run in workspace.runs.all() if run.generator == CUSTOM]
    chosen = [run for run in runs if run.id in query.runs] or runs
    recipe = next(filter(None, (recipe_in(run.params) for run in chosen)), None)
    if recipe is not None:
        kinds: dict[str, FieldType | None] = {output.name: output.type for output in recipe.outputs}
    else:
        newest = workspace.records.page(workspace.records.numbers(Query(generators=(CUSTOM,), runs=query.runs))[-1:])
        kinds = kinds_of({}, newest[0].fields) if newest else {"text": "text"}
    kinds = {name: kind for name, kind in kinds.items() if name != MODEL_NAME}
    return {name: typed_input(name, kind, None, key=f"review_add_{name}") for name, kind in kinds.items()}, kinds


def _dialogue(workspace: Workspace) -> Fields:
    category: str | None = st.selectbox(
        "Category",
        [intent.name for intent in workspace.intents.all()],
        accept_new_options=True,
        help="The intent. A name of your own may be typed in.",
    )
    flow, topic = st.columns(2)
    fields: Fields = {"category": category or "", "intent": category or ""}
    fields["flow"] = flow.text_input("Flow")
    fields["topic"] = topic.text_input("Topic")
    question = st.text_area("First question", placeholder="What the user says")
    answer = st.text_area("Answer", placeholder="What the assistant says")
    st.caption("Further turns are added in the record, which opens next.")
    turns = [{"role": "user", "value": question}, {"role": "assistant", "value": answer}]
    return fields | {CONVERSATION: [turn for turn in turns if turn["value"].strip()]}

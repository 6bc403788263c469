"""Records of this workspace as tasks: which run's, which of them, and the field that holds the task."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dataflow_core.flows.record_inputs import RecordChoice, note_records, table_of, text_fields
from dataflow_core.models import Record, Run
from dataflow_core.readers import Entry, Selection, Table, guess_task_column
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.format import count
from ui.names import generator_name, run_label
from ui.text import escape_markdown
from ui.use_records import choose_which, records_of, say_why_none
from ui.values import as_text

_PREVIEWED, _MOST_RUNS = 50, 200


@dataclass(frozen=True, slots=True)
class RecordInputs:
    """What a run over records would be made from. They are read when it is planned."""

    workspace: Workspace
    choice: RecordChoice
    task_column: str
    columns: tuple[str, ...]
    number: int

    @property
    def settings(self) -> object:
        return self.choice, self.task_column

    @property
    def sentence(self) -> str:
        return f"{count(self.number, 'record')} = {count(self.number, 'input')}"

    def loaded(self) -> tuple[Table, Selection]:
        return table_of(self.workspace.records, self.choice)

    def note(self, run: Run) -> Run:
        return note_records(self.workspace.runs, run, self.choice)


def choose_run_of_records(workspace: Workspace) -> RecordChoice | None:
    """Let the person choose a run that has records; None until that is done."""
    counts = workspace.records.count_by("runs", Query())
    runs = {run.id: run for run in workspace.runs.all(limit=_MOST_RUNS) if counts.get(run.id)}
    if not runs:
        st.caption("There are no records yet. Those of a run can be the tasks of the next one.")
        return None
    chosen = st.selectbox(
        "Run",
        list(runs),
        format_func=lambda run_id: f"{run_label(runs[run_id])}, {count(counts[run_id], 'record')}",
        key="tasks-records-run",
    )
    is_used = st.button("Use its records", icon=":material/output:")
    return records_of(runs[chosen]) if is_used else None


def choose_record_inputs(workspace: Workspace, given: RecordChoice) -> RecordInputs | None:
    """Let the person choose which of the records, and the field with the task; None where there are none."""
    choice, number = choose_which(workspace, given, "tasks-records-which")
    sample = choice.sample(workspace.records)
    columns = text_fields(sample)
    if not columns:
        say_why_none(workspace, given)
        return None
    key = f"tasks-field-{hashlib.sha256(repr(given).encode()).hexdigest()[:12]}"
    task = st.selectbox("Field with the task", columns, columns.index(_guess(columns, sample)), key=key)
    _preview(sample[:_PREVIEWED], task)
    if number > _PREVIEWED:
        st.caption(f"The first {_PREVIEWED} of {number:,}.")
    st.caption("All their other fields are kept. They are taken as they are when the run is planned.")
    every = tuple(dict.fromkeys(name for record in sample for name in record.fields))
    _free_output_names(every)
    return RecordInputs(workspace, choice, task, every, number)


def _free_output_names(taken: tuple[str, ...]) -> None:
    """Records of tasks have the usual names of the outputs already: propose others."""
    renamed = []
    for what in ("parallel", "subsequent", "composition"):
        key = output_name_key(what)
        present = st.session_state[key]
        if present in taken and present.startswith(f"{what}_task"):  # what a person has typed stays, and is said
            names = (f"{what}_task_{number}" for number in range(2, len(taken) + 3))
            st.session_state[key] = next(name for name in names if name not in taken)
        if st.session_state[key] != f"{what}_task":
            renamed.append(st.session_state[key])
    if renamed:
        st.caption(escape_markdown(f"New fields, to be renamed under “More options”: {', '.join(renamed)}."))


def forget_output_names() -> None:
    """Back to the usual names, for another source. For a callback."""
    for what in ("parallel", "subsequent", "composition"):
        st.session_state.pop(f"tasks-output-{what}", None)


def output_name_key(what: str) -> str:
    """Where the session has the name of this output; the usual one at first."""
    key = f"tasks-output-{what}"
    st.session_state.setdefault(key, f"{what}_task")
    return key


def _guess(columns: list[str], sample: list[Record]) -> str:
    entries = [Entry(record.number, record.fields) for record in sample]
    return guess_task_column(Table(tuple(columns), entries, [], "Records", "", None, ""))


def _preview(sample: list[Record], task: str) -> None:
    kinds = ", ".join(dict.fromkeys(generator_name(record.generator) for record in sample))
    names = [task, *dict.fromkeys(name for record in sample for name in record.fields if name != task)]
    frame = pd.DataFrame(
        {name: [as_text(record.fields.get(name)) for record in sample] for name in names},
        index=pd.Index([record.number for record in sample], name="Record"),
    )
    with st.container(horizontal=True, gap="xsmall"):
        st.badge(escape_markdown(kinds), color="gray")
        st.badge(count(len(names), "field"), color="gray")
    st.dataframe(
        frame,
        height="content" if len(sample) <= 8 else 320,
        column_config={task: st.column_config.TextColumn(f"Task: {task}", width="large")},
        alt="The first of the records",
    )

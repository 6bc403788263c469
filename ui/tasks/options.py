"""How a run of tasks is generated, and its trial's records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.models import Endpoint, PromptTexts, Record, Run
from dataflow_core.planning.few_shot import FewShot
from dataflow_core.workspace import Workspace
from ui.endpoints import choose_endpoint
from ui.few_shot import choose_few_shot
from ui.prompts.choice import choose_prompt
from ui.tasks.preview import Inputs
from ui.tasks.records import RecordInputs, output_name_key
from ui.try_out import Offer, same_model
from ui.values import as_text


@dataclass(frozen=True, slots=True)
class TaskOptions:
    endpoint: Endpoint
    temperature: float | None
    seed: int
    output_names: tuple[str, str, str]  # parallel, subsequent, composition
    prompt: PromptTexts | None = None  # in place of the built-in one
    few_shot: FewShot | None = None


def task_options(workspace: Workspace) -> TaskOptions:
    endpoint = choose_endpoint(workspace, "tasks-endpoint")
    with st.expander("More options"):
        prompt = choose_prompt(workspace, ParaSeqTaskGenerator.name, endpoint, "tasks-prompt")
        few_shot = choose_few_shot(workspace, ParaSeqTaskGenerator.name, endpoint, "tasks-few-shot")
        left, right = st.columns(2)
        temperature = left.number_input(
            "Temperature",
            *(0.0, 2.0, None, 0.1),
            format="%.2f",
            placeholder="default",
            key="tasks-temperature",
            persist_state="session",
        )
        seed = right.number_input(
            "Seed",
            *(0, 2**31 - 1, 0),
            key="tasks-seed",
            persist_state="session",
            help="For the embedded model, which draws several candidates.",
        )
        names = tuple(
            st.text_input(
                f"{what.capitalize()} task goes to",
                key=output_name_key(what),
                persist_state="session",
            ).strip()
            for what in ("parallel", "subsequent", "composition")
        )
    parallel, subsequent, composition = names
    return TaskOptions(endpoint, temperature, seed, (parallel, subsequent, composition), prompt, few_shot)


def offer_of(workspace: Workspace, inputs: Inputs | RecordInputs, options: TaskOptions) -> Offer:
    """Raises `UsageError` for an output name that is empty, given twice, or an input column's."""
    parallel, subsequent, composition = options.output_names
    try:
        ParaSeqTaskGenerator(
            input_task_key=inputs.task_column,
            output_parallel_task_key=parallel,
            output_subsequent_task_key=subsequent,
            output_composition_task_key=composition,
        ).check_columns(inputs.columns)
    except UsageError as error:
        raise UsageError(f"{error} The names are under “More options”.") from error
    return Offer(
        page="tasks",
        endpoint=options.endpoint,
        settings=(inputs.settings, replace(options, endpoint=same_model(options.endpoint))),
        plan=lambda: inputs.note(
            workspace.plan_tasks(
                *inputs.loaded(),
                endpoint=options.endpoint,
                input_task_key=inputs.task_column,
                output_parallel_task_key=parallel,
                output_subsequent_task_key=subsequent,
                output_composition_task_key=composition,
                temperature=options.temperature,
                seed=options.seed,
                prompt=options.prompt,
                few_shot=options.few_shot,
            )
        ),
    )


def show_records(run: Run, records: Sequence[Record]) -> None:
    """The four tasks of each record; its other columns are seen on the Review page."""
    keys = ("input_task_key", "output_parallel_task_key", "output_subsequent_task_key", "output_composition_task_key")
    columns = [run.params[key] for key in keys]
    frame = pd.DataFrame({column: [as_text(record.fields.get(column)) for record in records] for column in columns})
    st.dataframe(
        frame,
        hide_index=True,
        row_height=112,
        height="content",
        column_config={column: st.column_config.TextColumn(width=160) for column in columns},
        alt="The records of the trial",
    )

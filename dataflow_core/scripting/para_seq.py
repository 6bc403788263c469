"""`ParaSeqTaskGenerator` with its documented `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataflow_core.generators import para_seq
from dataflow_core.models import Failure, PromptTexts
from dataflow_core.scripting.api_serving import APILLMServing_request

if TYPE_CHECKING:
    from dataflow_core.models import Endpoint, Run
    from dataflow_core.scripting.file_storage import DataFlowStorage
    from dataflow_core.scripting.step_runs import WorkspaceLike
    from dataflow_core.workspace import Workspace


class ParaSeqTaskGenerator(para_seq.ParaSeqTaskGenerator):
    """Makes a parallel, a subsequent and a composition task of each atomic task.

    `llm_serving` is an `APILLMServing_request`, any object that has `generate_from_input`, or an `Endpoint` such as
    `EMBEDDED`. `temperature` None is the serving's own. `prompt` takes the place of the built-in one. `failures` holds
    what came of the inputs that failed in the last run. As a step of a `Pipeline` it takes the records of the step
    before, by the keys it is made with.
    """

    def __init__(
        self,
        llm_serving: Any,
        *,
        input_task_key: str = "atom_task",
        output_parallel_task_key: str = "parallel_task",
        output_subsequent_task_key: str = "subsequent_task",
        output_composition_task_key: str = "composition_task",
        temperature: float | None = None,
        seed: int = 0,
        prompt: PromptTexts | None = None,
    ) -> None:
        if temperature is None and isinstance(llm_serving, APILLMServing_request):
            temperature = llm_serving.temperature
        super().__init__(
            llm_serving,
            input_task_key=input_task_key,
            output_parallel_task_key=output_parallel_task_key,
            output_subsequent_task_key=output_subsequent_task_key,
            output_composition_task_key=output_composition_task_key,
            temperature=temperature,
            seed=seed,
            prompt=prompt.as_fields() if isinstance(prompt, PromptTexts) else prompt,
        )
        self.failures: list[Failure] = []

    def run(
        self,
        storage: DataFlowStorage,
        input_task_key: str,
        output_parallel_task_key: str = "parallel_task",
        output_subsequent_task_key: str = "subsequent_task",
        output_composition_task_key: str = "composition_task",
        *,
        workspace: WorkspaceLike = None,
    ) -> list[str]:
        """Read the storage's step, write its rows with three more columns as the next, return those columns' names.

        An input that failed is left out of the step; it is in `failures`, and with a `FileStorage` in
        `…_failures.jsonl` beside the step. A run that was killed goes on where it stood when the same script runs
        again. With `workspace`, an open `Workspace` or a folder, it is a run there, to be watched and reviewed in the
        app; run again when it has finished, it calls for nothing but what had failed.

        Raises `UsageError` for a missing column, an output name that is taken, and a storage without rows;
        `ConfigurationError` for a wrong key, model or address; `ServingError` where the model does not answer.
        """
        from dataflow_core.readers import Entry, Selection, Table
        from dataflow_core.scripting.step_runs import StepPlan, carry_out, check_before, rows_in

        rows = rows_in(storage)
        check_before(rows, storage)
        self.input_task_key = input_task_key
        self.output_keys = (output_parallel_task_key, output_subsequent_task_key, output_composition_task_key)
        self.check_columns(rows.columns)
        entries = [Entry(number, fields) for number, fields in enumerate(rows.rows, 1)]
        source = getattr(storage, "first_entry_file_name", "") or type(storage).__name__
        table = Table(rows.columns, entries, [], "JSON Lines", "UTF-8", None, source)

        def create(opened: Workspace, endpoint: Endpoint) -> Run:
            settings = {name: value for name, value in self.params.items() if name != "prompt"}
            selection = Selection(entries, [])
            return opened.plan_tasks(table, selection, endpoint=endpoint, prompt=self.prompt, **settings)

        plan = StepPlan(
            generator=self,
            params=self.params,
            inputs=rows.rows,
            create=create,
            row=lambda record: record.fields,
            columns=(*rows.columns, *self.output_keys),
        )
        self.failures = []
        _, self.failures = carry_out(
            lambda _: plan, llm_serving=self.llm_serving, storage=storage, workspace=workspace, name=self.name
        )
        return list(self.output_keys)

    def __rshift__(self, other: Any) -> Any:
        """In a `Pipeline`, `a >> b`: b takes a's records as its inputs."""
        from dataflow_core.scripting.pipeline import connect

        return connect(self, other)

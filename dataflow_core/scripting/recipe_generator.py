"""A recipe with a `run` like that of the documented generators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataflow_core.generators import custom
from dataflow_core.generators.base import recipe_of
from dataflow_core.models import CustomRecipe, Failure
from dataflow_core.scripting.api_serving import APILLMServing_request

if TYPE_CHECKING:
    import pandas as pd

    from dataflow_core.models import Endpoint, Run
    from dataflow_core.scripting.file_storage import DataFlowStorage
    from dataflow_core.scripting.step_runs import WorkspaceLike
    from dataflow_core.workspace import Workspace


class RecipeGenerator(custom.CustomGenerator):
    """Makes records of one's own by a recipe: what is declared there, and `model_name`.

    `llm_serving` is an `APILLMServing_request`, any object that has `generate_from_input`, or an `Endpoint` such as
    `EMBEDDED`. `temperature` None is the serving's own. `failures` holds what came of the inputs that failed in the
    last run. Raises `UsageError` for a recipe that cannot be used.
    """

    def __init__(
        self, llm_serving: Any, recipe: CustomRecipe, *, temperature: float | None = None, seed: int = 0
    ) -> None:
        from dataflow_core.planning.recipes import read_recipe

        if temperature is None and isinstance(llm_serving, APILLMServing_request):
            temperature = llm_serving.temperature
        checked = read_recipe(recipe.as_fields() if isinstance(recipe, CustomRecipe) else recipe, columns=None)
        super().__init__(checked, temperature=temperature, seed=seed, recipe=recipe_of(llm_serving))
        self.llm_serving = llm_serving
        self.failures: list[Failure] = []

    def run(
        self, storage: DataFlowStorage, count: int | None = None, *, workspace: WorkspaceLike = None
    ) -> pd.DataFrame:
        """Write `count` records as the storage's next step, and return them as a frame.

        Where the storage's step has rows, one is made from each of them (at most `count`), whose columns stand for the
        names in the instruction. A record that failed is left out; it is in `failures`, and with a `FileStorage` in
        `…_failures.jsonl` beside the step. A run that was killed goes on where it stood when the same script runs
        again. With `workspace`, an open `Workspace` or a folder, it is a run there.

        Raises `UsageError` where something stands for none of the names, without a count and rows, and for a storage
        whose type cannot hold lists (CSV) that the recipe makes; `ConfigurationError` for a wrong key, model or
        address; `ServingError` where the model does not answer.
        """
        from dataflow_core.planning.recipes import draw
        from dataflow_core.scripting.rows import frame_of
        from dataflow_core.scripting.step_runs import StepPlan, carry_out, refuse_csv, rows_in

        for output in self.custom.outputs:
            if output.type == "list of texts":
                refuse_csv(storage, output.name)
        given = rows_in(storage).rows or None
        drawn = list(draw(self.custom, count, self.seed, inputs=given))

        def create(opened: Workspace, endpoint: Endpoint) -> Run:
            return opened.plan_custom(
                self.custom,
                endpoint=endpoint,
                count=count,
                temperature=self.temperature,
                seed=self.seed,
                inputs=given,
            )

        plan = StepPlan(
            generator=self,
            params=self.params,
            inputs=drawn,
            create=create,
            row=lambda record: record.fields,
            columns=self.output_keys,
        )
        self.failures = []
        rows, self.failures = carry_out(
            lambda _: plan, llm_serving=self.llm_serving, storage=storage, workspace=workspace, name=self.name
        )
        return frame_of(rows)

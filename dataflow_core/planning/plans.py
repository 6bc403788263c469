"""Planning runs: what each is to be made of, stored before anything is called; `workspace.start` begins them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dataflow_core.errors import UsageError
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator, dialogue_input
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.generators.prompt_check import check_prompt
from dataflow_core.models import CustomRecipe, Endpoint, Example, Fields, Intent, PromptTexts, Run
from dataflow_core.planning.few_shot import FewShot, choose_examples
from dataflow_core.planning.intents import plan_dialogues
from dataflow_core.planning.recipes import draw, read_recipe
from dataflow_core.readers import Selection, Table
from dataflow_core.storage.database import Database
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.runs import RunStore


class Planner:
    """The part of a workspace that plans its runs."""

    runs: RunStore
    database: Database

    def plan_tasks(
        self,
        table: Table,
        selection: Selection,
        *,
        endpoint: Endpoint,
        input_task_key: str,
        output_parallel_task_key: str = "parallel_task",
        output_subsequent_task_key: str = "subsequent_task",
        output_composition_task_key: str = "composition_task",
        temperature: float | None = None,
        seed: int = 0,
        name: str = "",
        prompt: PromptTexts | None = None,
        few_shot: FewShot | None = None,
    ) -> Run:
        """Store a run of `ParaSeqTaskGenerator` over the selection; `start` begins it.

        `prompt` takes the place of the built-in one. With `few_shot` each input is shown accepted records like it, as
        they are now. Raises `UsageError` for a column that is not there, an output name that an input column has, a
        prompt that cannot be used, and for examples with a small model, which takes none.
        """
        generator = ParaSeqTaskGenerator(
            input_task_key=input_task_key,
            output_parallel_task_key=output_parallel_task_key,
            output_subsequent_task_key=output_subsequent_task_key,
            output_composition_task_key=output_composition_task_key,
            temperature=temperature,
            seed=seed,
            recipe=endpoint.recipe,
            prompt=_checked(prompt),
        )
        generator.check_columns(table.columns)
        inputs = [entry.fields for entry in selection.entries]
        examples = self._examples(generator.name, generator.params, inputs, endpoint, few_shot)
        return self.runs.create(
            RunPlan(
                name=name or table.name,
                generator=generator.name,
                params=generator.params | _as_params(few_shot),
                endpoint=endpoint,
                prompt_version=generator.prompt_version,
                inputs=inputs,
                examples=examples,
                source={
                    "name": table.name,
                    "format": table.format,
                    "encoding": table.encoding,
                    "lines": table.lines,
                    "skipped": len(selection.skipped),
                },
                skipped=selection.skipped,
            )
        )

    def plan_dialogues(
        self,
        intents: Sequence[Intent],
        *,
        endpoint: Endpoint,
        num_dialogs_per_intent: int | Mapping[str, int] = 20,
        num_turns_per_dialog: int = 6,
        temperature: float = 0.9,
        language: str = "English",
        seed: int = 0,
        name: str = "",
        review_skeletons: bool = False,
        prompt: PromptTexts | None = None,
        few_shot: FewShot | None = None,
    ) -> Run:
        """Store a run of `ConsistentChatGenerator` over the seeded plan; `start` begins it.

        With `review_skeletons` it writes the user's turns only; `answer_accepted` has those answered that a person
        has accepted. `prompt` takes the place of the built-in one. With `few_shot` each dialogue is shown accepted ones
        like it, as they are now. Raises `UsageError` for an odd number of turns, no intents, an intent without flows or
        topics, a prompt that cannot be used, and for examples with a small model, which takes none.
        """
        generator = ConsistentChatGenerator(
            num_turns_per_dialog=num_turns_per_dialog,
            temperature=temperature,
            seed=seed,
            recipe=endpoint.recipe,
            prompt=_checked(prompt),
        )
        cells = list(
            plan_dialogues(
                intents, per_intent=num_dialogs_per_intent, turns=num_turns_per_dialog, language=language, seed=seed
            )
        )
        params = generator.params | {
            "num_dialogs_per_intent": num_dialogs_per_intent
            if isinstance(num_dialogs_per_intent, int)
            else dict(num_dialogs_per_intent),
            "language": language,
            "intents": [intent.name for intent in intents],
            "review_skeletons": review_skeletons,
        }
        return self.runs.create(
            RunPlan(
                name=name or f"{len(intents)} intents",
                generator=generator.name,
                params=params | _as_params(few_shot),
                endpoint=endpoint,
                prompt_version=generator.prompt_version,
                inputs=cells,
                examples=self._examples(generator.name, params, cells, endpoint, few_shot),
                source={"name": "plan", "lines": len(cells), "skipped": 0},
            )
        )

    def plan_answers(
        self,
        dialogues: Iterable[Fields],
        *,
        endpoint: Endpoint,
        temperature: float = 0.9,
        seed: int = 0,
        name: str = "",
        source: Fields | None = None,
    ) -> Run:
        """Store a run that answers existing dialogues anew; `start` begins it.

        `dialogues` are the fields of dialogue records. Each becomes an input that keeps the user's turns, the system
        turn and all other fields; its answers are written by the model, and make a new record. `source` says where the
        dialogues are from. Raises `UsageError` where there is none.
        """
        generator = ConsistentChatGenerator(temperature=temperature, seed=seed, recipe=endpoint.recipe)
        inputs = [dialogue_input(fields) for fields in dialogues]
        if not inputs:
            raise UsageError("There is no dialogue to be answered anew.")
        return self.runs.create(
            RunPlan(
                name=name or "Answered anew",
                generator=generator.name,
                params={"temperature": temperature, "seed": seed, "keeps_questions": True},
                endpoint=endpoint,
                prompt_version=generator.prompt_version,
                inputs=inputs,
                source={"name": "dialogues", "lines": len(inputs), "skipped": 0} | (source or {}),
            )
        )

    def plan_custom(
        self,
        recipe: CustomRecipe,
        *,
        endpoint: Endpoint,
        count: int | None = None,
        temperature: float | None = None,
        seed: int = 0,
        name: str = "",
        inputs: Iterable[Mapping[str, Any]] | None = None,
        few_shot: FewShot | None = None,
    ) -> Run:
        """Store a run of the recipe for `count` records of one's own; `start` begins it.

        `inputs` are the fields of other records, each to make one from (at most `count`); they stand for the names in
        the instruction. `temperature` None leaves it to the endpoint. With `few_shot` each input is shown accepted
        records of a recipe of this name, after the recipe's own examples. Raises `UsageError` for what is wrong with
        the recipe, where nothing stands for one of its names, and for examples with a small model.
        """
        recipe = read_recipe(recipe.as_fields(), columns=None)  # it may have been put together by a script
        generator = CustomGenerator(recipe, temperature=temperature, seed=seed, recipe=endpoint.recipe)
        drawn = list(draw(recipe, count, seed, inputs=inputs))
        params = generator.params | {"count": len(drawn)}
        return self.runs.create(
            RunPlan(
                name=name or recipe.name,
                generator=generator.name,
                params=params | _as_params(few_shot),
                endpoint=endpoint,
                prompt_version=generator.prompt_version,
                inputs=drawn,
                examples=self._examples(generator.name, params, drawn, endpoint, few_shot),
                source={"name": "recipe" if inputs is None else "records", "lines": len(drawn), "skipped": 0},
            )
        )

    def _examples(
        self, generator: str, params: Fields, inputs: Sequence[Fields], endpoint: Endpoint, few_shot: FewShot | None
    ) -> list[tuple[Example, ...]] | None:
        """Chosen now and kept with the inputs: what becomes of the records later changes nothing of the run."""
        if few_shot is None:
            return None
        if endpoint.recipe == "small":
            raise UsageError(NO_EXAMPLES)
        return choose_examples(self.database, generator, params, inputs, few_shot)


#: Why a run with a small model cannot be shown accepted records.
NO_EXAMPLES = (
    "A small model follows the examples of its own prompt, and more of them do not fit: choose a larger model to show "
    "it accepted records."
)


def _checked(prompt: PromptTexts | None) -> Fields | None:
    if prompt is None:
        return None
    if not isinstance(prompt, PromptTexts):
        raise UsageError(f"A prompt is what workspace.prompts.get(…) returns; a {type(prompt).__name__} was given.")
    check_prompt(prompt)
    return prompt.as_fields()


def _as_params(few_shot: FewShot | None) -> Fields:
    return {} if few_shot is None else {"few_shot": few_shot.as_fields()}

"""`ParaSeqTaskGenerator`: an atomic task, and the parallel, subsequent and composition tasks around it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from dataflow_core.errors import UsageError
from dataflow_core.generators.answers import JsonAnswer, NonEmpty, StrictAnswer
from dataflow_core.generators.base import Ask, recipe_of, seed_for
from dataflow_core.generators.para_seq_small import small_relations
from dataflow_core.generators.relations import Relations
from dataflow_core.models import Completion, Fields, Input, Recipe
from dataflow_core.prompts import para_seq, para_seq_small
from dataflow_core.prompts.builtin import own_prompt


class RelationsAnswer(StrictAnswer):
    parallel_task: NonEmpty
    subsequent_task: NonEmpty
    composition_task: NonEmpty


ANSWER = JsonAnswer(RelationsAnswer)


def task_keys(params: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """The names of the four fields in a run with these params: the task, and what was made from it."""
    return (
        str(params.get("input_task_key", "atom_task")),
        str(params.get("output_parallel_task_key", "parallel_task")),
        str(params.get("output_subsequent_task_key", "subsequent_task")),
        str(params.get("output_composition_task_key", "composition_task")),
    )


class ParaSeqTaskGenerator:
    """Carries every field of the input through unchanged and adds three.

    `temperature` None leaves it to the endpoint (the small recipe has its own). `seed` is for the small
    recipe, which draws several candidates. `prompt` is one of a person's own (`PromptTexts.as_fields`) in place of the
    built-in one; raises `UsageError` where it is not for this generator or for models of this size. The records that
    an input has as examples take the place of the prompt's own example; the small recipe leaves both aside.
    """

    name: ClassVar[str] = "ParaSeqTaskGenerator"
    label: ClassVar[str] = "tasks"

    def __init__(
        self,
        llm_serving: Any = None,
        *,
        input_task_key: str = "atom_task",
        output_parallel_task_key: str = "parallel_task",
        output_subsequent_task_key: str = "subsequent_task",
        output_composition_task_key: str = "composition_task",
        temperature: float | None = None,
        seed: int = 0,
        recipe: Recipe | None = None,
        prompt: Mapping[str, Any] | None = None,
    ) -> None:
        self.llm_serving = llm_serving
        self.input_task_key = input_task_key
        self.output_keys = (output_parallel_task_key, output_subsequent_task_key, output_composition_task_key)
        self.temperature = temperature
        self.seed = seed
        self.recipe = recipe or recipe_of(llm_serving)
        self.prompt = own_prompt(prompt, self.name, self.recipe)

    @property
    def prompt_version(self) -> str:
        if self.prompt is not None:
            return self.prompt.label
        return para_seq_small.VERSION if self.recipe == "small" else para_seq.VERSION

    @property
    def params(self) -> Fields:
        """What `build_generator` makes the same generator from."""
        parallel, subsequent, composition = self.output_keys
        return {
            "input_task_key": self.input_task_key,
            "output_parallel_task_key": parallel,
            "output_subsequent_task_key": subsequent,
            "output_composition_task_key": composition,
            "temperature": self.temperature,
            "seed": self.seed,
            **({} if self.prompt is None else {"prompt": self.prompt.as_fields()}),
        }

    def check_columns(self, columns: Iterable[str]) -> None:
        """Raises `UsageError` for a missing task column, or an output name that is blank, taken or given twice."""
        columns = tuple(columns)
        if self.input_task_key not in columns:
            raise UsageError(f"There is no column {self.input_task_key!r}. The columns are: {', '.join(columns)}.")
        for key in self.output_keys:
            if not key.strip():
                raise UsageError("An output name is empty. Give each of the three outputs a name.")
            if key in columns:
                raise UsageError(
                    f"The output name {key!r} is also a column of the input, which would be overwritten. "
                    "Give the output another name."
                )
            if self.output_keys.count(key) > 1:
                raise UsageError(f"Two outputs are named {key!r}. Give each a name of its own.")

    async def generate(self, item: Input, ask: Ask) -> Fields:
        self.check_columns(item.fields)
        value = item.fields[self.input_task_key]
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"The task is empty: {self.input_task_key!r} holds no text.")
        relations = await self._relations(value, item, ask)
        texts = (relations.parallel_task, relations.subsequent_task, relations.composition_task)
        return item.fields | dict(zip(self.output_keys, texts, strict=True))

    def blank(self, item: Input, answered: Mapping[str, Completion]) -> Fields:
        return item.fields | dict.fromkeys(self.output_keys, "")

    async def _relations(self, task: str, item: Input, ask: Ask) -> Relations:
        if self.recipe == "small":
            return await small_relations(task, ask, seed=seed_for(self.seed, item), temperature=self.temperature)
        prompt = para_seq.relations_prompt(
            task,
            temperature=self.temperature,
            prompt=self.prompt or para_seq.PROMPT,
            examples=list(self._shown(item)),
        )
        answer = await ask(prompt, answer=ANSWER, step="relations")
        return Relations(answer.parallel_task, answer.subsequent_task, answer.composition_task)

    def _shown(self, item: Input) -> Iterator[tuple[str, str]]:
        """The tasks of the input's examples, with what was made of them in the form of an answer."""
        for example in item.examples:
            texts = [example.fields.get(key) for key in (self.input_task_key, *self.output_keys)]
            if all(isinstance(text, str) and text.strip() for text in texts):
                task, *made = map(str, texts)
                yield task, json.dumps(dict(zip(RelationsAnswer.model_fields, made, strict=True)), ensure_ascii=False)

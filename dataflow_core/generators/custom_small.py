"""A record of a recipe from a small model: one field a call, from examples, picked by rule from four candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataflow_core.errors import AnswerError
from dataflow_core.generators.base import Ask, Reading
from dataflow_core.generators.candidates import (
    clipped,
    derived_seed,
    is_loop,
    is_whole,
    one_line,
    resembles_any,
    whole_sentences,
    words,
)
from dataflow_core.generators.field_values import read_value, written_value
from dataflow_core.generators.mending import storable
from dataflow_core.generators.record_answer import Made
from dataflow_core.models import Completion, CustomRecipe, Fields, OutputField, Prompt
from dataflow_core.prompts import custom_small as prompts
from dataflow_core.prompts.templates import render

# Of what is shown with the examples, in 2048 tokens, which bytes are never fewer than.
_SHOWN_BYTES, _SHOTS_BYTES = 300, 2_600
_LIST_JOINT = "; "
_LEAK, _LEAST_LEAKED = 0.85, 15  # likeness, and characters


@dataclass(frozen=True, slots=True)
class _Candidates:
    texts: tuple[str, ...]
    model: str


class _CandidatesAnswer:
    schema = None

    def read(self, completion: Completion) -> Reading[_Candidates]:
        return Reading(_Candidates(tuple(storable(text) for text in completion.texts), completion.model))


async def small_record(
    recipe: CustomRecipe,
    values: Mapping[str, str],
    examples: Sequence[Fields],
    ask: Ask,
    *,
    version: str,
    seed: int,
    temperature: float | None,
) -> Made:
    """Raises `AnswerError` where a field has no usable candidate even when asked for twice; else what `ask` raises."""
    writer = _Writer(recipe, values, _fitting(examples), version, seed, temperature)
    fields, model = Fields(), ""
    for output in recipe.outputs:
        fields[output.name], model = await writer.field(output, fields, ask)
    return Made(fields, model)


def first_prompt(
    recipe: CustomRecipe,
    values: Mapping[str, str],
    examples: Sequence[Fields],
    *,
    version: str,
    temperature: float | None,
) -> Prompt:
    """What is asked for the record's first field."""
    return _Writer(recipe, values, _fitting(examples), version, 0, temperature).prompt(recipe.outputs[0], {}, 0)


@dataclass(frozen=True, slots=True)
class _Writer:
    recipe: CustomRecipe
    values: Mapping[str, str]
    examples: Sequence[Fields]
    version: str
    seed: int
    temperature: float | None

    async def field(self, output: OutputField, before: Fields, ask: Ask) -> tuple[Any, str]:
        """The field's value, and the model that wrote it. Asks once more with another seed if the rules leave none."""
        seen: list[str] = []
        for step in (output.name, f"{output.name}-2"):
            prompt = self.prompt(output, before, derived_seed(self.seed, step, *self.values.values()))
            found = await ask(prompt, answer=_CandidatesAnswer(), step=step)
            texts = [self._tidy(output, text) for text in found.texts]
            seen += texts
            good = [text for text in texts if self._is_usable(output, text, before)]
            if good:
                return _read(max(good, key=self._fit), output), found.model
        message = (
            f"The embedded model wrote nothing usable for “{output.name}”. Try again, give the recipe more examples, "
            "or choose a larger model."
        )
        raise AnswerError(message, raw_text="\n".join(seen))

    def prompt(self, output: OutputField, before: Fields, seed: int) -> Prompt:
        kinds = {one.name: one for one in self.recipe.outputs}
        given = {name: clipped(one_line(text), _SHOWN_BYTES) for name, text in self.values.items()}
        written = {name: _line(value, kinds[name]) for name, value in before.items()}
        if not self.examples:
            instruction = _asked(self.recipe, self.values)
            return prompts.plain_prompt(
                instruction,
                written,
                output.name,
                output.description,
                version=self.version,
                seed=seed,
                temperature=self.temperature,
            )
        names = [name for name in given if all(name in example for example in self.examples)]
        wanted = [one for one in self.recipe.outputs if one.name in (*before, output.name)]
        shots = [
            {name: one_line(str(example[name])) for name in names}
            | {one.name: _line(example[one.name], one) for one in wanted}
            for example in self.examples
        ]
        longest = max(len(shot[output.name].encode()) for shot in shots)
        return prompts.field_prompt(
            shots,
            {name: given[name] for name in names} | written,
            output.name,
            version=self.version,
            seed=seed,
            temperature=self.temperature,
            most_tokens=min(160, 24 + longest // 2),
            is_text=output.type == "text",
        )

    def _tidy(self, output: OutputField, text: str) -> str:
        line = one_line(text).removeprefix(f"{output.name}:").strip()
        if output.type != "text":
            return line
        if not self.examples:
            return whole_sentences(line.strip('"')) or line
        return whole_sentences(line) or line if self._ends_whole(output) else line

    def _is_usable(self, output: OutputField, text: str, before: Fields) -> bool:
        try:
            value = _read(text, output)
        except ValueError:
            return False
        if output.type != "text":
            return not isinstance(value, list) or len(value) >= self._least_items(output)
        if (self._ends_whole(output) and not is_whole(text)) or is_loop(text):
            return False
        if value in before.values():
            return False
        shown = [str(example[output.name]) for example in self.examples]
        return not resembles_any(text, [one for one in shown if len(one) >= _LEAST_LEAKED], threshold=_LEAK)

    def _ends_whole(self, output: OutputField) -> bool:
        """Whether this field's texts are sentences, as far as the examples show."""
        return all(is_whole(str(example[output.name]).strip()) for example in self.examples)

    def _least_items(self, output: OutputField) -> int:
        shown = [example[output.name] for example in self.examples]
        return min((len(one) for one in shown if isinstance(one, list)), default=1)

    def _fit(self, text: str) -> float:
        """Higher the more it is about what was drawn."""
        wanted = words(" ".join(self.values.values()))
        return len(words(text) & wanted) / max(1, len(wanted))


def _asked(recipe: CustomRecipe, values: Mapping[str, str]) -> str:
    return clipped(one_line(render(recipe.instruction, values)), 4 * _SHOWN_BYTES)


def _fitting(examples: Sequence[Fields]) -> list[Fields]:
    """The last ones, as many as there is room for: those most like the input come last."""
    kept: list[Fields] = []
    room = _SHOTS_BYTES
    for example in reversed(examples):
        room -= sum(len(f"{name}: {value}\n".encode()) for name, value in example.items())
        if len(kept) == prompts.SHOTS or (kept and room < 0):
            break
        kept.insert(0, example)
    return kept


def _line(value: Any, output: OutputField) -> str:
    if output.type == "list of texts" and isinstance(value, list):
        return _LIST_JOINT.join(one_line(str(part)) for part in value)
    return one_line(written_value(value, output.type))


def _read(line: str, output: OutputField) -> Any:
    """Raises `ValueError` where the line holds no such value."""
    if output.type == "list of texts":
        return read_value([part.strip() for part in line.split(";") if part.strip()], output.type)[0]
    if output.type != "text":
        line = line.split()[0].strip(".,;") if line.split() else ""
    return read_value(line, output.type)[0]

"""`RewriteGenerator`: another text of a record that there is, as a person has asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from dataflow_core.errors import AnswerError, UsageError
from dataflow_core.generators.answers import JsonAnswer, text_list_answer
from dataflow_core.generators.base import Answer, Ask, Reading, seed_for
from dataflow_core.generators.candidates import derived_seed
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.consistent_chat_small import small_answers, small_skeleton
from dataflow_core.generators.custom import CustomGenerator, recipe_in, values_for
from dataflow_core.generators.custom_small import small_record
from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, RelationsAnswer, task_keys
from dataflow_core.generators.para_seq_small import small_relations
from dataflow_core.generators.record_answer import RecordAnswer
from dataflow_core.models import Completion, CustomRecipe, Fields, Input, Recipe
from dataflow_core.prompts import custom, custom_small, rewrite

T = TypeVar("T")

_RELATIONS = ("parallel_task", "subsequent_task", "composition_task")


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a record is to be written again: all that a model wrote of it, one turn, or all turns after that one.

    `turn` is a turn's place in the conversation, from 0. Of a whole dialogue it is the answers; where there are none
    yet, the questions.
    """

    kind: Literal["record", "turn", "after"] = "record"
    turn: int | None = None

    def as_fields(self) -> Fields:
        return {"kind": self.kind} | ({} if self.turn is None else {"turn": self.turn})

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Scope:
        return cls(fields["kind"], fields.get("turn"))


class RewriteGenerator:
    """Its inputs say which record, at which revision, is to be written again, how far (`scope`) and how (`note`).

    They hold that record's `fields`, the name and `params` of the `generator` that made it, and in `source` the fields
    of the input that it was made from. What came from the input is never changed.

    The small recipe cannot follow a note: it goes the way again in which the record was made, with another seed, and
    keeps of that what is in the scope.
    """

    name: ClassVar[str] = "RewriteGenerator"
    label: ClassVar[str] = "proposals"
    output_keys: tuple[str, ...] = ()

    def __init__(self, *, recipe: Recipe = "capable") -> None:
        self.recipe = recipe

    @property
    def prompt_version(self) -> str:
        return rewrite.VERSION

    async def generate(self, item: Input, ask: Ask) -> Fields:
        """Raises `AnswerError` where the model has nothing else to say than the record says already."""
        asked = item.fields
        check_scope(asked["generator"], asked["fields"], asked["params"], Scope.of(asked["scope"]))
        if asked["generator"] == ParaSeqTaskGenerator.name:
            changed = await self._relations(item, ask)
        elif asked["generator"] == CustomGenerator.name:
            changed = await self._custom(item, ask)
        else:
            changed = await self._conversation(item, ask)
        fields: Fields = asked["fields"] | changed
        if fields == asked["fields"]:
            raise AnswerError("The model wrote the same again. Ask for something else in a note.", raw_text="")
        return fields

    def blank(self, item: Input, answered: Mapping[str, Completion]) -> Fields:
        fields: Fields = item.fields["fields"]
        return fields

    async def _relations(self, item: Input, ask: Ask) -> Fields:
        asked = item.fields
        fields, params = asked["fields"], asked["params"]
        task_key, *keys = task_keys(params)
        temperature = params.get("temperature")
        if self.recipe == "small":
            made = await small_relations(fields[task_key], ask, seed=_seed(item), temperature=temperature)
            return dict(zip(keys, (made.parallel_task, made.subsequent_task, made.composition_task), strict=True))
        present = {name: str(fields[key]) for name, key in zip(_RELATIONS, keys, strict=True)}
        prompt = rewrite.relations_prompt(fields[task_key], present, asked["note"], names=keys, temperature=temperature)
        answer = _Other(JsonAnswer(RelationsAnswer), lambda read: read.model_dump() != present)
        texts = await ask(prompt, answer=answer, step="rewrite")
        return {key: getattr(texts, name) for name, key in zip(_RELATIONS, keys, strict=True)}

    async def _custom(self, item: Input, ask: Ask) -> Fields:
        asked = item.fields
        recipe, temperature = _recipe_of(asked["params"]), asked["params"].get("temperature")
        values = values_for(recipe, asked.get("source", {}))
        if self.recipe == "small":
            version, seed = custom_small.VERSION, _seed(item)
            made = await small_record(
                recipe, values, recipe.examples, ask, version=version, seed=seed, temperature=temperature
            )
        else:
            present = {output.name: asked["fields"].get(output.name) for output in recipe.outputs}
            prompt = custom.rewrite_prompt(recipe, values, present, asked["note"], temperature=temperature)
            answer = _Other(RecordAnswer(recipe), lambda read: read.fields != present)
            made = await ask(prompt, answer=answer, step="rewrite")
        return made.fields | {MODEL_NAME: made.model}

    async def _conversation(self, item: Input, ask: Ask) -> Fields:
        asked = item.fields
        turns, temperature = asked["fields"]["conversation"], asked["params"].get("temperature")
        places = _places(turns, Scope.of(asked["scope"]))
        if self.recipe == "small":
            texts = await _small_texts(item, turns, places, ask, temperature)
        else:
            topic = str(asked["fields"].get("topic") or "")
            prompt = rewrite.turns_prompt(turns, places, asked["note"], about=topic, temperature=temperature)
            present = [turns[place]["value"] for place in places]
            answer = _Other(text_list_answer("turns", len(places)), lambda read: read.turns != present)
            texts = list((await ask(prompt, answer=answer, step="rewrite")).turns)
        return {"conversation": _with_texts(turns, dict(zip(places, texts, strict=True)))}


def check_scope(generator: str, fields: Fields, params: Fields, scope: Scope) -> None:
    """Raises `UsageError` with a sentence where there is nothing in the record that could be written again so."""
    if generator == ParaSeqTaskGenerator.name:
        if scope.kind != "record":
            raise UsageError("A task has no turns: have the whole of it written again.")
        for key in task_keys(params):
            if not isinstance(fields.get(key), str):
                raise UsageError(f"The record has no text {key!r}, so it cannot be written again.")
        if not fields[task_keys(params)[0]].strip():
            raise UsageError(f"The task is empty: {task_keys(params)[0]!r} holds no text.")
    elif generator == ConsistentChatGenerator.name:
        turns = fields.get("conversation")
        if not isinstance(turns, list) or not turns:
            raise UsageError("The record has no conversation, so it cannot be written again.")
        _places(turns, scope)
    elif generator == CustomGenerator.name:
        if scope.kind != "record":
            raise UsageError("A record of your own has no turns: have the whole of it written again.")
        _recipe_of(params)
    else:
        raise UsageError(f"Records of {generator!r} cannot be written again by a model.")


def _recipe_of(params: Mapping[str, Any]) -> CustomRecipe:
    recipe = recipe_in(params)
    if recipe is None:
        raise UsageError(
            "No recipe is known for this record, so a model cannot write it again: it was not made by one."
        )
    return recipe


class _Other(Generic[T]):
    """An answer that has to say something else than the record does."""

    def __init__(self, answer: Answer[T], is_other: Callable[[T], bool]) -> None:
        self._answer = answer
        self._is_other = is_other
        self.schema: dict[str, Any] | None = answer.schema

    def read(self, completion: Completion) -> Reading[T]:
        reading = self._answer.read(completion)
        if not self._is_other(reading.value):
            raw = completion.texts[0] if completion.texts else ""
            raise AnswerError("It says word for word what was there before; nothing was changed.", raw_text=raw)
        return reading


def _places(turns: Sequence[Mapping[str, Any]], scope: Scope) -> list[int]:
    """Which turns are to be written again. Raises `UsageError` where that is none."""
    if scope.kind == "record":
        answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
        places = answers or list(range(len(turns)))
    elif scope.turn is None or not 0 <= scope.turn < len(turns):
        raise UsageError(f"The conversation has {len(turns)} turns; there is none at the place that was named.")
    else:
        places = [scope.turn] if scope.kind == "turn" else list(range(scope.turn + 1, len(turns)))
    if not places:
        raise UsageError("Nothing comes after this turn, so there is nothing to write again.")
    return places


def _with_texts(turns: Sequence[Mapping[str, Any]], texts: Mapping[int, str]) -> list[Fields]:
    return [{**turn, "value": texts.get(place, turn["value"])} for place, turn in enumerate(turns)]


async def _small_texts(
    item: Input, turns: Sequence[Mapping[str, Any]], places: Sequence[int], ask: Ask, temperature: float | None
) -> list[str]:
    cell, seed = _cell(item, turns), _seed(item)
    texts: dict[int, str] = {}
    asking = [place for place, turn in enumerate(turns) if turn["role"] == "user"]
    if any(place in asking for place in places):
        questions = await small_skeleton(cell, ask, turns=2 * len(asking), seed=seed, temperature=temperature)
        texts = {place: text for place, text in zip(asking, questions, strict=True) if place in places}
    earlier: list[tuple[str, str]] = []
    question = cell["topic"]
    for place, turn in enumerate(turns):
        if turn["role"] == "user":
            question = texts.get(place, turn["value"])
            continue
        if place in places:
            (texts[place],) = await small_answers(
                cell, [question], ask, seed=seed, temperature=temperature, earlier=earlier
            )
        earlier.append((question, texts.get(place, turn["value"])))
    return [texts[place] for place in places]


def _cell(item: Input, turns: Sequence[Mapping[str, Any]]) -> Fields:
    """What the dialogue was made from, as the record says it now; it may have been written by hand, from nothing."""
    fields = {name: value for name, value in item.fields["fields"].items() if name != "conversation"}
    cell: Fields = item.fields.get("source", {}) | fields
    return cell | {"topic": cell.get("topic") or turns[0]["value"], "intent": cell.get("intent") or ""}


def _seed(item: Input) -> int:
    """Another one each time that it is asked for, and the same when the run goes on where it was killed."""
    return seed_for(derived_seed(int(item.fields["params"].get("seed") or 0), item.id), item)

"""`ConsistentChatGenerator`: a dialogue in two stages, the user's turns (the skeleton) and then the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from dataflow_core.errors import AnswerError, UsageError
from dataflow_core.generators.answers import text_list_answer
from dataflow_core.generators.base import Ask, recipe_of, seed_for
from dataflow_core.generators.consistent_chat_small import small_answers, small_skeleton
from dataflow_core.models import Completion, Fields, Input, Recipe
from dataflow_core.prompts import consistent_chat, consistent_chat_small
from dataflow_core.prompts.builtin import own_prompt
from dataflow_core.prompts.consistent_chat import ShownDialogue

#: What a record says of the cell of the plan that it was made for.
_CELL = ("category", "intent", "flow", "topic")
#: What of an existing dialogue a model is told besides its turns.
_TOLD = (*_CELL, "language", "system")
SAME_LANGUAGE = "the language of the user's messages"
#: In an input that holds an existing dialogue to be answered anew: its user's turns.
QUESTIONS = "questions"


class ConsistentChatGenerator:
    """Its inputs are the cells of a plan of intent × information flow × topic (`planning.intents`), or dialogues.

    An input that has `questions` is an existing dialogue: these are its user's turns, which are kept and answered anew,
    as is every other field of it. Its system turn, if it has a `system`, is what the answers keep to.

    `num_turns_per_dialog` counts the messages of both sides, and dialogues have exactly so many. `prompt` is one of a
    person's own (`PromptTexts.as_fields`) in place of the built-in one. Of the records that an input has as examples,
    the first step shows the questions, the second the answers; the small recipe leaves them aside. Raises `UsageError`
    for an odd number of turns, and for a prompt that is not for this generator or for models of this size.
    """

    name: ClassVar[str] = "ConsistentChatGenerator"
    label: ClassVar[str] = "dialogues"
    output_keys = ("category", "conversation")

    def __init__(
        self,
        llm_serving: Any = None,
        num_dialogs_per_intent: int = 20,
        num_turns_per_dialog: int = 6,
        temperature: float = 0.9,
        *,
        seed: int = 0,
        recipe: Recipe | None = None,
        prompt: Mapping[str, Any] | None = None,
    ) -> None:
        if num_turns_per_dialog < 2 or num_turns_per_dialog % 2:
            raise UsageError(
                "A dialogue has messages by both sides, so the number of turns must be even and at least 2; "
                f"{num_turns_per_dialog} was given."
            )
        self.llm_serving = llm_serving
        self.num_dialogs_per_intent = num_dialogs_per_intent
        self.num_turns_per_dialog = num_turns_per_dialog
        self.temperature = temperature
        self.seed = seed
        self.recipe = recipe or recipe_of(llm_serving)
        self.prompt = own_prompt(prompt, self.name, self.recipe)

    @property
    def prompt_version(self) -> str:
        if self.prompt is not None:
            return self.prompt.label
        return consistent_chat_small.VERSION if self.recipe == "small" else consistent_chat.VERSION

    @property
    def params(self) -> Fields:
        """What `build_generator` makes the same generator from."""
        return {
            "num_dialogs_per_intent": self.num_dialogs_per_intent,
            "num_turns_per_dialog": self.num_turns_per_dialog,
            "temperature": self.temperature,
            "seed": self.seed,
            **({} if self.prompt is None else {"prompt": self.prompt.as_fields()}),
        }

    async def generate(self, item: Input, ask: Ask) -> Fields:
        return await self.answer(item, await self.skeleton(item, ask), ask)

    async def skeleton(self, item: Input, ask: Ask) -> Fields:
        return _with_turns(_kept(item.fields), await self._questions(item, ask))

    async def answer(self, item: Input, skeleton: Fields, ask: Ask) -> Fields:
        questions = questions_of(skeleton)
        cell = self._told(item.fields | {name: skeleton[name] for name in _CELL if name in skeleton})
        return _with_turns(skeleton, questions, await self._answers(replace(item, fields=cell), questions, ask))

    def unanswered(self, skeleton: Fields) -> Fields:
        questions = [turn["value"] for turn in skeleton["conversation"] if turn["role"] == "user"]
        return _with_turns(skeleton, questions, [""] * len(questions))

    def blank(self, item: Input, answered: Mapping[str, Completion]) -> Fields:
        count = self.num_turns_per_dialog // 2
        questions = list(item.fields.get(QUESTIONS) or [""] * count)
        if skeleton := answered.get("skeleton"):
            with suppress(AnswerError):  # the small recipe's skeleton has another form
                questions = text_list_answer("questions", count).read(skeleton).value.questions
        return _with_turns(_kept(item.fields), questions, [""] * len(questions))

    def _told(self, cell: Fields) -> Fields:
        """What the model is told; an existing dialogue may come without a topic and a language."""
        if QUESTIONS not in cell:
            return cell
        texts = {name: value for name in _TOLD if isinstance(value := cell.get(name), str) and value}
        language = "" if self.recipe == "small" else SAME_LANGUAGE
        return {"topic": texts.get("category", ""), "language": language, QUESTIONS: cell[QUESTIONS]} | texts

    async def _questions(self, item: Input, ask: Ask) -> list[str]:
        cell, seed = item.fields, seed_for(self.seed, item)
        if QUESTIONS in cell:
            return _asked_in(cell[QUESTIONS])
        if self.recipe == "small":
            return await small_skeleton(
                cell, ask, turns=self.num_turns_per_dialog, seed=seed, temperature=self.temperature
            )
        count = self.num_turns_per_dialog // 2
        prompt = consistent_chat.skeleton_prompt(
            cell,
            count=count,
            temperature=self.temperature,
            prompt=self.prompt or consistent_chat.PROMPT,
            examples=_shown(item),
        )
        answer = await ask(prompt, answer=text_list_answer("questions", count), step="skeleton")
        return list[str](answer.questions)

    async def _answers(self, item: Input, questions: list[str], ask: Ask) -> list[str]:
        cell, seed = item.fields, seed_for(self.seed, item)
        if self.recipe == "small":
            return await small_answers(cell, questions, ask, seed=seed, temperature=self.temperature)
        prompt = consistent_chat.answers_prompt(
            cell,
            questions,
            temperature=self.temperature,
            prompt=self.prompt or consistent_chat.PROMPT,
            examples=_shown(item),
        )
        answer = await ask(prompt, answer=text_list_answer("answers", len(questions)), step="answers")
        return list[str](answer.answers)


def dialogue_input(fields: Fields) -> Fields:
    """The input by which an existing dialogue is answered anew."""
    turns = fields.get("conversation") or []
    questions = [turn["value"] for turn in turns if turn["role"] == "user"]
    return {name: value for name, value in fields.items() if name != "conversation"} | {QUESTIONS: questions}


def _kept(cell: Fields) -> Fields:
    """What a record has of its input: of an existing dialogue all but the turns."""
    if QUESTIONS in cell:
        return {"category": "", **{name: value for name, value in cell.items() if name != QUESTIONS}}
    return {name: cell[name] for name in _CELL}


def _asked_in(questions: Sequence[str]) -> list[str]:
    if not questions:
        raise UsageError("The dialogue has no turn by the user, so there is nothing to answer.")
    if empty := next((number for number, text in enumerate(questions, start=1) if not text.strip()), None):
        raise UsageError(
            f"The user's turn {empty} is empty, so it cannot be answered. Write it in Review, or leave out "
            "the dialogue."
        )
    return list(questions)


def questions_of(skeleton: Fields) -> list[str]:
    """The user's turns. Raises `UsageError` where there is none, or one is empty: a person has edited them."""
    turns = skeleton.get("conversation") or []
    questions = [turn["value"] for turn in turns if turn["role"] == "user"]
    if not questions:
        raise UsageError("The reviewed dialogue has no questions. Write at least one, then retry.")
    for number, question in enumerate(questions, start=1):
        if not question.strip():
            raise UsageError(f"Question {number} of the reviewed dialogue is empty. Write it or delete it, then retry.")
    return questions


def _with_turns(fields: Fields, questions: Sequence[str], answers: Sequence[str] | None = None) -> Fields:
    """The fields with a conversation of these turns; without answers, of the user's alone."""
    if answers is None:
        turns = [("user", question) for question in questions]
    else:
        pairs = zip(questions, answers, strict=True)
        turns = [turn for question, answer in pairs for turn in (("user", question), ("assistant", answer))]
    return fields | {"conversation": [{"role": role, "value": text} for role, text in turns]}


def _shown(item: Input) -> list[ShownDialogue]:
    """The dialogues among the input's examples in which each question has its answer."""
    shown: list[ShownDialogue] = []
    for example in item.examples:
        turns = pairs_of(example.fields)
        if turns and isinstance(example.fields.get("topic"), str):
            questions, answers = zip(*turns, strict=True)
            shown.append((example.fields, questions, answers))
    return shown


def pairs_of(fields: Fields) -> list[tuple[str, str]]:
    """The dialogue's questions with their answers; empty where it is not made of such pairs alone."""
    turns = fields.get("conversation")
    if not isinstance(turns, list) or len(turns) % 2:
        return []
    texts: list[str] = []
    for place, turn in enumerate(turns):
        text = turn.get("value") if isinstance(turn, dict) else None
        if not isinstance(text, str) or not text.strip() or turn.get("role") != ("user", "assistant")[place % 2]:
            return []
        texts.append(text)
    return list(zip(texts[::2], texts[1::2], strict=True))

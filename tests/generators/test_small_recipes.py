"""The recipes for small models: their rules against scripted answers, and one pass with the real model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

from dataflow_core.errors import AnswerError, TransientError
from dataflow_core.generators.base import Answer
from dataflow_core.generators.candidates import clipped, derived_seed, whole_sentences
from dataflow_core.generators.consistent_chat_small import small_answers, small_skeleton
from dataflow_core.generators.para_seq_small import problem, small_relations
from dataflow_core.generators.relations import Relations
from dataflow_core.models import Completion, Fields, Prompt
from dataflow_core.prompts.para_seq_small import EXAMPLES
from dataflow_core.serving.embedded import EmbeddedServing, embedded_problem

T = TypeVar("T")

TASK = "Find a two-bedroom apartment for rent in Seattle for less than $2,500 a month."
GOOD = {
    "parallel": " Find a parking space for rent in Tacoma for less than $150 a month.",
    "subsequent": "Call the landlord and arrange a viewing.",
    "composition": " compare its distance to three schools.",
}
CELL: Fields = {
    "category": "Problem Solving Interaction",
    "intent": "Problem Solving Interaction",
    "intent_description": "",
    "flow": "From symptom to prevention",
    "flow_steps": ["describes the symptom", "asks for the cause", "asks for a first step"],
    "topic": "a dishwasher that leaves grit on the glasses",
    "turns": 6,
    "language": "English",
}
NOUNS = [
    "filter",
    "pump",
    "door",
    "salt",
    "hose",
    "timer",
    "rack",
    "spray",
    "drain",
    "seal",
    "light",
    "switch",
    "tank",
    "motor",
    "cable",
    "shelf",
]


class ScriptedAsk:
    """Answers every step by a function and remembers what it was asked."""

    def __init__(self, reply: Callable[[str, Prompt], Sequence[str]]) -> None:
        self.reply = reply
        self.prompts: dict[str, Prompt] = {}

    async def __call__(self, prompt: Prompt, *, answer: Answer[T], step: str) -> T:
        assert step not in self.prompts, "a record's steps have different names"
        self.prompts[step] = prompt
        await asyncio.sleep(0)
        return answer.read(Completion(tuple(self.reply(step, prompt)), "scripted")).value


def relations(task: str, ask: ScriptedAsk, seed: int = 1) -> Relations:
    return asyncio.run(small_relations(task, ask, seed=seed))


def skeleton(ask: ScriptedAsk, turns: int) -> list[str]:
    return asyncio.run(small_skeleton(CELL, ask, turns=turns, seed=1, temperature=None))


def answers(ask: ScriptedAsk, questions: Sequence[str]) -> list[str]:
    return asyncio.run(small_answers(CELL, questions, ask, seed=1, temperature=None))


@pytest.mark.parametrize(
    ("step", "text", "reason"),
    [
        ("parallel", TASK, "copy"),
        ("subsequent", "Find an apartment for rent in Seattle.", "copy"),
        ("subsequent", EXAMPLES[0].subsequent, "leak"),
        ("composition", EXAMPLES[1].extra_step, "leak"),
        ("parallel", "Find a garage in Tacoma and a garage in Tacoma and a garage in Tacoma.", "loop"),
        ("parallel", "Find a garage for rent in Tacoma for less than", "cut off"),
        ("subsequent", "Call the landlord and arrange a viewing at the.", "cut off"),
        ("subsequent", "I'm sorry, the landlord cannot be reached.", "no task"),
        (
            "subsequent",
            "Call the landlord, " + "ask about the heating, " * 2 + "and describe every room in detail " * 2,
            "",
        ),
        ("parallel", GOOD["parallel"].strip(), ""),
        ("subsequent", GOOD["subsequent"], ""),
    ],
)
def test_the_rules_tell_a_usable_candidate_from_the_others(step: str, text: str, reason: str) -> None:
    found = problem(step, TASK, text)
    assert found == reason if reason else found in ("", "cut off")


def test_the_composition_is_the_task_and_one_more_step() -> None:
    ask = ScriptedAsk(lambda step, _: ["", "cut off in the", GOOD[step], TASK])
    made = relations(TASK, ask)
    assert made.parallel_task == GOOD["parallel"].strip()
    assert made.subsequent_task == GOOD["subsequent"]
    assert made.composition_task == TASK[:-1] + ", then compare its distance to three schools."


def test_a_server_that_repeats_the_beginning_makes_no_double_composition() -> None:
    ask = ScriptedAsk(lambda step, _: [TASK[:-1] + ", then" + GOOD[step] if step == "composition" else GOOD[step]])
    assert relations(TASK, ask).composition_task.count("Seattle") == 1


def test_a_field_without_a_usable_candidate_is_asked_for_once_more_with_another_seed() -> None:
    ask = ScriptedAsk(lambda step, _: [TASK] if step == "parallel" else [GOOD[step.removesuffix("-2")]])
    assert relations(TASK, ask).parallel_task == GOOD["parallel"].strip()
    seeds = {step: prompt.sampling.seed for step, prompt in ask.prompts.items()}
    assert list(seeds) == ["parallel", "subsequent", "composition", "parallel-2"]
    assert seeds["parallel"] != seeds["parallel-2"]


def test_a_long_candidate_is_taken_when_there_is_nothing_better() -> None:
    wordy = f"Call the landlord about {', '.join(NOUNS)} and the garden."
    ask = ScriptedAsk(lambda step, _: [wordy] if step.startswith("subsequent") else [GOOD[step]])
    assert relations(TASK, ask).subsequent_task == wordy


def test_nothing_usable_is_an_answer_error_with_what_the_model_wrote() -> None:
    ask = ScriptedAsk(lambda step, _: ["", TASK] if step.startswith("parallel") else [GOOD[step]])
    with pytest.raises(AnswerError, match="no usable parallel task") as failure:
        relations(TASK, ask)
    assert TASK in failure.value.raw_text


def test_an_error_of_one_call_arrives_bare_and_ends_the_others() -> None:
    def fail(step: str, _: Prompt) -> Sequence[str]:
        raise TransientError(f"{step} failed")

    with pytest.raises(TransientError, match="failed"):
        relations(TASK, ScriptedAsk(fail))


def test_the_same_seed_and_task_make_the_same_prompts() -> None:
    asks = [ScriptedAsk(lambda step, _: [GOOD[step]]) for _ in range(3)]
    for ask, seed in zip(asks, (1, 1, 2), strict=True):
        relations(TASK, ask, seed)
    assert asks[0].prompts == asks[1].prompts != asks[2].prompts
    assert derived_seed(1, "parallel", "a task") == 29826941


@pytest.mark.parametrize(
    "task", ["🍕🎉", "x", "Plan.\n- cake\n\n- music?", "查找去上海的高铁票。" * 300, "Find a bike. " * 250]
)
def test_odd_tasks_pass_whole_into_the_composition_and_short_into_the_prompt(task: str) -> None:
    ask = ScriptedAsk(lambda step, _: [GOOD[step]])
    made = relations(task, ask)
    assert made.composition_task.startswith(task.strip().rstrip(" .。?"))
    for prompt in ask.prompts.values():
        last = prompt.messages[-1].content if prompt.messages else (prompt.text or "").rsplit("Task:", 1)[1]
        assert len(last.encode()) < 500
        assert "\n\n" not in last


def numbered_questions(step: str, prompt: Prompt) -> Sequence[str]:
    """Three new questions a call, told apart by a noun of their own."""
    first = 3 * (int(step.partition("-")[2] or 1) - 1)
    nouns = (NOUNS * 2)[first : first + 3]
    return ["no JSON", json.dumps({"questions": [f"How would I clean the {noun} of my dishwasher?" for noun in nouns]})]


@pytest.mark.parametrize("turns", [2, 6, 12, 30])
def test_a_skeleton_has_exactly_half_as_many_questions_as_turns(turns: int) -> None:
    questions = skeleton(ScriptedAsk(numbered_questions), turns)
    assert len(questions) == len(set(questions)) == turns // 2


def test_later_questions_are_asked_for_in_the_light_of_the_earlier_ones() -> None:
    ask = ScriptedAsk(numbered_questions)
    first = skeleton(ask, 12)[0]
    assert list(ask.prompts)[:2] == ["skeleton", "skeleton-2"]
    assert first in ask.prompts["skeleton-2"].messages[-1].content


def test_a_model_that_repeats_one_question_fails_with_its_text() -> None:
    ask = ScriptedAsk(lambda step, _: [json.dumps({"questions": ["Why is there grit on my glasses?"] * 3})])
    with pytest.raises(AnswerError, match="only 1 of 3 questions") as failure:
        skeleton(ask, 6)
    assert "grit" in failure.value.raw_text


def test_answers_are_whole_sentences_and_see_the_turns_before_them() -> None:
    ask = ScriptedAsk(lambda step, _: [f"Rinse the filter {step}. Then run it em", "I'm sorry. As an AI I cannot."])
    assert answers(ask, ["Why?", "And then?"]) == ["Rinse the filter answer-1.", "Rinse the filter answer-2."]
    told = [message.content for message in ask.prompts["answer-2"].messages]
    assert told[1:3] == ["Why?", "Rinse the filter answer-1."]


def test_an_answer_without_a_sentence_is_asked_for_again_and_never_empty() -> None:
    ask = ScriptedAsk(lambda step, _: ["Use some salt."] if step == "answer-1-2" else ["", "and so"])
    assert answers(ask, ["Why?"]) == ["Use some salt."]
    with pytest.raises(AnswerError, match="answer 1"):
        answers(ScriptedAsk(lambda step, _: ["", "and so"]), ["Why?"])


def test_a_long_conversation_is_shown_from_its_recent_turns() -> None:
    ask = ScriptedAsk(lambda step, _: [f"Clean part {step} of the machine. " * 12])
    answers(ask, [f"What about {noun}?" for noun in NOUNS])
    sizes = [sum(len(message.content) for message in prompt.messages) for prompt in ask.prompts.values()]
    assert max(sizes) < 5000
    last = [message.content for message in ask.prompts["answer-16"].messages]
    assert last[-3] == "What about cable?"
    assert "What about filter?" not in last


def test_a_list_is_not_cut_after_its_number() -> None:
    assert whole_sentences("Rinse it. 2. Dry") == "Rinse it."
    assert whole_sentences("洗一下。然后") == "洗一下。"
    assert whole_sentences('She said "no." And') == 'She said "no."'
    assert clipped("añb", 2) == "a"


@pytest.mark.model
def test_the_real_model_makes_a_record_of_each_kind() -> None:
    if found := embedded_problem():
        pytest.skip(found)

    async def make() -> tuple[Relations, list[str], list[str]]:
        serving = EmbeddedServing()

        async def ask(prompt: Prompt, *, answer: Answer[T], step: str) -> T:
            return answer.read(await serving.complete(prompt, schema=answer.schema)).value

        made = await small_relations(TASK, ask, seed=1)
        questions = await small_skeleton(CELL, ask, turns=2, seed=1, temperature=None)
        replies = await small_answers(CELL, questions, ask, seed=1, temperature=0.9)
        await serving.close()
        return made, questions, replies

    made, questions, replies = asyncio.run(make())
    assert made.composition_task.startswith(TASK[:-1] + ", then ")
    assert len({TASK, made.parallel_task, made.subsequent_task, made.composition_task}) == 4
    assert len(questions) == len(replies) == 1
    assert all(question.endswith("?") for question in questions)
    assert all(replies)

"""Records written again: what a model is shown, what of its answer is taken, what it must not touch."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from dataflow_core.errors import AnswerError, UsageError
from dataflow_core.generators import GENERATORS, build_generator
from dataflow_core.generators.rewrite import RewriteGenerator, Scope, check_scope
from dataflow_core.models import Fields, Input, Prompt, Recipe
from dataflow_core.running.asking import Asker
from dataflow_core.running.gate import Gate
from dataflow_core.serving.scripted import ScriptedServing
from tests.support import ENDPOINT

TASKS, DIALOGUES = "ParaSeqTaskGenerator", "ConsistentChatGenerator"
TASK = {
    "line": 7,
    "atom_task": "Book a table in Rome.",
    "parallel_task": "Find a concert in Rome.",
    "subsequent_task": "Invite Ada to both.",
    "composition_task": "Plan an evening in Rome with Ada.",
}
TURNS = [
    {"role": "user", "value": "How do I make soup?"},
    {"role": "assistant", "value": "Boil water and add leeks."},
    {"role": "user", "value": "And then?"},
    {"role": "assistant", "value": "Let it simmer for a while."},
]
DIALOGUE = {"category": "Cooking", "intent": "Cooking", "flow": "From idea", "topic": "soup", "conversation": TURNS}


def asked(
    fields: Fields, *, generator: str = TASKS, scope: Scope | None = None, note: str = "Shorter.", params: Any = None
) -> Fields:
    return {
        "record": "01RECORD",
        "revision": 1,
        "generator": generator,
        "params": params or {},
        "fields": fields,
        "source": {"flow_steps": ["asks how", "asks what next"], "language": "English"},
        "note": note,
        "scope": (scope or Scope()).as_fields(),
    }


def rewrite(
    fields: Fields, reply: Callable[[Prompt], str] | list[str], *, recipe: Any = "capable", id_: str = "input"
) -> tuple[Fields, list[Prompt]]:
    serving = ScriptedServing(reply)

    async def run() -> Fields:
        asker = Asker(Input(id_, 0, fields), serving, Gate(ENDPOINT), lambda _: None, {})
        return await RewriteGenerator(recipe=recipe).generate(asker.item, asker)

    return asyncio.run(run()), serving.prompts


def relations(**changed: str) -> str:
    return json.dumps({name: TASK[name] for name in list(TASK)[2:]} | changed)


def test_the_outputs_change_and_what_came_from_the_input_stays() -> None:
    made, (prompt,) = rewrite(asked(TASK), [relations(parallel_task="Find a play.") + " Done!"])
    assert made == TASK | {"parallel_task": "Find a play."}
    assert list(made) == list(TASK)
    shown = prompt.messages[-1].content
    assert all(text in shown for text in ("Shorter.", *list(TASK.values())[1:]))  # type: ignore[operator]
    assert prompt.version == "rewrite/1"


def test_other_names_of_the_outputs_are_known_to_the_model() -> None:
    params = {
        "input_task_key": "q",
        "output_parallel_task_key": "p",
        "output_subsequent_task_key": "s",
        "output_composition_task_key": "c",
    }
    fields = {"q": "Do.", "p": "Beside.", "s": "After.", "c": "All."}
    made, (prompt,) = rewrite(
        asked(fields, params=params, note="Make s shorter."),
        ['{"parallel_task": "Beside.", "subsequent_task": "Then.", "composition_task": "All."}'],
    )
    assert made == fields | {"s": "Then."}
    assert '"s": "subsequent_task"' in prompt.messages[-1].content


def test_without_a_note_it_is_asked_for_something_different() -> None:
    _, (prompt,) = rewrite(asked(TASK, note=""), [relations(parallel_task="Other.")])
    assert "Write it anew" in prompt.messages[-1].content


@pytest.mark.parametrize(
    ("scope", "places"),
    [
        (Scope(), [1, 3]),
        (Scope("turn", 0), [0]),
        (Scope("turn", 1), [1]),
        (Scope("after", 0), [1, 2, 3]),
        (Scope("after", 2), [3]),
    ],
)
def test_only_the_turns_in_the_scope_change_and_roles_are_kept(scope: Scope, places: list[int]) -> None:
    texts = [f"New {place}." for place in places]
    made, (prompt,) = rewrite(asked(DIALOGUE, generator=DIALOGUES, scope=scope), [json.dumps({"turns": texts})])
    expected = [turn | {"value": f"New {place}."} if place in places else turn for place, turn in enumerate(TURNS)]
    assert made == DIALOGUE | {"conversation": expected}
    assert json.dumps([place + 1 for place in places]) in prompt.messages[-1].content


@pytest.mark.parametrize(("scope", "places"), [(Scope(), [0, 1]), (Scope("turn", 1), [1]), (Scope("after", 0), [1])])
@pytest.mark.parametrize("recipe", ["capable", "small"])
def test_questions_without_answers_are_written_again_as_questions(
    scope: Scope, places: list[int], recipe: Recipe
) -> None:
    questions = [turn for turn in TURNS if turn["role"] == "user"]
    fields = asked(DIALOGUE | {"conversation": questions}, generator=DIALOGUES, scope=scope)
    replies = small_reply if recipe == "small" else [json.dumps({"turns": [f"New {place}?" for place in places]})]
    made, _ = rewrite(fields, replies, recipe=recipe)
    assert [turn["role"] for turn in made["conversation"]] == ["user", "user"]
    assert [place for place in (0, 1) if made["conversation"][place] != questions[place]] == places


def test_the_wrong_number_of_turns_is_asked_for_again() -> None:
    replies = ['{"turns": ["One.", "Two.", "Three."]}', '{"turns": ["One.", "Two."]}']
    made, prompts = rewrite(asked(DIALOGUE, generator=DIALOGUES), replies)
    assert [turn["value"] for turn in made["conversation"]][1::2] == ["One.", "Two."]
    assert "exactly 2" in prompts[1].messages[-1].content


def test_an_answer_that_changes_nothing_is_asked_for_again_and_then_a_failure_with_its_text() -> None:
    made, prompts = rewrite(asked(TASK), [relations(), relations(parallel_task="Other.")])
    assert made["parallel_task"] == "Other."
    assert "nothing was changed" in prompts[1].messages[-1].content
    with pytest.raises(AnswerError, match="nothing was changed") as failed:
        rewrite(asked(TASK), [relations(), relations()])
    assert failed.value.raw_text == relations()


@pytest.mark.parametrize(
    ("generator", "fields", "scope", "sentence"),
    [
        (TASKS, TASK, Scope("turn", 0), "no turns"),
        (TASKS, {"atom_task": "Do."}, Scope(), "'parallel_task'"),
        (TASKS, TASK | {"atom_task": " "}, Scope(), "empty"),
        (TASKS, TASK | {"composition_task": ["Plan."]}, Scope(), "'composition_task'"),
        (DIALOGUES, {"topic": "soup"}, Scope(), "no conversation"),
        (DIALOGUES, DIALOGUE, Scope("turn", 4), "none at the place"),
        (DIALOGUES, DIALOGUE, Scope("after", 3), "Nothing comes after"),
        ("Elsewhere", {"text": "A."}, Scope(), "Elsewhere"),
    ],
)
def test_what_cannot_be_written_again_is_refused(generator: str, fields: Fields, scope: Scope, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        check_scope(generator, fields, {}, scope)
    with pytest.raises(UsageError, match=sentence):
        rewrite(asked(fields, generator=generator, scope=scope), [])


def small_reply(prompt: Prompt) -> str:
    said = prompt.messages[-1].content if prompt.messages else str(prompt.text)
    if "Steps:" in said:
        count = said.split("Steps:")[1].count(";") + 1
        names = ("Can I use pumpkin for a soup?", "Which herbs go well with leeks?", "How long does soup keep?")
        return json.dumps({"questions": names[:count]})
    if "about soup" in said:
        return f"Soup needs {len(prompt.messages)} leeks and patience."
    return "write a list of three museums in Rome and their prices."


def test_the_small_recipe_writes_the_outputs_again_with_another_seed_each_time() -> None:
    made, first = rewrite(asked(TASK), small_reply, recipe="small", id_="one")
    _, second = rewrite(asked(TASK), small_reply, recipe="small", id_="two")
    _, again = rewrite(asked(TASK), small_reply, recipe="small", id_="one")
    assert made["atom_task"] == TASK["atom_task"]
    assert made["parallel_task"] != TASK["parallel_task"]
    seeds = [[prompt.sampling.seed for prompt in prompts] for prompts in (first, second, again)]
    assert seeds[0] == seeds[2] != seeds[1]


@pytest.mark.parametrize(
    ("scope", "places"), [(Scope(), [1, 3]), (Scope("turn", 3), [3]), (Scope("after", 0), [1, 2, 3])]
)
def test_the_small_recipe_keeps_what_is_outside_the_scope(scope: Scope, places: list[int]) -> None:
    fields = asked(DIALOGUE, generator=DIALOGUES, scope=scope)
    made, prompts = rewrite(fields, small_reply, recipe="small")
    assert [turn["role"] for turn in made["conversation"]] == [turn["role"] for turn in TURNS]
    changed = [place for place, turn in enumerate(made["conversation"]) if turn != TURNS[place]]
    assert changed == places
    shown = " ".join(message.content for message in prompts[-1].messages)
    assert TURNS[1]["value"] in shown or 1 in places  # the answers before it are its history


def test_the_small_recipe_needs_no_topic() -> None:
    by_hand = {"category": "", "conversation": TURNS}
    made, _ = rewrite(asked(by_hand, generator=DIALOGUES), lambda _: "Leeks are good for you.", recipe="small")
    assert made["conversation"][1]["value"] == "Leeks are good for you."


def test_it_is_built_by_its_name_and_is_no_generator_of_records() -> None:
    made = build_generator("RewriteGenerator", {"note": "Shorter."}, recipe="capable")
    assert made.prompt_version == "rewrite/1"
    assert "RewriteGenerator" not in GENERATORS
    assert pickle.loads(pickle.dumps(made)).prompt_version == made.prompt_version

"""The two generators with capable models: what they ask, what they carry through, what they refuse."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from typing import Any

import pytest

from dataflow_core.errors import AnswerError, UsageError
from dataflow_core.generators import build_generator
from dataflow_core.generators.consistent_chat import ConsistentChatGenerator
from dataflow_core.generators.para_seq import ParaSeqTaskGenerator
from dataflow_core.models import Prompt
from dataflow_core.planning.intents import builtin_intents
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, INTENTS, execute, generate, relations

CELL = {
    "category": "Travel",
    "intent": "Travel",
    "intent_description": "wants to travel",
    "flow": "From wish to ticket",
    "flow_steps": ["names a place", "asks for a price"],
    "topic": "Lima",
    "turns": 6,
    "language": "Portuguese",
}


def answer_dialogue(prompt: Prompt) -> str:
    return '{"questions": ["A?"]}' if "questions" in prompt.messages[0].content else '{"answers": ["a."]}'


def test_input_columns_are_carried_through_unchanged_and_in_order() -> None:
    fields = {"id": "00123", "atom_task": "Zähle 🐑 bis ١٢", "na": "NA", "nested": {"a": [1, None]}, "n": 7}
    made = generate(ParaSeqTaskGenerator(), fields, [relations("x")])
    assert list(made) == [
        "id",
        "atom_task",
        "na",
        "nested",
        "n",
        "parallel_task",
        "subsequent_task",
        "composition_task",
    ]
    assert {name: made[name] for name in fields} == fields


def test_output_names_are_parameters() -> None:
    generator = ParaSeqTaskGenerator(
        input_task_key="q",
        output_parallel_task_key="p",
        output_subsequent_task_key="s",
        output_composition_task_key="c",
    )
    assert generate(generator, {"q": "Do."}, [relations("x")]) == {
        "q": "Do.",
        "p": "Beside: x",
        "s": "After: x",
        "c": "All: x",
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"output_parallel_task_key": "atom_task"}, "also a column of the input"),
        ({"output_parallel_task_key": "composition_task"}, "Two outputs are named"),
        ({"output_parallel_task_key": " "}, "empty"),
        ({"input_task_key": "prompt"}, "no column 'prompt'"),
    ],
)
def test_an_output_name_that_would_overwrite_something_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        ParaSeqTaskGenerator(**options).check_columns(["atom_task"])


@pytest.mark.parametrize("task", ["", "  \n", None, 7])
def test_a_task_without_text_is_refused_by_name(task: object) -> None:
    with pytest.raises(UsageError, match="'atom_task' holds no text"):
        generate(ParaSeqTaskGenerator(), {"atom_task": task}, [])


def test_a_dialogue_has_exactly_the_number_of_messages_asked_for_alternating_from_the_user() -> None:
    for turns in (2, 6, 20):
        n = turns // 2
        replies = [json.dumps({"questions": [f"Q{i}?" for i in range(n)]}), json.dumps({"answers": ["A."] * n})]
        made = generate(ConsistentChatGenerator(num_turns_per_dialog=turns), CELL, replies)
        assert [turn["role"] for turn in made["conversation"]] == ["user", "assistant"] * n
        assert list(made) == ["category", "intent", "flow", "topic", "conversation"]
        assert (made["category"], made["flow"], made["topic"]) == ("Travel", "From wish to ticket", "Lima")


def test_too_few_answers_never_shorten_a_dialogue() -> None:
    skeleton, short = '{"questions": ["A?", "B?", "C?"]}', '{"answers": ["a.", "b."]}'
    with pytest.raises(AnswerError, match="exactly 3 texts; the answer has 2"):
        generate(ConsistentChatGenerator(), CELL, [skeleton, short, short])


@pytest.mark.parametrize("turns", [-2, 0, 1, 5, 7])
def test_an_odd_number_of_turns_is_refused(turns: int) -> None:
    with pytest.raises(UsageError, match=f"even and at least 2; {turns} was given"):
        ConsistentChatGenerator(num_turns_per_dialog=turns)


def test_the_documented_defaults_hold() -> None:
    generator = ConsistentChatGenerator()
    assert (generator.num_dialogs_per_intent, generator.num_turns_per_dialog, generator.temperature) == (20, 6, 0.9)
    assert ParaSeqTaskGenerator().output_keys == ("parallel_task", "subsequent_task", "composition_task")


def test_temperature_turns_flow_and_language_reach_the_model(workspace: Workspace) -> None:
    serving = ScriptedServing(answer_dialogue)
    run = workspace.plan_dialogues(
        INTENTS[:1],
        endpoint=ENDPOINT,
        num_dialogs_per_intent=1,
        num_turns_per_dialog=2,
        temperature=0.35,
        language="Basque",
    )
    execute(workspace, run, serving)
    skeleton, answers = serving.prompts
    for prompt in (skeleton, answers):
        assert prompt.sampling.temperature == 0.35
        assert "Write in Basque." in prompt.messages[0].content
        assert "exactly 1 texts" in prompt.messages[0].content
    assert "From idea to plate:\n1. asks for an idea\n2. asks how" in skeleton.messages[1].content
    assert "A?" in answers.messages[1].content


def test_a_record_keeps_the_intent_flow_and_topic_of_its_cell(workspace: Workspace) -> None:
    run = workspace.plan_dialogues(
        builtin_intents()[:2], endpoint=ENDPOINT, num_dialogs_per_intent=3, num_turns_per_dialog=2
    )
    execute(workspace, run, answer_dialogue)
    records = list(workspace.records.stream(Query(runs=(run.id,))))
    assert Counter(record.fields["category"] for record in records) == dict.fromkeys(
        [intent.name for intent in builtin_intents()[:2]], 3
    )
    known = {intent.name: intent for intent in builtin_intents()}
    for record in records:
        intent = known[record.fields["intent"]]
        assert record.fields["topic"] in intent.topics
        assert record.fields["flow"] in [flow.name for flow in intent.flows]


def test_generators_can_be_pickled_and_rebuilt_from_their_params() -> None:
    for kind in (ParaSeqTaskGenerator, ConsistentChatGenerator):
        generator = kind(temperature=0.2, seed=5, recipe="small")
        rebuilt = build_generator(kind.name, generator.params, recipe="small")
        assert vars(pickle.loads(pickle.dumps(generator))) == vars(generator) == vars(rebuilt)

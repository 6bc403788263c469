import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_core.errors import UsageError
from dataflow_core.models import Fields, Flow, Intent
from dataflow_core.planning.intents import builtin_intents, plan_dialogues

NAMES = (
    "Problem Solving Interaction",
    "Educational Interaction",
    "Health Consultation Interaction",
    "Exploratory Interaction",
    "Entertainment Interaction",
    "Simulation Interaction",
    "Emotional Support Interaction",
    "Information Retrieval Interaction",
    "Transaction Interaction",
)


def an_intent(name: str = "Gardening", *, flows: int = 2, topics: int = 3) -> Intent:
    return Intent(
        name=name,
        description=f"The user wants help with {name}.",
        flows=tuple(Flow(f"flow {number}", ("asks what", "asks why")) for number in range(flows)),
        topics=tuple(f"topic {number} of {name}" for number in range(topics)),
    )


def cells(plan: list[Fields]) -> list[tuple[str, str]]:
    return [(fields["flow"], fields["topic"]) for fields in plan]


def plan_of(intent: Intent, count: int, seed: int = 0) -> list[Fields]:
    return list(plan_dialogues([intent], per_intent=count, turns=6, seed=seed))


def spread(counts: Counter[str], of: int) -> int:
    """How far the most frequent of so many values is ahead of the least frequent."""
    return max(counts.values()) - (min(counts.values()) if len(counts) == of else 0)


intents_of_any_shape = st.builds(an_intent, st.text(min_size=1), flows=st.integers(1, 8), topics=st.integers(1, 12))
counts = st.integers(1, 250)
seeds = st.integers()


# The built-in content


def test_the_built_in_intents_are_the_nine_of_consistentchat() -> None:
    assert tuple(intent.name for intent in builtin_intents()) == NAMES
    assert all(intent.builtin for intent in builtin_intents())


def test_each_built_in_intent_is_described_in_one_sentence() -> None:
    for intent in builtin_intents():
        assert intent.description.startswith("The user ")
        assert intent.description.index(".") == len(intent.description) - 1


def test_each_built_in_intent_has_at_least_sixty_topics() -> None:
    assert all(len(intent.topics) >= 60 for intent in builtin_intents())


def test_no_built_in_topic_occurs_twice_even_under_another_intent() -> None:
    seen = Counter(topic.casefold() for intent in builtin_intents() for topic in intent.topics)
    assert [topic for topic, count in seen.items() if count > 1] == []


def test_every_built_in_topic_is_a_phrase_of_three_to_twelve_words() -> None:
    for topic in (topic for intent in builtin_intents() for topic in intent.topics):
        assert 3 <= len(topic.split()) <= 12, topic
        assert topic == " ".join(topic.split()), topic
        assert not topic.endswith("."), topic


def test_each_built_in_intent_has_at_least_four_flows_of_different_names() -> None:
    for intent in builtin_intents():
        assert len(intent.flows) >= 4
        assert len({flow.name for flow in intent.flows}) == len(intent.flows)


def test_every_built_in_flow_has_at_least_three_different_steps() -> None:
    for flow in (flow for intent in builtin_intents() for flow in intent.flows):
        assert len(flow.steps) >= 3, flow.name
        assert len(set(flow.steps)) == len(flow.steps), flow.name


# The plan


def test_a_planned_dialogue_carries_all_that_its_prompt_needs() -> None:
    intent = Intent(
        "Cooking", "The user wants to cook.", (Flow("To taste", ("asks what", "asks why")),), ("a thin soup",)
    )
    assert list(plan_dialogues([intent], per_intent=1, turns=8, language="Swahili")) == [
        {
            "category": "Cooking",
            "intent": "Cooking",
            "intent_description": "The user wants to cook.",
            "flow": "To taste",
            "flow_steps": ["asks what", "asks why"],
            "topic": "a thin soup",
            "turns": 8,
            "language": "Swahili",
        }
    ]


@given(intents_of_any_shape, counts, seeds)
def test_no_cell_comes_again_before_the_whole_grid_is_used_up(intent: Intent, count: int, seed: int) -> None:
    plan, grid = cells(plan_of(intent, count, seed)), len(intent.flows) * len(intent.topics)
    assert len(plan) == count
    for start in range(0, count, grid):
        once_through = plan[start : start + grid]
        assert len(set(once_through)) == len(once_through)


@given(intents_of_any_shape, counts, seeds)
def test_topics_and_flows_are_spread_evenly_over_any_first_part_of_the_plan(
    intent: Intent, count: int, seed: int
) -> None:
    topics, flows = Counter[str](), Counter[str]()
    for flow, topic in cells(plan_of(intent, count, seed)):
        flows[flow] += 1
        topics[topic] += 1
        assert spread(flows, len(intent.flows)) <= 1
        assert spread(topics, len(intent.topics)) <= 1


@given(intents_of_any_shape, counts, counts, seeds)
def test_a_larger_plan_begins_with_the_smaller_one(intent: Intent, count: int, more: int, seed: int) -> None:
    assert plan_of(intent, count + more, seed)[:count] == plan_of(intent, count, seed)


@given(st.lists(st.integers(0, 20), min_size=3, max_size=3), seeds)
def test_an_intents_dialogues_do_not_depend_on_the_other_intents(numbers: list[int], seed: int) -> None:
    intents = [an_intent(name) for name in ("Gardening", "Cooking", "Sailing")]
    by_name = {intent.name: number for intent, number in zip(intents, numbers, strict=True)}
    plan = list(plan_dialogues(intents, per_intent=by_name, turns=6, seed=seed))
    for intent in intents:
        own = [fields for fields in plan if fields["intent"] == intent.name]
        assert own == plan_of(intent, by_name[intent.name], seed)


def test_the_second_pass_over_the_grid_has_another_order() -> None:
    intent = an_intent(flows=5, topics=10)
    plan = cells(plan_of(intent, 100))
    assert sorted(plan[:50]) == sorted(plan[50:])
    assert plan[:50] != plan[50:]


def test_another_seed_gives_another_plan() -> None:
    intent = an_intent(flows=5, topics=10)
    assert cells(plan_of(intent, 50, seed=1)) != cells(plan_of(intent, 50, seed=2))


@pytest.mark.parametrize("hash_seed", ["1", "4711"])
def test_another_process_makes_the_same_plan_whatever_its_hash_seed(hash_seed: str) -> None:
    code = (
        "import json; from dataflow_core.planning.intents import builtin_intents, plan_dialogues; "
        "print(json.dumps(list(plan_dialogues(builtin_intents(), per_intent=30, turns=6, seed=7))))"
    )
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == list(plan_dialogues(builtin_intents(), per_intent=30, turns=6, seed=7))


def test_the_plan_of_a_seed_does_not_change_from_version_to_version() -> None:
    plan = plan_dialogues([an_intent("Gardening"), an_intent("Cooking")], per_intent=2, turns=6, seed=42)
    assert cells(list(plan)) == [
        ("flow 0", "topic 2 of Gardening"),
        ("flow 0", "topic 0 of Cooking"),
        ("flow 1", "topic 0 of Gardening"),
        ("flow 1", "topic 2 of Cooking"),
    ]


def test_the_intents_take_turns() -> None:
    intents = [an_intent("Gardening"), an_intent("Cooking"), an_intent("Sailing")]
    plan = plan_dialogues(intents, per_intent={"Gardening": 1, "Cooking": 3, "Sailing": 2}, turns=6)
    names = [fields["intent"] for fields in plan]
    assert names == ["Gardening", "Cooking", "Sailing", "Cooking", "Sailing", "Cooking"]


def test_the_first_nine_dialogues_of_the_built_in_plan_cover_the_nine_intents() -> None:
    plan = list(plan_dialogues(builtin_intents(), per_intent=20, turns=6))
    assert len(plan) == 180
    assert {fields["category"] for fields in plan[:9]} == set(NAMES)


def test_an_intent_that_the_counts_leave_out_has_no_dialogues() -> None:
    intents = [an_intent("Gardening"), an_intent("Cooking")]
    plan = plan_dialogues(intents, per_intent={"Cooking": 2}, turns=6)
    assert [fields["intent"] for fields in plan] == ["Cooking", "Cooking"]


def test_a_plan_of_no_dialogues_is_empty() -> None:
    assert list(plan_dialogues([an_intent()], per_intent=0, turns=6)) == []


def test_a_topic_listed_twice_counts_once() -> None:
    intent = Intent("Cooking", "The user wants to cook.", (Flow("To taste", ("asks what",)),), ("soup", "rice", "soup"))
    assert sorted(fields["topic"] for fields in plan_of(intent, 4)) == ["rice", "rice", "soup", "soup"]


def test_editing_one_planned_dialogue_leaves_the_others_as_they_are() -> None:
    first, second = plan_of(an_intent(flows=1), 2)
    first["flow_steps"].append("asks again")
    assert second["flow_steps"] == ["asks what", "asks why"]


# What cannot be planned


@pytest.mark.parametrize("turns", [5, 1, 0, -2])
def test_an_odd_or_too_small_number_of_turns_is_refused(turns: int) -> None:
    with pytest.raises(UsageError) as caught:
        plan_dialogues([an_intent()], per_intent=1, turns=turns)
    assert str(caught.value) == (
        f"A dialogue has messages by both sides, so the number of turns must be even and at least 2; {turns} was given."
    )


@pytest.mark.parametrize(
    ("intents", "per_intent", "sentence"),
    [
        ([], 1, "No intent was chosen"),
        ([an_intent("Cooking", flows=0)], 1, 'The intent "Cooking" has no information flows'),
        ([an_intent("Cooking", topics=0)], 1, 'The intent "Cooking" has no topics'),
        ([an_intent("Cooking")], -1, 'cannot be negative; -1 was given for "Cooking"'),
        ([an_intent("Cooking")], {"Cooking": -3}, 'cannot be negative; -3 was given for "Cooking"'),
        ([an_intent("Cooking")], {"Coking": 3}, 'given for "Coking", which is not among the chosen intents'),
        ([an_intent("Cooking"), an_intent("Cooking", flows=4)], 1, '2 intents are named "Cooking"'),
    ],
)
def test_a_plan_that_cannot_be_made_is_refused_in_a_sentence(
    intents: list[Intent], per_intent: int | dict[str, int], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        plan_dialogues(intents, per_intent=per_intent, turns=6)

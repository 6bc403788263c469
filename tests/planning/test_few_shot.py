"""Records shown to a model as examples: which are chosen, that they are frozen, and how they are put into a prompt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dataflow_core.errors import UsageError
from dataflow_core.models import (
    EMBEDDED,
    CustomRecipe,
    Endpoint,
    Example,
    Fields,
    Input,
    Message,
    OutputField,
    Prompt,
    ReviewStatus,
    Run,
)
from dataflow_core.planning.few_shot import FewShot, choose_examples
from dataflow_core.readers import read_table, select_inputs
from dataflow_core.storage.ledger import Done
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.record_makers import DIALOGUES, TASKS, make_records, record_at, task_fields
from tests.support import ENDPOINT, INTENTS, answer_relations, execute

THREE = FewShot(3)


def fields_of(task: str, word: str = "x") -> Fields:
    return task_fields(word) | {"atom_task": task}


def accepted(workspace: Workspace, *tasks: str) -> list[int]:
    numbers = make_records(workspace, [fields_of(task, str(place)) for place, task in enumerate(tasks)])
    decide(workspace, numbers, ReviewStatus.ACCEPTED)
    return numbers


def decide(workspace: Workspace, numbers: list[int], status: ReviewStatus) -> None:
    for number in numbers:
        record = record_at(workspace, number)
        workspace.review.decide({record.id: record.revision}, status, reviewer="Ada")


def chosen(workspace: Workspace, task: str, few_shot: FewShot = THREE, **params: str) -> list[str]:
    key = params.get("input_task_key", "atom_task")
    (examples,) = choose_examples(workspace.database, TASKS, dict(params), [{key: task}], few_shot)
    return [example.fields[key] for example in examples]


def plan(workspace: Workspace, *tasks: str, few_shot: FewShot | None = THREE, endpoint: Endpoint = ENDPOINT) -> Run:
    table = read_table("\n".join(json.dumps({"atom_task": task}) for task in tasks).encode(), "tasks.jsonl")
    selection = select_inputs(table, "atom_task")
    return workspace.plan_tasks(table, selection, endpoint=endpoint, input_task_key="atom_task", few_shot=few_shot)


def pending(workspace: Workspace, run: Run) -> list[Input]:
    return workspace.ledger_of(run).pending(after=-1, count=100)


def test_the_records_most_like_the_input_are_chosen_the_nearest_last(workspace: Workspace) -> None:
    accepted(
        workspace,
        "Bake a loaf of rye bread.",
        "Find a flight from Oslo to Lima in May.",
        "Paint the garden fence.",
        "Find a train from Oslo to Bergen in June.",
        "Mend a bicycle tyre.",
    )
    assert chosen(workspace, "Find a flight from Oslo to Quito in May.", FewShot(2)) == [
        "Find a train from Oslo to Bergen in June.",
        "Find a flight from Oslo to Lima in May.",
    ]


def test_only_records_that_people_stand_by_are_shown(workspace: Workspace) -> None:
    kinds = ("accepted", "rejected", "flagged", "deleted", "unreviewed", "edited", "edited, rejected")
    numbers = make_records(workspace, [fields_of(f"Water the roses, kind {kind}.") for kind in kinds])
    for place, status in ((0, "accepted"), (1, "rejected"), (2, "flagged"), (3, "deleted"), (6, "rejected")):
        if place == 6:
            edit(workspace, numbers[6], "changed")
        decide(workspace, [numbers[place]], ReviewStatus(status))
    edit(workspace, numbers[5], "changed")
    assert sorted(chosen(workspace, "Water the lilies.", FewShot(9))) == [
        "Water the roses, kind accepted.",
        "Water the roses, kind edited.",
    ]


def edit(workspace: Workspace, number: int, text: str) -> None:
    record = record_at(workspace, number)
    workspace.review.edit(
        record.id, record.fields | {"parallel_task": text}, author="Ada", base_revision=record.revision
    )


def test_no_record_is_shown_with_its_own_input_or_one_that_is_nearly_the_same(workspace: Workspace) -> None:
    accepted(
        workspace,
        "Find a flight from New York to London for under 500 dollars.",
        "find a FLIGHT  from New York to London for under 500 dollars.",
        "Find a flight from New York to London for under 500 dollars, please find it.",
        "Find a hotel in London.",
    )
    shown = chosen(workspace, "Find a flight from New York to London for under 500 dollars.", FewShot(9))
    assert shown == ["Find a hotel in London."]


def test_a_record_whose_task_was_edited_is_not_shown_with_the_task_that_it_was_made_from(workspace: Workspace) -> None:
    run = plan(workspace, "Water the roses.", few_shot=None)
    execute(workspace, run, answer_relations)
    (record,) = workspace.records.stream(Query(runs=(run.id,)))
    changed = record.fields | {"atom_task": "Bring all pots of the winter garden inside."}
    workspace.review.edit(record.id, changed, author="Ada", base_revision=record.revision)
    assert chosen(workspace, "Water the roses.") == []
    assert chosen(workspace, "Water the lilies.") == ["Bring all pots of the winter garden inside."]


def test_two_records_of_one_task_are_not_shown_together_and_the_newer_one_is_preferred(workspace: Workspace) -> None:
    _, newer = accepted(workspace, "Water the roses.", "Water the roses.")
    (examples,) = choose_examples(workspace.database, TASKS, {}, [{"atom_task": "Water the lilies."}], THREE)
    assert [example.record for example in examples] == [record_at(workspace, newer).id]


def test_the_token_limit_holds_for_all_examples_together(workspace: Workspace) -> None:
    accepted(workspace, "Water the roses. " + "Take your time. " * 200, "Water the tulips.", "Water the oaks.")
    assert chosen(workspace, "Water the lilies.", FewShot(3, 200)) == ["Water the tulips.", "Water the oaks."]
    assert len(chosen(workspace, "Water the lilies.", FewShot(3, 70))) == 1
    assert chosen(workspace, "Water the lilies.", FewShot(3, 10)) == []


def test_the_choice_is_the_same_each_time(workspace: Workspace) -> None:
    accepted(workspace, *(f"Water the {plant} in bed {bed}." for plant in ("roses", "oaks") for bed in range(20)))
    first = chosen(workspace, "Water the roses in bed 77.", FewShot(5))
    assert [chosen(workspace, "Water the roses in bed 77.", FewShot(5)) for _ in range(3)] == [first] * 3


def test_records_with_other_task_keys_are_not_shown(workspace: Workspace) -> None:
    accepted(workspace, "Water the roses.")
    assert chosen(workspace, "Water the lilies.", input_task_key="task") == []


def test_examples_are_frozen_when_the_run_is_planned(workspace: Workspace) -> None:
    (number,) = accepted(workspace, "Water the roses.")
    before = record_at(workspace, number)
    run = plan(workspace, "Water the lilies.", "Count the apples.")
    edit(workspace, number, "changed")
    decide(workspace, [number], ReviewStatus.REJECTED)
    for item in pending(workspace, run):
        assert item.examples == (Example(before.id, before.fields),)
    assert run.params["few_shot"] == {"count": 3, "max_tokens": 1_500}
    again = plan(workspace, "Water the lilies.")
    assert [item.examples for item in pending(workspace, again)] == [()]


def test_inputs_of_a_run_without_examples_have_none_stored(workspace: Workspace) -> None:
    accepted(workspace, "Water the roses.")
    run = plan(workspace, "Water the lilies.", few_shot=None)
    with workspace.database.read() as connection:
        stored = connection.exec_driver_sql("SELECT count(*), count(examples) FROM inputs").one()
        assert tuple(stored) == (1, 0)
    assert pending(workspace, run)[0].examples == ()


def test_examples_stand_between_the_system_text_and_the_task_in_the_form_of_answers(workspace: Workspace) -> None:
    accepted(workspace, "Water the roses.", "Bake bread.")
    run = plan(workspace, "Water the lilies.")
    sent: list[Prompt] = []

    def answer(prompt: Prompt) -> str:
        sent.append(prompt)
        return answer_relations(prompt)

    execute(workspace, run, answer)
    system, *shown, question = sent[0].messages
    assert (system.role, question) == ("system", Message("user", "Atomic task:\nWater the lilies."))
    assert [message.role for message in shown] == ["user", "assistant", "user", "assistant"]
    assert [message.content for message in shown[::2]] == [
        "Atomic task:\nBake bread.",
        "Atomic task:\nWater the roses.",
    ]
    outputs = ("parallel_task", "subsequent_task", "composition_task")
    assert json.loads(shown[3].content) == {key: fields_of("", "0")[key] for key in outputs}


def test_what_was_answered_with_examples_is_found_again(workspace: Workspace) -> None:
    accepted(workspace, "Water the roses.")
    run = plan(workspace, "Water the lilies.", "Count the pears.")
    execute(workspace, run, answer_relations, limit=1)
    calls: list[Prompt] = []
    workspace.runs.retry_failed(run.id)
    execute(workspace, run, lambda prompt: calls.append(prompt) or answer_relations(prompt))  # type: ignore[func-returns-value]
    assert len(calls) == 1
    (record, *_) = workspace.records.stream(Query(runs=(run.id,)))
    found = workspace.provenance.of(record)
    assert found is not None
    assert [example.fields["atom_task"] for example in found.examples] == ["Water the roses."]


def test_dialogues_are_shown_as_their_questions_and_then_as_their_answers(workspace: Workspace) -> None:
    first = workspace.plan_dialogues(INTENTS, endpoint=ENDPOINT, num_dialogs_per_intent=2, num_turns_per_dialog=2)
    execute(workspace, first, dialogue)
    made = list(workspace.records.stream(Query(runs=(first.id,))))
    decide(workspace, [record.number for record in made], ReviewStatus.ACCEPTED)
    run = workspace.plan_dialogues(
        INTENTS, endpoint=ENDPOINT, num_dialogs_per_intent=1, num_turns_per_dialog=2, seed=5, few_shot=FewShot(1)
    )
    sent: list[Prompt] = []
    execute(workspace, run, lambda prompt: sent.append(prompt) or dialogue(prompt))  # type: ignore[func-returns-value]
    skeleton = next(one for one in sent if "questions" in one.messages[0].content)
    answers = next(one for one in sent if "key answers" in one.messages[0].content)
    for prompt, key, role in ((skeleton, "questions", "user"), (answers, "answers", "assistant")):
        assert [message.role for message in prompt.messages] == ["system", "user", "assistant", "user"]
        texts = [[turn["value"] for turn in record.fields["conversation"] if turn["role"] == role] for record in made]
        assert json.loads(prompt.messages[2].content)[key] in texts
    shown = skeleton.messages[1].content
    assert "Information flow, " in shown
    assert "\n1. " in shown
    assert "wants to" in shown


def dialogue(prompt: Prompt) -> str:
    about = str(sum(map(len, (message.content for message in prompt.messages))))
    if "questions" in prompt.messages[0].content:
        return json.dumps({"questions": [f"What about {about}?"]})
    return json.dumps({"answers": [f"It is {about}."]})


def test_dialogues_of_another_length_or_language_are_not_shown(workspace: Workspace) -> None:
    turns = [{"role": "user", "value": "How?"}, {"role": "assistant", "value": "So."}]
    fields = {"intent": "Cooking", "flow": "F", "topic": "soup"}
    numbers = make_records(
        workspace,
        [fields | {"conversation": turns}, fields | {"topic": "stew", "conversation": turns * 2}],
        generator=DIALOGUES,
    )
    decide(workspace, numbers, ReviewStatus.ACCEPTED)
    params = {"num_turns_per_dialog": 2, "language": "English"}
    (examples,) = choose_examples(workspace.database, DIALOGUES, params, [fields | {"topic": "bread"}], THREE)
    assert [example.fields["topic"] for example in examples] == ["soup"]


def recipe(name: str) -> Fields:
    return {"recipe": {"name": name, "outputs": [{"name": "joke"}], "instruction": "About {topic}."}}


def custom(workspace: Workspace, name: str, *inputs: Fields) -> list[str]:
    """Records of a recipe's run, accepted."""
    run = workspace.runs.create(
        RunPlan(name, "GeneratorTask", recipe(name), ENDPOINT, "recipe", list(inputs), {"name": "recipe"})
    )
    ledger = workspace.ledger_of(run)
    ledger.write(
        Done(item, {"joke": f"A joke of {item.position}", "model_name": "m"})
        for item in ledger.pending(after=-1, count=100)
    )
    made = list(workspace.records.stream(Query(runs=(run.id,))))
    decide(workspace, [record.number for record in made], ReviewStatus.ACCEPTED)
    return [record.id for record in made]


def test_records_of_a_recipe_are_chosen_by_the_fields_that_they_were_made_from(workspace: Workspace) -> None:
    custom(workspace, "other", {"topic": "grey cats"})
    cats, _ = custom(workspace, "jokes", {"topic": "old cats"}, {"topic": "space travel"})
    (examples,) = choose_examples(
        workspace.database, "GeneratorTask", recipe("jokes"), [{"topic": "young cats"}], FewShot(1)
    )
    assert [(example.record, example.fields["topic"]) for example in examples] == [(cats, "old cats")]
    (examples,) = choose_examples(
        workspace.database, "GeneratorTask", recipe("jokes"), [{"topic": "old cats"}], FewShot(5)
    )
    assert [example.fields["topic"] for example in examples] == ["space travel"]


def test_inputs_without_a_text_are_shown_different_records(workspace: Workspace) -> None:
    ids = custom(workspace, "jokes", *({"offset": number} for number in range(4)))
    found = choose_examples(
        workspace.database, "GeneratorTask", recipe("jokes"), [{"offset": 4}, {"offset": 5}], FewShot(2)
    )
    assert [[example.record for example in examples] for examples in found] == [[ids[2], ids[3]], [ids[1], ids[2]]]


def test_a_small_model_is_shown_none(workspace: Workspace) -> None:
    accepted(workspace, "Water the roses.")
    with pytest.raises(UsageError, match="A small model follows the examples of its own prompt"):
        plan(workspace, "Water the lilies.", endpoint=EMBEDDED)


@pytest.mark.parametrize(
    ("settings", "sentence"), [((0, 9), "Between 1 and 20"), ((99, 9), "99"), ((1, 0), "at least")]
)
def test_numbers_that_mean_nothing_are_refused(settings: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        FewShot(*settings)


def test_a_recipes_accepted_records_are_shown_with_its_next_ones(workspace: Workspace) -> None:
    jokes = CustomRecipe(
        "Jokes",
        "Tell a joke about {topic}.",
        (OutputField("joke"),),
        variables={"topic": ("cats", "dogs", "trains", "planes")},
    )
    first = workspace.plan_custom(jokes, endpoint=ENDPOINT, count=2)
    execute(workspace, first, lambda _: json.dumps({"joke": "It never purrs twice."}))
    numbers = list(workspace.records.numbers(Query(runs=(first.id,))))
    decide(workspace, numbers, ReviewStatus.ACCEPTED)
    second = workspace.plan_custom(jokes, endpoint=ENDPOINT, count=1, seed=5, few_shot=FewShot(1))
    prompts: list[Prompt] = []

    def reply(prompt: Prompt) -> str:
        prompts.append(prompt)
        return json.dumps({"joke": "Another one."})

    execute(workspace, second, reply)
    question, answer = prompts[0].messages[-3:-1]
    assert question.content.startswith("Tell a joke about ")
    assert json.loads(answer.content) == {"joke": "It never purrs twice."}

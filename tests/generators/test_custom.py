"""Records of one's own: what a model is asked by a recipe, how its answer is read, and how the record goes on."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_core.errors import AnswerError, TruncatedError, UsageError
from dataflow_core.generators import build_generator
from dataflow_core.generators.custom import CustomGenerator
from dataflow_core.generators.field_values import read_value, written_value
from dataflow_core.generators.record_answer import RecordAnswer
from dataflow_core.models import (
    EMBEDDED,
    Completion,
    CustomRecipe,
    Example,
    Fields,
    Input,
    OutputField,
    Prompt,
    Record,
    ReviewStatus,
    Run,
    RunState,
    Stage,
)
from dataflow_core.planning.recipes import TYPES, builtin_recipes, read_recipe
from dataflow_core.running.asking import Asker
from dataflow_core.running.gate import Gate
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.queries import DUPLICATE, Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, execute, generate

REVIEWS = read_recipe(
    {
        "name": "Reviews",
        "instruction": "Write a review of {product}.",
        "system": "You are a customer.",
        "outputs": [
            {"name": "review", "description": "three sentences"},
            {"name": "stars", "type": "whole number"},
            {"name": "recommends", "type": "yes or no"},
            {"name": "points", "type": "list of texts"},
        ],
        "variables": {"product": ["a tent", "a kettle", "a lamp"]},
        "examples": [
            {"product": "a mug", "review": "It holds tea.", "stars": 4, "recommends": True, "points": ["holds tea"]},
            {"review": "It broke on the first day.", "stars": 1, "recommends": False, "points": ["breaks"]},
        ],
    }
)
GOOD: Fields = {"review": "It keeps dry.", "stars": 5, "recommends": True, "points": ["dry", "light"]}
ITEM: Fields = {"offset": 0, "product": "a tent"}


def read(answer: Any, *, finish_reason: str = "stop") -> tuple[Fields, tuple[str, ...]]:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    reading = RecordAnswer(REVIEWS).read(Completion((text,), "m", finish_reason))
    return reading.value.fields, reading.repairs


def all_records(workspace: Workspace) -> list[Record]:
    return workspace.records.page(workspace.records.numbers(Query()))


def good(prompt: Prompt) -> str:
    return json.dumps(GOOD | {"review": f"About it: {prompt.messages[-1].content}"})


@pytest.fixture
def run(workspace: Workspace) -> Run:
    run = workspace.plan_custom(REVIEWS, endpoint=ENDPOINT, count=3)
    execute(workspace, run, good)
    return run


def test_a_record_has_exactly_the_outputs_and_the_model_in_order() -> None:
    generator = CustomGenerator(REVIEWS)
    made = generate(generator, ITEM, [json.dumps({"extra": 1, **dict(reversed(GOOD.items()))})])
    assert list(made.items()) == [*GOOD.items(), ("model_name", "scripted")]
    assert tuple(made) == generator.output_keys


def test_the_model_is_shown_fields_examples_and_the_drawn_value() -> None:
    bright = {"review": "Bright.", "stars": 3, "recommends": True, "points": ["bright"]}
    few_shot = Example("r1", bright | {"model_name": "x"})
    other_shape = Example("r2", {"question": "?", "model_name": "x"})
    prompt = CustomGenerator(REVIEWS, temperature=0.4).prompt(Input("i", 0, ITEM, examples=(few_shot, other_shape)))
    system, *shots, question = prompt.messages
    assert system.content.startswith("You are a customer.")
    assert "- review (text): three sentences" in system.content
    assert "keys review, stars, recommends, points" in system.content
    assert [shot.role for shot in shots] == ["user", "assistant"] * 3
    assert shots[0].content == "Write a review of a mug."
    assert "{product}" not in shots[2].content  # it does not say which product it was
    assert json.loads(shots[5].content) == bright
    assert question.content == "Write a review of a tent."
    assert prompt.sampling.temperature == 0.4


def test_braces_in_a_value_are_text() -> None:
    prompt = CustomGenerator(REVIEWS).prompt(Input("i", 0, {"offset": 0, "product": "{offset} {x}"}))
    assert prompt.messages[-1].content == "Write a review of {offset} {x}."


@pytest.mark.parametrize(
    ("field", "given_value", "value"),
    [
        ("stars", "5", 5),
        ("stars", 5.0, 5),
        ("recommends", "Yes", True),
        ("recommends", "false", False),
        ("points", "- dry\n- light", ["dry", "light"]),
        ("points", ["dry", ""], ["dry"]),
        ("review", 12, "12"),
        ("review", ["One.", "Two."], "One.\nTwo."),
    ],
)
def test_a_value_of_another_type_is_read_and_marked_as_mended(field: str, given_value: Any, value: Any) -> None:
    fields, repairs = read(GOOD | {field: given_value})
    assert fields == GOOD | {field: value}
    assert repairs == ("a value of another type",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"stars": "many"}, "'stars' must be a whole number, and “many” is not in the answer."),
        ({"stars": 4.5}, "'stars' must be a whole number"),
        ({"stars": True}, "'stars' must be a whole number"),
        ({"recommends": "perhaps"}, "'recommends' must be yes or no"),
        ({"review": " "}, "'review' is empty"),
        ({"review": None}, "'review' is empty"),
        ({"review": {"text": "a"}}, "'review' must be a text"),
        ({"points": []}, "'points' is empty"),
    ],
)
def test_an_answer_that_breaks_the_schema_is_refused_with_what_is_wrong(change: Fields, sentence: str) -> None:
    with pytest.raises(AnswerError) as caught:
        read(GOOD | change)
    assert sentence in str(caught.value)


def test_answers_are_found_however_they_are_wrapped() -> None:
    assert read(f"<think>Hm.</think>Here it is:\n```json\n{json.dumps(GOOD)}\n```")[0] == GOOD
    assert read([GOOD]) == read({"record": GOOD}) == (GOOD, ("another shape",))
    renamed = {"Review": GOOD["review"], "STARS": 5, "recommends": True, "points": GOOD["points"]}
    assert read(renamed) == (GOOD, ("another shape",))
    with pytest.raises(AnswerError, match="lacks 'stars'"):
        read({"review": "a"})
    with pytest.raises(TruncatedError):
        read('{"review": "It keeps', finish_reason="length")


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(st.sampled_from(TYPES), anything)
def test_any_value_is_read_as_its_type_or_refused_and_comes_back_from_its_text(kind: Any, value: Any) -> None:
    try:
        found, _ = read_value(value, kind)
    except ValueError:
        return
    assert read_value(found, kind) == (found, False)
    assert not isinstance(found, float) or math.isfinite(found)
    if kind != "text":
        assert read_value(written_value(found, kind), kind)[0] == found


def test_an_unusable_answer_is_asked_for_again_and_then_a_failure(workspace: Workspace) -> None:
    run = workspace.plan_custom(REVIEWS, endpoint=ENDPOINT, count=1)
    serving = ScriptedServing([json.dumps(GOOD | {"stars": "many"}), "no"])
    execute(workspace, run, serving)
    (failure,) = workspace.runs.failures(run.id)
    assert failure.stage is Stage.PARSE
    assert "'stars' must be a whole number" in serving.prompts[1].messages[-1].content
    blank = workspace.blank(run, failure)
    assert blank == {"review": "", "stars": None, "recommends": None, "points": [], "model_name": ""}
    with pytest.raises(UsageError, match="stars is still empty"):
        workspace.review.write_for_failed(failure.input_id, blank | {"review": "Mine."}, author="Ada")
    mine = {"review": "Mine.", "stars": "0", "recommends": False, "points": ["a"], "model_name": ""}
    assert workspace.review.write_for_failed(failure.input_id, mine, author="Ada").fields["stars"] == 0


def test_an_input_without_what_the_instruction_names_fails_with_a_sentence() -> None:
    with pytest.raises(UsageError, match="The input has no “product”"):
        generate(CustomGenerator(REVIEWS), {"offset": 0}, [])


def test_it_is_pickled_and_rebuilt_from_its_params() -> None:
    generator = CustomGenerator(REVIEWS, temperature=0.2, seed=5)
    for other in (
        build_generator("GeneratorTask", generator.params, recipe="capable"),
        pickle.loads(pickle.dumps(generator)),
    ):
        assert isinstance(other, CustomGenerator)
        assert (other.params, other.prompt_version) == (generator.params, generator.prompt_version)


def test_a_scripts_own_task_cannot_be_rebuilt() -> None:
    with pytest.raises(UsageError, match="which only that script has"):
        build_generator("GeneratorTask", {"seed": 0}, recipe="capable")


def test_records_are_checked_and_found_as_duplicates(workspace: Workspace) -> None:
    run = workspace.plan_custom(REVIEWS, endpoint=ENDPOINT, count=3)
    replies = [
        json.dumps(GOOD),
        json.dumps(GOOD | {"review": "  it KEEPS dry. "}),
        json.dumps(GOOD | {"review": "I'm sorry, but I can't help with that, as an AI language model."}),
    ]
    execute(workspace, run, ScriptedServing(replies, max_workers=1))
    assert len(workspace.records.numbers(Query(findings=(DUPLICATE,)))) == 2
    (refused,) = workspace.records.page(workspace.records.numbers(Query(findings=("speaks-as-model",))))
    assert [finding.field for finding in workspace.records.findings(refused.id)] == ["review"]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"review": ""}, "empty"),
        ({"review": "..."}, "placeholder"),
        ({"review": "It is by [insert name] and good."}, "placeholder"),
        ({"review": "Sure, here is a review of it."}, "chatter"),
        ({"review": "It keeps dry and the"}, "cut-off"),
        ({"review": "It broke on the first day."}, "copies-example"),
    ],
)
def test_what_a_person_leaves_behind_is_noticed(workspace: Workspace, run: Run, change: Fields, check: str) -> None:
    record = all_records(workspace)[0]
    assert workspace.records.findings(record.id) == []
    workspace.review.edit(record.id, change, base_revision=1, author="Ada")
    assert [finding.check for finding in workspace.records.findings(record.id)] == [check]


def test_an_edit_has_to_be_of_the_fields_type(workspace: Workspace, run: Run) -> None:
    record = all_records(workspace)[0]
    with pytest.raises(UsageError, match="“stars” must be a whole number, and “many” is not"):
        workspace.review.edit(record.id, {"stars": "many"}, base_revision=1, author="Ada")
    edited = workspace.review.edit(record.id, {"stars": "4", "review": ""}, base_revision=1, author="Ada")
    assert (edited.record.fields["stars"], edited.record.fields["review"]) == (4, "")


def test_a_record_is_written_again_by_its_recipe_with_the_note(workspace: Workspace, run: Run) -> None:
    record = all_records(workspace)[1]
    asked = workspace.rewriting.plan([record.id], "Make it angrier.", endpoint=ENDPOINT, author="Ada")
    serving = ScriptedServing([json.dumps(GOOD | {"review": "Never again!", "stars": 1})])
    execute(workspace, asked, serving)
    material = serving.prompts[0].messages[1].content
    assert "Make it angrier." in material
    assert record.fields["review"].removeprefix("About it: ") in material
    (proposal,) = workspace.proposals.open_for(record.number)
    changed = workspace.rewriting.accept(proposal.number, author="Ada")
    assert changed.fields == GOOD | {"review": "Never again!", "stars": 1, "model_name": "scripted"}
    assert changed.status is ReviewStatus.UNREVIEWED


def test_a_record_without_a_recipe_cannot_be_written_again(workspace: Workspace) -> None:
    record = workspace.review.add({"joke": "Ha.", "model_name": ""}, generator="GeneratorTask", author="Ada")
    with pytest.raises(UsageError, match="No recipe is known for this record"):
        workspace.rewriting.plan([record.id], "Better!", endpoint=ENDPOINT, author="Ada")


def test_a_small_model_writes_a_record_again_by_the_examples(workspace: Workspace) -> None:
    jokes = next(recipe for recipe in builtin_recipes() if recipe.name == "Jokes")
    run = workspace.plan_custom(jokes, endpoint=EMBEDDED, count=1)
    execute(workspace, run, ScriptedServing([" Why do cats sit?", " They can."], recipe="small"))
    record = all_records(workspace)[0]
    asked = workspace.rewriting.plan([record.id], "", endpoint=EMBEDDED, author="Ada")
    execute(workspace, asked, ScriptedServing([" Why do cats stare?", " It is free."], recipe="small"))
    (proposal,) = workspace.proposals.open_for(record.number)
    assert proposal.fields == {"setup": "Why do cats stare?", "punchline": "It is free.", "model_name": "scripted"}


def test_the_run_of_a_scripts_own_task_pauses_with_what_to_do(workspace: Workspace) -> None:
    plan = RunPlan(
        name="mine",
        generator="GeneratorTask",
        params={},
        endpoint=ENDPOINT,
        prompt_version="script",
        inputs=[{"offset": 0}],
        source={},
    )
    run = workspace.runs.create(plan)
    with pytest.raises(UsageError, match="Run the script again: it goes on"):
        asyncio.run(workspace.execute(run.id, serving=ScriptedServing([])))
    paused = workspace.runs.get(run.id)
    assert (paused.state, paused.stopped_by) == (RunState.PAUSED, "problem")
    assert "Run the script again" in paused.reason


def test_the_origin_of_a_record_tells_what_was_drawn(workspace: Workspace, run: Run) -> None:
    record = all_records(workspace)[0]
    found = workspace.provenance.of(record)
    assert found is not None
    assert found.fields["product"] in REVIEWS.variables["product"]
    assert found.calls[0].prompt_version == run.prompt_version


# ---- a small model ----


def small(recipe: CustomRecipe, fields: Fields, reply: Any) -> tuple[Fields, list[Prompt]]:
    serving = ScriptedServing(reply, recipe="small")

    async def make() -> Fields:
        item = Input("i", 0, fields)
        return await CustomGenerator(recipe, recipe="small").generate(
            item, Asker(item, serving, Gate(ENDPOINT), lambda _: None, {})
        )

    return asyncio.run(make()), serving.prompts


def test_a_small_model_completes_examples_a_field_at_a_time() -> None:
    jokes = next(recipe for recipe in builtin_recipes() if recipe.name == "Jokes")
    made, prompts = small(
        jokes,
        {"offset": 0, "topic": "cats"},
        [" Why do cats sit?\n", Completion((" Because.", " They can.", "x", ""), "tiny")],
    )
    assert made == {"setup": "Why do cats sit?", "punchline": "Because.", "model_name": "tiny"}
    assert (prompts[0].text or "").endswith("\n\ntopic: cats\nsetup:")
    assert (prompts[1].text or "").endswith("\n\ntopic: cats\nsetup: Why do cats sit?\npunchline:")
    assert (prompts[0].text or "").startswith("topic: scarecrows\nsetup: ")


def test_a_small_model_writes_other_types_too() -> None:
    recipe = read_recipe(REVIEWS.as_fields() | {"examples": [REVIEWS.examples[0]]})
    made, _ = small(recipe, ITEM, [" It is dry.", " 4 of 5", " yes, it does", " dry; light"])
    assert made == {
        "review": "It is dry.",
        "stars": 4,
        "recommends": True,
        "points": ["dry", "light"],
        "model_name": "scripted",
    }


def test_copies_of_examples_and_loops_of_a_small_model_are_refused() -> None:
    jokes = next(recipe for recipe in builtin_recipes() if recipe.name == "Jokes")
    bad = Completion(("Why did the scarecrow win a prize?", "no no no no no no no no?", "", "Why did the"), "tiny")
    with pytest.raises(AnswerError, match="nothing usable for “setup”"):
        small(jokes, {"offset": 0, "topic": "cats"}, [bad, bad])


def test_without_examples_a_small_model_is_asked_in_words() -> None:
    recipe = CustomRecipe("R", "Tell a joke about {x}.", (OutputField("joke", "the joke"),), {"x": ("cats",)})
    made, prompts = small(recipe, {"offset": 0, "x": "cats"}, ["A cat sat. And then it"])
    assert made["joke"] == "A cat sat."
    assert prompts[0].messages[0].content == "Tell a joke about cats.\n\nNow write only this: the joke."

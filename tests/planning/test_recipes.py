"""Recipes: what a person may write, what is refused with a sentence, and how inputs are drawn from the lists."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dataflow_core.errors import UsageError
from dataflow_core.models import CustomRecipe, Fields, OutputField
from dataflow_core.planning.recipes import (
    builtin_recipes,
    combinations,
    draw,
    read_recipe,
    recipe_as_yaml,
    recipe_from_yaml,
    schema_of,
)
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT

JOKES: Fields = {
    "name": "Jokes",
    "instruction": "Write a joke about {topic} in the style of {style}.",
    "outputs": [
        {"name": "setup", "description": "the question"},
        {"name": "punchline", "type": "text"},
        {"name": "stars", "type": "whole number"},
    ],
    "variables": {"topic": ["cats", "rain"], "style": ["a pirate", "a poet", "a judge"]},
    "examples": [{"topic": "bread", "style": "a poet", "setup": "What rises?", "punchline": "Dough.", "stars": "4"}],
}

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8).filter(str.strip)
lists = st.dictionaries(
    st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(lambda name: name not in ("offset", "model_name")),
    st.lists(st.integers(0, 99).map(str), min_size=1, max_size=6, unique=True),
    max_size=4,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
likely = st.dictionaries(
    st.sampled_from(["name", "instruction", "outputs", "variables", "examples", "system"]), json_values, max_size=6
)


def test_a_recipe_is_read_as_it_was_written() -> None:
    recipe = read_recipe(JOKES)
    assert recipe.outputs[0] == OutputField("setup", "the question", "text")
    assert recipe.variables == {"topic": ("cats", "rain"), "style": ("a pirate", "a poet", "a judge")}
    assert recipe.examples[0]["stars"] == 4
    assert read_recipe(recipe.as_fields()) == recipe


def test_outputs_and_lists_may_be_written_in_short() -> None:
    recipe = read_recipe(
        {
            "name": "R",
            "instruction": "Of {x}.",
            "outputs": ["a", {"name": "b", "type": "integer"}],
            "variables": {"x": "1\n2\n"},
        }
    )
    assert [(one.name, one.type) for one in recipe.outputs] == [("a", "text"), ("b", "whole number")]
    assert recipe.variables == {"x": ("1", "2")}
    described = read_recipe(
        {"name": "R", "instruction": "Go.", "outputs": {"a": "what it is", "b": {"type": "number"}}}
    )
    assert described.outputs == (OutputField("a", "what it is"), OutputField("b", "", "number"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": " "}, "The recipe has no name"),
        ({"instruction": ""}, "The recipe has no instruction"),
        ({"outputs": []}, "The recipe has no outputs"),
        ({"outputs": [{"name": ""}]}, "An output has no name"),
        ({"outputs": [{"name": "a b"}]}, "An output cannot be named “a b”: a name begins with a letter"),
        ({"outputs": [{"name": "a", "type": "date"}]}, "“a” has the unknown type “date”. The types are: text, number"),
        ({"outputs": [{"name": "a", "kind": "text"}]}, "An output has no “kind”"),
        ({"outputs": ["a", "a"]}, "Two outputs are named “a”"),
        ({"outputs": ["model_name"]}, "An output cannot be named model_name"),
        ({"instruction": "About {colour}."}, "{colour} stands in the instruction, but there is no list"),
        ({"variables": {"topic": []}}, "The list “topic” has no values"),
        ({"variables": {"offset": ["1"]}}, "A list cannot be named offset"),
        ({"variables": {"topic": [True]}}, "The list “topic” has a value that reads as true"),
        ({"variables": ["topic"]}, "The variables are lists of values by name"),
        ({"examples": [{"setup": "a", "punchline": "b"}]}, "Example 1 lacks “stars”"),
        (
            {"examples": [{"setup": "a", "punchline": "b", "stars": "many"}]},
            "Example 1: “stars” must be a whole number",
        ),
        ({"examples": [{"setup": " ", "punchline": "b", "stars": 1}]}, "Example 1: “setup” is empty"),
        ({"examples": [{"setup": "a", "punchline": "b", "stars": 1, "x": 1}]}, "neither an output nor a list"),
        ({"instructions": "x"}, "A recipe has no “instructions”"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(change: Fields, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_recipe(JOKES | change)
    assert sentence in str(caught.value)


def test_a_name_may_stand_for_a_column_of_the_inputs() -> None:
    written = JOKES | {"instruction": "A joke for {title} by {topic}, {style}, number {offset}."}
    with pytest.raises(UsageError, match="no list of values for “title”"):
        read_recipe(written)
    assert read_recipe(written, columns=["title"]) == read_recipe(written, columns=None)


@given(json_values | likely)
def test_whatever_is_written_is_a_recipe_or_a_usage_error(written: Any) -> None:
    with suppress(UsageError):
        recipe = read_recipe(written)
        assert read_recipe(recipe.as_fields()) == recipe


@given(st.text(max_size=80) | likely.map(lambda value: yaml.safe_dump(value)))
def test_whatever_a_file_holds_is_a_recipe_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        recipe_from_yaml(text)


@pytest.mark.parametrize("recipe", builtin_recipes(), ids=lambda recipe: recipe.name)
def test_built_in_recipes_come_back_from_their_file(recipe: CustomRecipe) -> None:
    assert recipe_from_yaml(recipe_as_yaml(recipe)) == recipe
    assert len(recipe.examples) >= 3


def test_a_recipe_comes_back_from_its_file_with_line_ends_of_any_kind_and_an_example_that_is_there_twice() -> None:
    example: Fields = {"text": "One\x85two\u2028three\nfour", "list": ["a", "b"]}
    outputs = (OutputField("text"), OutputField("list", "", "list of texts"))
    recipe = CustomRecipe("R", "Write\x85on\ntwo lines. 🙂", outputs, {}, (example, example))
    assert recipe_from_yaml(recipe_as_yaml(recipe)) == recipe


def test_the_schema_is_strict() -> None:
    assert schema_of(read_recipe(JOKES)) == {
        "type": "object",
        "properties": {
            "setup": {"type": "string", "description": "the question"},
            "punchline": {"type": "string"},
            "stars": {"type": "integer"},
        },
        "required": ["setup", "punchline", "stars"],
        "additionalProperties": False,
    }


def recipe_with(variables: dict[str, list[str]]) -> CustomRecipe:
    return CustomRecipe("R", "Go.", (OutputField("text"),), {name: tuple(values) for name, values in variables.items()})


@given(lists, st.integers(1, 40), st.integers(0, 99))
def test_draws_are_the_same_each_time_and_a_larger_number_only_appends(
    variables: dict[str, list[str]], count: int, seed: int
) -> None:
    recipe = recipe_with(variables)
    drawn = list(draw(recipe, count, seed))
    assert drawn == list(draw(recipe, count, seed)) == list(draw(recipe, count + 7, seed))[:count]
    assert [one["offset"] for one in drawn] == list(range(count))


@given(lists, st.integers(0, 99))
def test_no_combination_comes_again_before_all_were_used(variables: dict[str, list[str]], seed: int) -> None:
    recipe = recipe_with(variables)
    whole = combinations(recipe)
    drawn = [tuple(one[name] for name in variables) for one in draw(recipe, 2 * whole, seed)]
    assert len(set(drawn[:whole])) == len(set(drawn[whole:])) == whole


def test_no_value_of_a_list_is_far_ahead_of_another() -> None:
    recipe = builtin_recipes()[0]
    for part in (26, 100, 200):
        counts = Counter(one["place"] for one in draw(recipe, part, 3))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_other_records_are_inputs_one_each_with_values_beside_them() -> None:
    recipe = read_recipe(JOKES | {"instruction": "Make {title} funny, as {style}."}, columns=["title"])
    found = list(draw(recipe, inputs=[{"title": "A", "n": 1}, {"title": "B", "n": 2}]))
    assert [(one["offset"], one["title"], one["n"]) for one in found] == [(0, "A", 1), (1, "B", 2)]
    assert {one["style"] for one in found} <= {"a pirate", "a poet", "a judge"}
    assert len(list(draw(recipe, 1, inputs=[{"title": "A"}, {"title": "B"}]))) == 1
    with pytest.raises(UsageError, match="input 2 has no such field"):
        draw(recipe, inputs=[{"title": "A"}, {"name": "B"}])
    with pytest.raises(UsageError, match="is a list of the recipe and a field of its inputs"):
        draw(recipe, inputs=[{"title": "A", "topic": "x"}])
    with pytest.raises(UsageError, match="no records to be its inputs"):
        draw(recipe, inputs=[])
    with pytest.raises(UsageError, match="Say how many records"):
        draw(read_recipe(JOKES))


def test_a_planned_run_keeps_the_recipe_it_was_planned_with(workspace: Workspace) -> None:
    recipe = read_recipe(JOKES)
    run = workspace.plan_custom(recipe, endpoint=ENDPOINT, count=4, temperature=0.8, seed=3)
    assert (run.name, run.generator) == ("Jokes", "GeneratorTask")
    assert run.params == {"recipe": recipe.as_fields(), "temperature": 0.8, "seed": 3, "count": 4}
    assert run.prompt_version.startswith("custom/1 · Jokes@")
    assert workspace.runs.progress(run.id).total == 4
    changed = workspace.plan_custom(read_recipe(JOKES | {"system": "Be kind."}), endpoint=ENDPOINT, count=4)
    assert changed.prompt_version != run.prompt_version
    assert not workspace.records.numbers(Query())


def test_a_recipe_put_together_by_a_script_is_checked_too(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="cannot be named model_name"):
        workspace.plan_custom(CustomRecipe("R", "Go.", (OutputField("model_name"),)), endpoint=ENDPOINT, count=1)
    with pytest.raises(UsageError, match="no list of values for “x”"):
        workspace.plan_custom(CustomRecipe("R", "Go {x}.", (OutputField("a"),)), endpoint=ENDPOINT, count=1)
    assert workspace.runs.all() == []


def test_a_yaml_that_would_swell_or_nest_without_end_is_refused() -> None:
    for text in ("[" * 100_000, "- " * 100_000, "name: &a [x, x]\ninstruction: [*a, *a]"):
        with pytest.raises(UsageError, match=r"levels deep|the reference \*a"):
            recipe_from_yaml(text)


@pytest.mark.parametrize("value", ["!!int", '!!int ""', "!!int '-'", "!!float _", "!!bool x", "!!int 0x"])
def test_a_value_that_is_not_of_the_type_that_it_says_is_refused_with_its_line(value: str) -> None:
    with pytest.raises(UsageError, match=r"The recipe, line 2: '.*' cannot be read as a value"):
        recipe_from_yaml(f"name: R\ninstruction: {value}")

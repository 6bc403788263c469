"""A recipe's `run` in a script: what it returns and writes, with anyone's serving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataflow_core.errors import UsageError
from dataflow_core.models import CustomRecipe, OutputField
from dataflow_core.scripting.file_storage import FileStorage
from dataflow_core.scripting.pipeline import Pipeline
from dataflow_core.scripting.recipe_generator import RecipeGenerator
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.scripting.tasks import Yielding

RIDDLES = CustomRecipe(
    "Riddles",
    "Write a riddle about {topic}.",
    (OutputField("riddle"), OutputField("level", type="whole number")),
    variables={"topic": ("a shadow", "an echo", "the moon")},
)
HINTS = CustomRecipe("Hints", "Write a hint for: {riddle}", (OutputField("hints", type="list of texts"),))


class Riddler:
    model_name = "riddler"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def generate_from_input(self, user_inputs: list[str], system_prompt: str) -> list[str | None]:
        self.asked += user_inputs
        return [self.answer(text) for text in user_inputs]

    def answer(self, text: str) -> str | None:
        if "hint" in text:
            return json.dumps({"hints": ["Think of light."]})
        return None if "an echo" in text else json.dumps({"riddle": f"What am I? {text}", "level": 2})


def test_generate_from_input_alone_is_enough_for_a_recipe(tmp_path: Path) -> None:
    generator = RecipeGenerator(Riddler(), RIDDLES)
    storage = FileStorage("", str(tmp_path / "cache"))
    frame = generator.run(storage.step(), 3)
    assert list(frame.columns) == ["riddle", "level", "model_name"]
    assert (len(frame), len(generator.failures)) == (2, 1)
    rows = storage.step().read("dict")
    assert rows == frame.to_dict("records")
    assert {(row["level"], row["model_name"]) for row in rows} == {(2, "riddler")}
    assert storage.run_folder.exists() is False


def test_rows_of_a_step_are_what_the_next_records_are_made_from(tmp_path: Path) -> None:
    storage = FileStorage("", str(tmp_path / "cache"))
    RecipeGenerator(Riddler(), RIDDLES).run(storage.step(), 1)
    riddler = Riddler()
    frame = RecipeGenerator(riddler, HINTS).run(storage.step())
    assert frame["hints"].tolist() == [["Think of light."]]
    assert riddler.asked[0].startswith("Write a hint for: What am I?")


def test_a_recipe_runs_in_a_workspace_and_calls_nobody_again_for_what_is_there(tmp_path: Path) -> None:
    recipe = CustomRecipe("Moons", "Write about {topic}.", RIDDLES.outputs, variables={"topic": ("the moon", "a star")})
    first, second = Riddler(), Riddler()
    for riddler in (first, second):
        storage: Any = FileStorage("", str(tmp_path / "cache"))
        RecipeGenerator(riddler, recipe).run(storage.step(), 2, workspace=tmp_path / "work")
    workspace = Workspace(tmp_path / "work")
    assert (len(first.asked), second.asked, workspace.records.count(Query())) == (2, [], 2)
    workspace.close()


def test_lists_are_refused_for_csv_before_anything_is_asked(tmp_path: Path) -> None:
    riddler = Riddler()
    with pytest.raises(UsageError, match="hints"):
        RecipeGenerator(riddler, HINTS).run(FileStorage("", str(tmp_path), cache_type="csv").step(), 1)
    assert riddler.asked == []


def test_in_a_pipeline_a_recipe_with_lists_makes_a_record_of_each_row(tmp_path: Path) -> None:
    recipe = CustomRecipe("R", "Riddle {a} for {whom}.", RIDDLES.outputs, variables={"whom": ("a child", "a poet")})
    with Pipeline("riddles") as pipeline:
        rows = Yielding(llm=Riddler(), given=[{"a": "of night"}, {"a": "of day"}])
        rows >> RecipeGenerator(riddler := Riddler(), recipe)
    made = pipeline.run(tmp_path / "work")
    assert (len(made["default"]["train"]), made.failures) == (2, {})
    assert sorted(" ".join(text.split()[1:4]) for text in riddler.asked) == ["of day for", "of night for"]
    assert {"child" in text for text in riddler.asked} == {True, False}


def test_what_is_no_recipe_is_refused_in_a_sentence() -> None:
    with pytest.raises(UsageError, match="A recipe is a mapping"):
        RecipeGenerator(Riddler(), "Riddles")  # type: ignore[arg-type]
